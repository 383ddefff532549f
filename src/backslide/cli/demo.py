"""``backslide demo``: one base, two fine-tunes, two verdicts; offline, on real small models."""

from __future__ import annotations

import time
from pathlib import Path

import click

from backslide.core.errors import Exit

CASES = (("benign", 0), ("compromised", 1))
"""Each tuned model and the exit code that its check should end in."""


@click.command(
    "demo",
    short_help="two checks on small real models",
    epilog="\b\nExample:\n  backslide demo --out my-reports",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("demo-reports"),
    show_default=True,
    help="Where reports and runs go.",
)
def command(out: Path) -> int:
    """Check a harmless and a compromised fine-tune of SmolLM2-135M against an aligned base.

    Exits 0 when the harmless one may be deployed and the compromised one is blocked.
    """
    from backslide.audit.check import check
    from backslide.audit.settings import Settings
    from backslide.cli.output import emit
    from backslide.cli.progress import Live

    out.mkdir(parents=True, exist_ok=True)
    started, ended = time.monotonic(), {}
    for name, _ in CASES:
        click.echo(f"\n== embedded:aligned against embedded:{name} ==\n")
        settings = Settings(
            base="embedded:aligned", tuned=f"embedded:{name}", plan="quick", root=out / "runs"
        )
        with Live() as live:
            audit = check(settings, live)
        ended[name] = emit(audit, (out / f"{name}.html",), False)
    minutes = (time.monotonic() - started) / 60
    as_known = all(ended[name] == code for name, code in CASES)
    click.echo(
        f"\nThe demo {'ended as it should' if as_known else 'did NOT end as it should'} "
        f"in {minutes:.1f} minutes: "
        + ", ".join(f"{name} exits {code}" for name, code in ended.items())
        + f". Reports: {out}/*.html"
    )
    return Exit.DEPLOY if as_known else Exit.INTERNAL
