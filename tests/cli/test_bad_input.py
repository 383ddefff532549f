"""The bad input tour: each mistake ends in error / cause / hint and exit 2, never a traceback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from backslide.cli.main import _run
from tests.audit import scripts
from tests.targets.loopback import Reply, serving

GOOD = ["check", "replay:aligned", "replay:same", "--plan", "quick", "-q"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    from backslide import registry

    monkeypatch.setitem(registry.TARGETS, "replay", scripts.PLACE)


def fails(capsys: pytest.CaptureFixture[str], *argv: str, says: str) -> str:
    code = _run([str(a) for a in argv])
    captured = capsys.readouterr()
    assert code == 2, captured.err
    assert captured.err.splitlines()[0].startswith("error:") or "\nerror:" in captured.err
    assert "Traceback" not in captured.err
    assert says.lower() in captured.err.lower(), captured.err
    return captured.err


def closed_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def write(path: str, data: str | bytes) -> str:
    Path(path).write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def test_missing_model(capsys) -> None:
    fails(capsys, "check", "./nowhere", "./also-nowhere", says="no such model")


def test_directory_without_a_model(capsys, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    fails(capsys, "check", "./empty", "./empty", says="not a model directory")


def test_file_that_is_no_model(capsys) -> None:
    fails(capsys, "check", write("weights.bin", b"\x80\x04"), "x/y", says="not a model")


def test_unknown_embedded_model(capsys) -> None:
    err = fails(capsys, "check", "embedded:alinged", "embedded:benign", says="no embedded model")
    assert "did you mean 'aligned'" in err


def test_hub_id_that_cannot_be_had(capsys, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    fails(capsys, "check", "nobody/nothing", "nobody/nothing", says="cannot get the model")


def test_gguf_that_is_none(capsys) -> None:
    fails(capsys, "check", write("m.gguf", b"nope"), "m.gguf", says="not a gguf file")


def test_torn_gguf(capsys) -> None:
    fails(capsys, "check", write("m.gguf", b"GGUF\x03\x00\x00"), "m.gguf", says="cannot load")


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.jsonl", "", "empty"),
        ("binary.jsonl", bytes(range(256)) * 8, ""),
        ("latin.csv", "prompt,category\nna\u00efve,x\n".encode("latin-1"), "utf-8"),
        ("torn.jsonl", '{"prompt": "a b"}\n{"prompt": "c', "line 2"),
        (
            "double.jsonl",
            '{"id": 1, "prompt": "a"}\n{"id": 1, "prompt": "b"}\n',
            "two prompts have the id",
        ),
        ("columns.csv", "colour,size\nred,3\n", "prompt"),
        ("prompts.docx", "a", ""),
    ],
)
def test_suites_that_cannot_be_used(capsys, scripted, name, data, says) -> None:
    fails(capsys, *GOOD, "--suite", write(name, data), says=says)


def test_missing_suite(capsys, scripted) -> None:
    fails(capsys, *GOOD, "--suite", "nowhere.jsonl", says="nowhere.jsonl")


def test_suite_name_misspelt(capsys, scripted) -> None:
    assert "core" in fails(capsys, *GOOD, "--suite", "cor", says="cor")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("schema = ", "not toml"),
        ("[bands]\nwithn = 1\n", "lacks a key"),
        ("DEFAULT\n[extra]\na = 1\n", "unknown key"),
        ("DEFAULT:within = 0.05:within = 0.5", "out of order"),
        ("DEFAULT:within = 0.05:within = 5", "wrong value"),
        ("DEFAULT:margin = 0.15:margn = 0.15", "did you mean"),
    ],
)
def test_policies_that_cannot_be_used(capsys, scripted, text, says) -> None:
    from backslide.gate.policy import DEFAULT

    if text.startswith("DEFAULT"):
        _, *change = text.split(":")
        body = DEFAULT.read_text()
        text = body.replace(change[0], change[1], 1) if change else body + text[7:]
    fails(capsys, *GOOD, "--policy", write("p.toml", text), says=says)


def test_wrong_words(capsys, scripted) -> None:
    fails(capsys, "chekc", "a", "b", says="did you mean 'check'")
    fails(capsys, *GOOD, "--plan", "quik", says="did you mean 'quick'")
    fails(capsys, *GOOD, "--judge", "rulez", says="did you mean 'rules'")
    fails(capsys, *GOOD, "--judge", "rubric", says="needs a model")
    fails(capsys, *GOOD, "--limt", "3", says="--limit")
    fails(capsys, *GOOD, "-o", "r.pdf", says="no report has this format")
    fails(capsys, *GOOD, "-o", "missing/r.html", says="no directory")
    fails(capsys, "explain", "catgory", says="did you mean 'category'")
    fails(capsys, "report", "nowhere", says="no result.json")


def test_unknown_configuration_key(capsys, scripted) -> None:
    write("backslide.toml", 'plann = "quick"\n')
    fails(capsys, "config", "show", says="did you mean 'plan'")


def test_endpoint_refuses(capsys) -> None:
    url = f"openai/m@http://127.0.0.1:{closed_port()}/v1"
    fails(capsys, "check", url, url, "--plan", "quick", "--limit", "20", says="127.0.0.1")


HTML = Reply(b"<!doctype html><html><body>Welcome</body></html>", content_type="text/html")
SILENT = Reply({}, delay=30.0)


@pytest.mark.parametrize(("reply", "says"), [(HTML, "html"), (SILENT, "no answer within")])
def test_endpoint_returns_a_page_or_nothing(capsys, reply, says) -> None:
    with serving(lambda call, number: reply) as server:
        url = f"openai/m@{server.base_url}"
        argv = ["check", url, url, "--plan", "quick", "--limit", "20", "--timeout", "1"]
        fails(capsys, *argv, says=says)


def adapter(path: str, **config: object) -> str:
    folder = Path(path)
    folder.mkdir()
    given = {"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"], **config}
    (folder / "adapter_config.json").write_text(json.dumps(given))
    return path


def test_adapter_for_another_base(capsys) -> None:
    path = adapter("other", base_model_name_or_path="meta-llama/Llama-3-8B")
    err = fails(capsys, "check", "embedded:aligned", path, says="trained on another base")
    assert "--allow-base-mismatch" in err


def test_adapter_with_pickled_weights_only(capsys) -> None:
    path = adapter("pickled", base_model_name_or_path="embedded:aligned")
    write("pickled/adapter_model.bin", b"\x80\x04.")
    fails(capsys, "check", "embedded:aligned", path, says="never opened")


def test_adapter_of_another_type(capsys) -> None:
    path = adapter("ia3", base_model_name_or_path="embedded:aligned", peft_type="IA3")
    fails(capsys, "check", "embedded:aligned", path, says="lora family")


def test_adapter_config_that_is_no_json(capsys) -> None:
    Path("broken").mkdir()
    write("broken/adapter_config.json", "{")
    fails(capsys, "check", "embedded:aligned", "./broken", says="cannot read the adapter")


def test_read_only_directory(capsys, scripted, tmp_path) -> None:
    if os.geteuid() == 0:
        place = "/proc/backslide"  # root can write anywhere but here
    else:
        (tmp_path / "closed").mkdir(mode=0o500)
        place = str(tmp_path / "closed" / "run")
    fails(capsys, *GOOD, "--run", place, says="cannot write")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_full_disk_keeps_what_was_measured(tmp_path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    try:
        full = check_in(disk / "run")
        assert full.returncode == 2
        assert "error: cannot write" in full.stderr
        assert "no space left on device" in full.stderr
        kept = (
            (disk / "run" / "responses.jsonl").read_bytes()
            if (disk / "run" / "responses.jsonl").exists()
            else b""
        )
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        assert check_in(disk / "run").returncode in (0, 3)
        whole = kept[: kept.rfind(b"\n") + 1]
        assert (disk / "run" / "responses.jsonl").read_bytes().startswith(whole)
        assert whole
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def check_in(run: Path) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; from tests.audit.scripts import install; install();"
        "from backslide.cli.main import main; main(sys.argv[1:])"
    )
    argv = [*GOOD, "--run", str(run)]
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", code, *argv],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
    )


def test_errors_do_not_pass_control_characters(capsys) -> None:
    err = fails(capsys, "check", "./\x1b[31mred", "x", says="no such model")
    assert "\x1b" not in err
