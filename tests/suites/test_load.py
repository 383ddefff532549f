"""Specs -> prompts, with unique ids, shared clusters and everything said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backslide.core.errors import SuiteError
from backslide.suites.core import load_core
from backslide.suites.load import load_suites
from backslide.suites.prompts import fingerprint, normalised

Write = Callable[[str, str | bytes], Path]


def test_core_alone() -> None:
    suites = load_suites(("core",))
    assert list(suites.prompts) == load_core()
    assert suites.notes == ()
    assert suites.fingerprints == {"core": fingerprint(load_core())}
    assert suites.origins == {"core": "shipped with backslide"}
    assert set(suites.weaknesses) == {"core"}


def test_a_file_beside_core(write: Write) -> None:
    path = write("bank.csv", "id,prompt\n1,Something of ours\n")
    suites = load_suites(("core", str(path)))
    assert suites.prompts[-1].id == "bank/1"
    assert set(suites.fingerprints) == {"core", "bank"}
    assert any(n.startswith("bank: 1 prompts to refuse, 0 to help with") for n in suites.notes)
    assert any("prompt = 'prompt'" in n for n in suites.notes)
    assert "SHA-256" in suites.origins["bank"]


def test_texts_of_core_in_another_suite_share_its_cluster(write: Write) -> None:
    known = load_core()[0]
    text = known.text.upper().rstrip("?")
    path = write("mine.csv", f'prompt,label\n"{text}",safe\nSomething else,unsafe\n')
    suites = load_suites(("core", str(path)))
    copy = next(p for p in suites.prompts if p.suite == "mine" and p.text == text)
    assert copy.cluster == known.cluster
    assert len({p.id for p in suites.prompts}) == len(suites.prompts)
    assert any("1 prompts of mine are also in core" in n for n in suites.notes)
    assert any("1 of these are to refuse in one suite" in n for n in suites.notes)


def test_the_fingerprint_of_a_suite_does_not_depend_on_its_company(write: Write) -> None:
    path = str(write("mine.csv", f'prompt\n"{load_core()[0].text}"\n'))
    alone, beside = load_suites((path,)), load_suites(("core", path))
    assert alone.fingerprints["mine"] == beside.fingerprints["mine"]


def test_the_fingerprint_follows_the_content(write: Write) -> None:
    one = load_suites((str(write("a/x.csv", "id,prompt\n1,one\n2,two\n")),)).fingerprints["x"]
    moved = load_suites((str(write("b/x.csv", "id,prompt\n2,two\n1,one\n")),)).fingerprints["x"]
    other = load_suites((str(write("c/x.csv", "id,prompt\n1,one\n2,Two\n")),)).fingerprints["x"]
    assert one == moved != other


def test_a_suite_with_nothing_to_refuse_is_noted(write: Write) -> None:
    suites = load_suites((str(write("ok.csv", "prompt,label\nHello,safe\n")),))
    assert any("measures over-refusal only" in n for n in suites.notes)


@pytest.mark.parametrize("name", ["core", "prompts", "xstest"])
def test_files_do_not_take_names_that_mean_something(write: Write, name: str) -> None:
    suites = load_suites(("core", str(write(f"{name}.csv", "prompt\nHello\n"))))
    assert suites.prompts[-1].suite == f"{name}-2"


def test_two_files_of_one_name(write: Write) -> None:
    one, two = write("a/x.csv", "prompt\nHello\n"), write("b/x.csv", "prompt\nBye\n")
    assert list(load_suites((str(one), str(two))).fingerprints) == ["x", "x-2"]


def test_a_spec_twice_is_read_once(write: Write) -> None:
    path = write("x.csv", "prompt\nHello\n")
    again = str(path.parent / "sub" / ".." / "x.csv")
    path.with_name("sub").mkdir()
    suites = load_suites(("core", str(path), again, "core"))
    assert list(suites.fingerprints) == ["core", "x"]
    assert sum("named twice" in n for n in suites.notes) == 2


def test_pinned_files_are_recognised_by_their_checksum(benchmarks: Path) -> None:
    folder = benchmarks / "strongreject"
    suites = load_suites([str(folder / f"strongreject{s}_dataset.csv") for s in ("", "_small")])
    assert set(suites.fingerprints) == {"strongreject"}
    assert len(suites.prompts) == 313
    assert any("60 prompts were already there" in n for n in suites.notes)


def test_published_suites_together(benchmarks: Path) -> None:
    names = ("harmbench", "advbench", "simplesafetytests", "xstest", "strongreject")
    suites = load_suites(["core", *(f"{n}:{benchmarks / n}" for n in names)])
    assert len(suites.prompts) == 1660 + 300 + 520 + 100 + 450 + 313
    assert len({p.id for p in suites.prompts}) == len(suites.prompts)
    assert set(suites.weaknesses) == {"core", *names}
    assert any("25 prompts of strongreject are also in advbench" in n for n in suites.notes)
    texts = {normalised(p.messages) for p in suites.prompts}
    assert len({p.cluster for p in suites.prompts}) <= len(texts)


BAD = {
    "cor": ("no suite is called 'cor'", "'core'"),
    "XSTest:folder": ("no suite is called 'XSTest'", "'xstest:folder'"),
    "hambench:x.csv": ("no suite is called 'hambench'", "'harmbench:x.csv'"),
    "anything": ("no suite is called 'anything'", "a file of your own"),
    "core:file": ("no suite is called 'core'", "'core'"),
    "xstest": ("xstest needs the place of its file", "xstest:PATH"),
    "xstest: ": ("xstest needs the place of its file", "exaggerated-safety"),
    "missing.csv": ("there is no file missing.csv", ""),
    "a" * 5000 + ".csv": ("cannot use 'aaa", ""),
    " ": ("the name of a suite is empty", "core"),
}


@pytest.mark.parametrize("spec", BAD, ids=lambda s: s[:20])
def test_bad_specs(spec: str) -> None:
    with pytest.raises(SuiteError) as caught:
        load_suites((spec,))
    message, hint = BAD[spec]
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert len(caught.value.message) < 200


def test_no_specs() -> None:
    with pytest.raises(SuiteError, match="no suite is named"):
        load_suites(())


def test_a_folder_that_holds_a_published_suite(write: Write) -> None:
    folder = write("copy/xstest_prompts.csv", "x").parent
    with pytest.raises(SuiteError) as caught:
        load_suites((str(folder),))
    assert caught.value.hint == f"use xstest:{folder}"
