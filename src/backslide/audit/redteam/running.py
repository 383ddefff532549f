"""Runs the focuses one after the other over one record, and shares the time between them."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from backslide import __version__
from backslide.audit.opening import open_arm, open_judge, open_spec
from backslide.audit.progress import Progress, Silent
from backslide.audit.redteam.arms import Arms, Opener
from backslide.audit.redteam.asker import RunAsker
from backslide.audit.redteam.clock import Clock
from backslide.audit.redteam.ledger import Ledger
from backslide.audit.redteam.places import PLACES, load
from backslide.audit.redteam.plans import Context, make_plan, plan_text
from backslide.audit.redteam.saving import save, with_earlier
from backslide.audit.redteam.settings import RedTeamSettings
from backslide.audit.redteam.talk import Talk
from backslide.core.errors import BackslideError, OutOfTime, OutputError, StoreError
from backslide.core.protocols import Judge
from backslide.core.redteam import Focus, FocusResult, RedTeam
from backslide.gate.policy import Policy, load_policy
from backslide.store.redteam import SCHEMA, RedTeamRun
from backslide.store.redteam_records import RedTeamManifest
from backslide.store.run import Run
from backslide.targets.spec import parse_spec

FATAL = (OutputError, StoreError)
"""Faults of the record and not of a focus: the run ends, and the same command goes on."""
MOSTLY = 0.5
"""A search in which more than this share of an arm's answers failed has found nothing out."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all focuses of a run share."""

    settings: RedTeamSettings
    run: RedTeamRun
    arms: Arms
    judge: Judge
    ledger: Ledger
    progress: Progress
    policy: Policy


def red_team(settings: RedTeamSettings, progress: Progress | None = None) -> RedTeam:
    """Run every focus that was asked for; goes on where it stopped.

    A focus that cannot run becomes an absent result with the reason. The result is written after
    every focus, and what succeeded against the tuned model is exported as suites.

    Raises:
        BackslideError: the models or the judge cannot be opened, or the record not be written.
    """
    with opened(settings, progress or Silent()) as setting:
        return _all(setting)


@contextmanager
def opened(settings: RedTeamSettings, progress: Progress) -> Iterator[Setting]:
    """The locked record, the judge and the models of a run, closed at the end.

    Raises:
        BackslideError: the models or the judge cannot be opened, or the record not be written.
    """
    policy = load_policy(settings.policy)
    judge = open_judge(settings.models())
    run = RedTeamRun(settings.directory())
    run.lock()
    try:
        arms = _begin(settings, run, judge)
        try:
            yield Setting(settings, run, arms, judge, Ledger(run), progress, policy)
        finally:
            arms.close()
    finally:
        run.unlock()


def _begin(settings: RedTeamSettings, run: RedTeamRun, judge: Judge) -> Arms:
    """The manifest and the models. A new run opens both models before either answers, so that a
    wrong one is told at once; a run that goes on opens what it needs."""
    run.repair()
    known = dict(run.manifest().fingerprints) if run.exists else {}
    openers = make_openers(settings)
    arms = Arms(openers, _by_role(known, settings), one_at_a_time=settings.one_at_a_time)
    for name in openers:
        spec = settings.attacker if name == "attacker" else name
        if spec is not None and spec not in known:
            known[spec] = dict(arms.get(name).fingerprint())
    _same_as_check(settings, known)
    run.begin(_manifest(settings, judge, known))
    return arms


def _by_role(
    known: Mapping[str, Mapping[str, str]], settings: RedTeamSettings
) -> dict[str, Mapping[str, str]]:
    names = {"base": "base", "tuned": "tuned", "attacker": settings.attacker or ""}
    return {role: known[name] for role, name in names.items() if name in known}


def make_openers(settings: RedTeamSettings) -> dict[str, Opener]:
    """How each model is opened, when it is needed."""
    models = settings.models()
    found: dict[str, Opener] = {
        "base": lambda: open_arm("base", models),
        "tuned": lambda: open_arm("tuned", models),
    }
    if settings.attacker is not None:
        spec = parse_spec(settings.attacker)
        found["attacker"] = lambda: open_spec(spec, models)
    return found


def _same_as_check(settings: RedTeamSettings, known: Mapping[str, Mapping[str, str]]) -> None:
    """A red team in the directory of a check must be of the models of that check."""
    check = Run(settings.directory())
    if not check.exists:
        return
    m = check.manifest()
    for arm in ("base", "tuned"):
        if dict(m.fingerprints[arm]) != dict(known[arm]):
            raise StoreError(
                f"{check.directory} is a check of another {arm} model",
                cause=f"it checks {m.base} against {m.tuned}, in {m.dtype}",
                hint="choose another place with --run",
            )


