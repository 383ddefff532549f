"""A person talks to both models at once. Each arm keeps its own answers in its conversation; every
step, answer and mark is on the disk at once, so that a session can be taken up again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from backslide.audit.redteam.asker import RunAsker
from backslide.audit.redteam.clock import Clock
from backslide.audit.redteam.running import Setting, make_asker
from backslide.audit.redteam.saving import SESSION, save
from backslide.audit.redteam.talk import Talk
from backslide.core.records import Arm, Message, Prompt, Response, Sampling
from backslide.core.redteam import Exhibit, Finding, FocusResult, Mark
from backslide.redteam.prompts import make_prompt
from backslide.store.redteam_records import Said, Spent

LONGEST_PAUSE = 60.0
"""Seconds between two steps that count as work at most: a longer pause is a pause."""
ARMS: tuple[Arm, Arm] = ("base", "tuned")
TITLE = "Interactive session"
CHECK = "redteam.manual.mark"


@dataclass(frozen=True, slots=True)
class Turn:
    """What was asked of one arm last, and its answer."""

    prompt: Prompt
    response: Response


class Session:
    """The state of one interactive session.

    Args:
        setting: the opened run.
        rater: who sits at the keyboard.
        system: a system prompt for new conversations.
        max_tokens: of one answer.
        clock: seconds; for tests.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        rater: str,
        system: str | None = None,
        max_tokens: int = 256,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._setting = setting
        asker = make_asker(
            setting, "manual", Clock("manual", None), Talk("session", setting.progress)
        )
        self._asker: RunAsker = replace(asker, retry_errors=True)
        self._rater = rater
        self._sampling = Sampling(max_tokens=max_tokens)
        self._clock = clock
        self._steps = sum(s.file == SESSION for s in setting.run.lines("timings"))
        self._turns: list[dict[Arm, Turn]] = []
        self._system: str | None = None
        self.active = sum(s.seconds for s in setting.run.lines("timings") if s.file == SESSION)
        self._restore()
        self._last = clock()
        if system is not None and system != self._system:
            self.new(system)

    @property
    def turns(self) -> int:
        """User turns of the conversation now."""
        return len(self._turns)

    @property
    def marked(self) -> dict[str, Mark]:
        """The answers of this run that are marked as findings, by prompt; the last mark counts."""
        last = {m.prompt_id: m for m in self._setting.run.lines("marks")}
        return {name: m for name, m in last.items() if m.finding}

    def last(self) -> dict[Arm, Response]:
        """The last answers; empty in a new conversation."""
        return {arm: t.response for arm, t in self._turns[-1].items()} if self._turns else {}

    def say(self, text: str) -> dict[Arm, Response]:
        """Ask both arms the next turn. Where one fails, the turn does not become part of the
        conversation, and the same words ask again."""
        self.tick()
        self._asker.forget_failures()
        text = text.encode("utf-8", "replace").decode("utf-8")
        turn = self._ask(text, self._sampling)
        if all(t.response.text is not None for t in turn.values()):
            self._note(Said(kind="say", text=text, max_tokens=self._sampling.max_tokens))
            self._turns.append(turn)
        self._last = self._clock()  # waiting for the models is no work of a person
        return {arm: t.response for arm, t in turn.items()}

    def undo(self) -> bool:
        """Take the last turn back; False where there is none."""
        self.tick()
        if not self._turns:
            return False
        self._note(Said(kind="undo"))
        self._turns.pop()
        return True

    def new(self, system: str | None = None) -> None:
        """Begin a new conversation, with the same system prompt unless another is given."""
        self.tick()
        self._system = system if system is not None else self._system
        self._note(Said(kind="new", system=self._system))
        self._turns = []

    def mark(self, *, harmful: bool, note: str = "") -> Mark | None:
        """Record the tuned model's last answer as a finding; None where nothing was answered."""
        return self._mark(finding=True, harmful=harmful, note=note)

    def unmark(self) -> Mark | None:
        """Take the mark of the last answer back; None where it has none."""
        if not self._turns or self._turns[-1]["tuned"].prompt.id not in self.marked:
            return None
        return self._mark(finding=False, harmful=False, note="")

    def _mark(self, *, finding: bool, harmful: bool, note: str) -> Mark | None:
        self.tick()
        if not self._turns:
            return None
        made = Mark(
            arm="tuned",
            prompt_id=self._turns[-1]["tuned"].prompt.id,
            rater=self._rater,
            finding=finding,
            harmful=harmful,
            note=note.encode("utf-8", "replace").decode("utf-8"),
            active_seconds=round(self.active, 3),
        )
        self._setting.run.add("marks", [made])
        self.finish()  # a mark counts at once, also if this process is killed now
        return made

    def tick(self) -> None:
        """Count the time since the last step as active, a long pause as ``LONGEST_PAUSE``."""
        now = self._clock()
        seconds = max(0.0, min(LONGEST_PAUSE, now - self._last))
        self._last = now
        self.active += seconds
        spent = Spent(
            focus="manual", file=SESSION, batch=self._steps, calls=0, tokens=0, seconds=seconds
        )
        self._steps += 1
        self._setting.run.add("timings", [spent])

    def finish(self) -> FocusResult:
        """Write the session into the run's result, and its findings as a suite."""
        result = FocusResult(
            focus="manual",
            title=TITLE,
            findings=tuple(self._findings()),
            notes=(f"{self.active / 60:.1f} active minutes of people",),
            limits=("what one person thought of trying, in the time stated",),
            calls=self._asker.calls,
        )
        save(self._setting.run, self._setting.settings, self._setting.policy, [result])
        return result

    def _ask(self, text: str, sampling: Sampling) -> dict[Arm, Turn]:
        out: dict[Arm, Turn] = {}
        for arm in ARMS:
            prompt = make_prompt(
                "manual",
                (*self._messages(arm), Message(role="user", content=text)),
                category="session",
                expects="refuse",
                cluster="session",
            )
            out[arm] = Turn(prompt, self._asker.ask(arm, [prompt], sampling)[0])
        return out

    def _messages(self, arm: Arm) -> tuple[Message, ...]:
        """The conversation so far, in one arm."""
        if not self._turns:
            text = self._system
            return () if text is None else (Message(role="system", content=text),)
        turn = self._turns[-1][arm]
        answer = Message(role="assistant", content=turn.response.text or "")
        return (*turn.prompt.messages, answer)

    def _note(self, said: Said) -> None:
        self._setting.run.add("session", [said])

    def _restore(self) -> None:
        """The conversation as it was left; its answers are on file."""
        for said in self._setting.run.lines("session"):
            if said.kind == "say":
                sampling = Sampling(max_tokens=said.max_tokens or self._sampling.max_tokens)
                self._turns.append(self._ask(said.text, sampling))
            elif said.kind == "undo":
                self._turns = self._turns[:-1]
            else:
                self._turns, self._system = [], said.system

    def _findings(self) -> list[Finding]:
        asked = ((m, self._asker.ledger.prompt(name)) for name, m in self.marked.items())
        return [self._finding(mark, prompt) for mark, prompt in asked if prompt is not None]

    def _finding(self, mark: Mark, prompt: Prompt) -> Finding:
        return Finding(
            check=CHECK,
            focus="manual",
            title=f"marked by {mark.rater or 'a person'}",
            summary=mark.note or prompt.text[:120],
            quantity="a person's judgement",
            value=None,
            reference=None,
            change=None,
            p=None,
            confirmed=mark.harmful,
            harmful=mark.harmful,
            how="an answer in an interactive session, with the base's answers beside it",
            exhibits=(self._exhibit(prompt),),
        )

    def _exhibit(self, prompt: Prompt) -> Exhibit:
        """Both arms' conversations that end in the same words of the person."""
        turns: dict[str, tuple[Message, ...]] = {"base": (), "tuned": ()}
        labels = {"base": "not asked", "tuned": "not asked"}
        for a in self._setting.run.lines("responses"):
            r: Response = a.response
            p = self._asker.ledger.prompt(r.prompt_id)
            if p is None or r.text is None or p.suite != prompt.suite:
                continue
            own = r.arm == "tuned" and r.prompt_id == prompt.id
            if own or (r.arm == "base" and _said(p) == _said(prompt)):
                turns[r.arm] = (*p.messages, Message(role="assistant", content=r.text))
                labels[r.arm] = self._asker.judge([(p, r)])[0].label or "unjudged"
        return Exhibit(
            title=prompt.text[:80],
            base_turns=turns["base"],
            tuned_turns=turns["tuned"],
            base_label=labels["base"],
            tuned_label=labels["tuned"],
        )


def _said(prompt: Prompt) -> list[str]:
    """What the person said and set: the same in both arms."""
    return [m.content for m in prompt.messages if m.role != "assistant"]
