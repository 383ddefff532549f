"""``backslide list THING``."""

from __future__ import annotations

import click

THINGS = ("suites", "judges", "targets", "plans", "checks", "attacks", "runs")


@click.command(
    "list",
    short_help="what there is",
    epilog="\b\nExamples:\n  backslide list suites\n  backslide list attacks",
)
@click.argument("thing", type=click.Choice(THINGS))
def command(thing: str) -> int:
    """List suites, judges, targets, plans, checks, attacks or runs."""
    for line in {
        "suites": _suites,
        "judges": _judges,
        "targets": _targets,
        "plans": _plans,
        "checks": _checks,
        "attacks": _attacks,
        "runs": _runs,
    }[thing]():
        click.echo("".join(c if c.isprintable() else "?" for c in line))
    return 0


def _suites() -> list[str]:
    from backslide.suites.catalogue import catalogue

    out = []
    for row in catalogue():
        out += [
            f"{row.name:20} {row.prompts:>6}  {row.state}; {row.licence}",
            f"    {row.weakness}",
            f"    use: {row.how}",
        ]
    return out


def _judges() -> list[str]:
    from backslide.registry import JUDGES, names

    about = {
        "rules": "reads the whole answer by rules; offline",
        "embedded": "a small trained model that ships with backslide; offline",
        "keywords": "refusal substrings, AdvBench's own metric (keywords:13 for another list)",
        "rubric": "asks a model that you name by a rubric (rubric:strongreject, rubric:FILE)",
        "panel": "several judges: panel:rules+embedded+keywords, panel!:... for unanimity",
        "harmbench-cls": "HarmBench's classifier: is the behaviour in the answer?",
        "wildguard": "WildGuard: harm and refusal",
        "llama-guard": "Llama Guard 3 or 4: safe or unsafe",
        "md-judge": "SALAD-Bench's MD-Judge v0.1: safe or unsafe",
        "md-judge-v0.2": "MD-Judge v0.2, through a server only (it needs remote code)",
        "shieldgemma": "ShieldGemma: probability of a policy violation",
        "strongreject-finetuned": "StrongREJECT's fine-tuned grader",
        "toxigen-roberta": "ToxiGen's classifier of toxic text",
    }
    return [f"{n:23} {about.get(n, JUDGES.get(n, 'plugin'))}" for n in names("judges")]


def _targets() -> list[str]:
    from backslide.targets import spec
    from backslide.targets.embedded import STACKS

    table = (spec.__doc__ or "").split("=\n", 1)[1].rsplit("\n=", 1)[0]
    return [*table.replace("``", "").splitlines(), f"embedded: {', '.join(STACKS)}"]


def _plans() -> list[str]:
    from backslide.audit.settings import PLANS

    return [f"{p.name:10} {p.purpose}" for p in PLANS.values()]


def _checks() -> list[str]:
    from backslide.audit.explain import topics

    return [f"{name:20} {topic.title}" for name, topic in topics().items()]


def _attacks() -> list[str]:
    from backslide.cli.list_attacks import attacks

    return attacks()


def _runs() -> list[str]:
    from backslide.audit.settings import RUNS
    from backslide.core.errors import StoreError
    from backslide.store.redteam import RedTeamRun
    from backslide.store.run import Run

    out = []
    for file in sorted(RUNS.glob("*/redteam/manifest.json")) if RUNS.is_dir() else []:
        try:
            found = RedTeamRun(file.parents[1]).manifest()
            arms = f"{found.base} -> {found.tuned}"
            out.append(f"{file.parents[1]}  red team  {found.created[:10]}  {arms}")
        except StoreError as e:
            out.append(f"{file.parents[1]}  damaged: {e.message}")
    for file in sorted(RUNS.glob("*/manifest.json")) if RUNS.is_dir() else []:
        run = Run(file.parent)
        try:
            m = run.manifest()
            done = run.decision().outcome if (file.parent / "decision.json").exists() else "open"
            out.append(f"{file.parent}  {done}  {m.created[:10]}  {m.base} -> {m.tuned}")
        except StoreError as e:
            out.append(f"{file.parent}  damaged: {e.message}")
    return out or [f"no runs in {RUNS}"]