def _manifest(
    settings: RedTeamSettings, judge: Judge, known: Mapping[str, Mapping[str, str]]
) -> RedTeamManifest:
    return RedTeamManifest(
        schema=SCHEMA,
        created=now(),
        base=settings.base,
        tuned=settings.tuned,
        seed=settings.seed,
        dtype=settings.dtype,
        system_prompt=settings.system_prompt,
        versions={"backslide": __version__, "python": sys.version.split()[0]},
        fingerprints=known,
        judge=f"{judge.name} {judge.version}",
        attacker=settings.attacker,
        budget_seconds=settings.budget,
    )


def now() -> str:
    """ISO time; from SOURCE_DATE_EPOCH where it is set (reproducible results)."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(given), UTC) if given else datetime.now(UTC)
    return moment.replace(microsecond=0).isoformat()


def _all(setting: Setting) -> RedTeam:
    left = setting.settings.budget
    focuses = setting.settings.chosen()
    done: list[FocusResult] = []
    _save(setting, done, focuses)
    for i, focus in enumerate(focuses):
        budget = None if left is None else left * _share(setting.settings, focuses[i:])
        result = run_focus(setting, focus, budget)
        if left is not None:
            left = max(0.0, left - result.seconds)
        done.append(with_earlier(setting.run, result, searched=setting.settings.search))
        _save(setting, done, focuses[i + 1 :])
    return setting.run.result()


def _save(setting: Setting, done: list[FocusResult], waiting: tuple[Focus, ...]) -> None:
    save(setting.run, setting.settings, setting.policy, done, waiting)


def _share(settings: RedTeamSettings, rest: tuple[Focus, ...]) -> float:
    """The part of the remaining time that the first of the remaining focuses may take."""
    weights = [settings.weights.get(f, 1.0) for f in rest]
    return weights[0] / sum(weights)


def run_focus(setting: Setting, focus: Focus, budget: float | None) -> FocusResult:
    """Run one focus; whatever stops it is said in its result, never silent."""
    clock = Clock(focus, budget)
    talk = Talk(focus, setting.progress)
    asker = make_asker(setting, focus, clock, talk)
    title = PLACES[focus].title
    try:
        context = Context(setting.settings, asker, setting.arms, talk, clock)
        plan = make_plan(focus, context)
        _note_plan(setting, focus, plan)
        result: FocusResult = context.told(load(PLACES[focus].run)(asker, plan))
    except FATAL:
        raise
    except OutOfTime as e:
        result = FocusResult(focus=focus, title=title, absent=e.message, complete=False)
    except BackslideError as e:
        result = FocusResult(focus=focus, title=title, absent=_reason(e))
    except Exception as e:
        result = FocusResult(focus=focus, title=title, absent=_fault(setting, focus, e))
    result = _answered(result, asker)
    if result.absent:
        talk.note(f"not measured: {result.absent}")
    return replace(result, calls=asker.calls, seconds=round(clock.spent, 3))


def _fault(setting: Setting, focus: Focus, e: Exception) -> str:
    """A fault of ours costs one focus; the others, and what they prove, stand."""
    log = setting.run.log(f"error-{focus}.log", traceback.format_exc())
    return f"it failed in a way it should not: {type(e).__name__}: {str(e)[:200]}; see {log}"


def _answered(result: FocusResult, asker: RunAsker) -> FocusResult:
    """A search that found nothing because nobody answered is absent. Comparisons count failures
    themselves."""
    if result.absent or result.comparisons or result.findings:
        return result
    for arm, (failures, asked) in asker.failures().items():
        if failures > MOSTLY * asked:
            why = f"{failures:,} of {asked:,} answers of the {arm} model failed"
            return replace(result, absent=why, complete=False)
    return result


def make_asker(setting: Setting, focus: str, clock: Clock, talk: Talk) -> RunAsker:
    """The asker of one focus over the shared record."""
    settings = setting.settings
    return RunAsker(
        focus=focus,
        ledger=setting.ledger,
        arms=setting.arms,
        judge_by=setting.judge,
        seed=settings.seed,
        clock=clock,
        talk=talk,
        attacker_model=settings.attacker or "",
        system_prompt=settings.system_prompt,
        retry_errors=settings.retry_errors,
    )


def _note_plan(setting: Setting, focus: Focus, plan: object) -> None:
    manifest = setting.run.manifest()
    text = plan_text(plan)
    if manifest.focuses.get(focus) != text:
        setting.run.begin(replace(manifest, focuses={**manifest.focuses, focus: text}))


def _reason(e: BackslideError) -> str:
    return "; ".join(filter(None, (e.message, e.cause, e.hint)))
