"""The attacks that hold one conversation per goal: GOAT, and Crescendo with its backtracks."""

from __future__ import annotations

from dataclasses import dataclass

from backslide.core.records import Message
from backslide.redteam.adaptive.attack import Attack, Draft
from backslide.redteam.adaptive.plan import CrescendoBudget, GoatBudget
from backslide.redteam.adaptive.side import Aimed, Shot, Side
from backslide.redteam.adaptive.wording import note, phrases, quoted, state, transcript


@dataclass(kw_only=True, slots=True)
class Talk:
    """Where the conversation on one goal stands. ``turns`` counts turns that are used up."""

    history: tuple[Message, ...] = ()
    turns: int = 0
    backtracks: int = 0
    state: str = "start"
    taken_back: str = ""
    over: bool = False


class Conversing(Attack):
    """A conversation per goal, one message a round."""

    template: str
    turns: int

    def __init__(self, side: Side) -> None:
        super().__init__(side)
        self.talks = [Talk() for _ in side.goals]

    def open(self) -> list[int]:
        return [i for i, t in enumerate(self.talks) if not t.over and t.turns < self.turns]

    def step(self, number: int) -> None:
        goals = self.open()
        aimed = self.write(number, [self._draft(i) for i in goals], techniques=self._named())
        for goal in (g for g, a in zip(goals, aimed, strict=True) if a is None):
            self.talks[goal].turns += 1
        sent = [a for a in aimed if a is not None]
        for one, shot in zip(sent, self.send(sent), strict=True):
            self._answered(self.talks[one.goal], one, shot)

    def _named(self) -> bool:
        return False

    def _draft(self, goal: int) -> Draft:
        talk = self.talks[goal]
        return Draft(
            goal=goal,
            turn=talk.turns + 1,
            template=self.template,
            values=self._values(talk),
            history=talk.history,
        )

    def _values(self, talk: Talk) -> dict[str, str]:
        return {
            "turn": str(talk.turns + 1),
            "turns": str(self.turns),
            "transcript": transcript(talk.history),
            "state": state(talk.state),
        }

    def _answered(self, talk: Talk, aimed: Aimed, shot: Shot) -> None:
        talk.turns += 1
        talk.state = shot.outcome
        talk.over = shot.outcome == "complied"
        # After a failed request there is no answer to go on from: the turn is used up, no more.
        if shot.response.text is not None:
            talk.history = shot.conversation


class Goat(Conversing):
    """GOAT (Pavlova et al. 2024, arXiv 2410.01606, section 3): each turn the attacker observes,
    thinks, chooses among seven techniques and writes. Nothing is taken back."""

    template = "goat"

    def __init__(self, side: Side, budget: GoatBudget) -> None:
        super().__init__(side)
        self.turns = budget.turns

    def _named(self) -> bool:
        return True

    def _values(self, talk: Talk) -> dict[str, str]:
        known = phrases()["techniques"]
        lines = "\n".join(f"- {t['name']}: {t['text']}" for t in known)
        return {**super()._values(talk), "techniques": lines}


class Crescendo(Conversing):
    """Crescendo (Russinovich et al. 2024, arXiv 2404.01833, section 5, Crescendomation): small
    steps from what the model said. A refused message is taken back, with its answer, and is no
    turn, as long as backtracks are left; then it stays and counts, as in PyRIT."""

    template = "crescendo"

    def __init__(self, side: Side, budget: CrescendoBudget) -> None:
        super().__init__(side)
        self.turns = budget.turns
        self.backtracks = budget.backtracks

    def _values(self, talk: Talk) -> dict[str, str]:
        values = super()._values(talk)
        if talk.taken_back:
            said = note("taken_back").format(backtracks=talk.backtracks, most=self.backtracks)
            values["state"] = f"{said}\n{quoted(talk.taken_back)}"
        return values

    def _answered(self, talk: Talk, aimed: Aimed, shot: Shot) -> None:
        if shot.outcome == "refused" and talk.backtracks < self.backtracks:
            talk.backtracks += 1
            talk.taken_back = aimed.proposal.message
            return
        talk.taken_back = ""
        super()._answered(talk, aimed, shot)
