"""Every format says the same verdict, and the files can be read back."""

from __future__ import annotations

import dataclasses
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import jsonschema
import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from report_reading import Page, terminal

from backslide.core.errors import UsageError
from backslide.core.results import Audit
from backslide.report import FORMATS, check_suffix, render
from backslide.report.jsonout import load_json, render_json, schema
from backslide.report.junit import render_junit
from backslide.report.markdown import escape, opening, render_markdown
from backslide.report.rows import build_rows
from backslide.report.words import MARKS, outcome_word, verdict_line

Builders = dict[str, Callable[[], Audit]]


def test_all_formats_agree_on_the_verdict(audit: Audit, page: str) -> None:
    d, line = audit.decision, verdict_line(audit.decision)
    assert terminal(audit).rstrip("\n").split("\n")[-1] == line
    parsed = Page(page)
    assert ("html", "data-outcome", d.outcome) in parsed.attributes
    assert ("html", "data-exit-code", str(d.exit_code)) in parsed.attributes
    assert outcome_word(d) in parsed.text
    assert load_json(render(audit, ".json")).decision.outcome == d.outcome
    (suite,) = JUnitXml.fromstring(render(audit, ".xml").encode())
    properties = {p.name: p.value for p in suite.properties()}
    assert properties["outcome"] == d.outcome
    assert properties["exit_code"] == str(d.exit_code)
    assert properties["verdict"] == line
    assert next(iter(suite)).is_passed == (d.exit_code == 0)
    assert render(audit, ".md").startswith(f"## {outcome_word(d)}\n\n{escape(line)}")


def test_every_render_is_the_same_twice(audit: Audit, page: str) -> None:
    for suffix in FORMATS:
        first = page if suffix == ".html" else render(audit, suffix)
        assert render(audit, suffix) == first
        first.encode("utf-8")


def test_an_unknown_extension_lists_the_known_ones(audits: Builders) -> None:
    with pytest.raises(UsageError) as found:
        render(audits["deploy"](), ".pdf")
    assert ".html, .json, .md, .xml" in (found.value.hint or "")
    with pytest.raises(UsageError, match="no report"):
        check_suffix("")
    check_suffix(".HTML")


def test_importing_the_room_draws_nothing() -> None:
    code = "import sys, backslide.report; print(any('matplotlib' in m for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- JSON ---


def test_json_comes_back_the_same(audits: Builders) -> None:
    for name in set(audits) - {"hostile", "redteam_hostile"}:
        audit = audits[name]()
        assert load_json(render_json(audit)) == audit


def test_json_of_hostile_text_differs_only_by_lone_surrogates(audits: Builders) -> None:
    audit = audits["hostile"]()
    text = render_json(audit)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text)
    back = load_json(text)
    assert audit.examples[0].tuned_text is not None
    assert back.examples[0].tuned_text == audit.examples[0].tuned_text.replace("\ud800", "\ufffd")


def test_json_follows_its_schema(audit: Audit) -> None:
    import json

    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    raw = json.loads(render_json(audit))
    validator.validate(raw)
    assert list(raw) == sorted(raw)
    raw["decision"]["surprise"] = 1
    assert not validator.is_valid(raw)


def test_json_holds_no_nan(audits: Builders) -> None:
    audit = audits["deploy"]()
    first = audit.comparisons[0]
    assert first.relative is not None
    broken = dataclasses.replace(
        first, relative=dataclasses.replace(first.relative, low=-math.inf), p_worse=math.nan
    )
    back = load_json(render_json(dataclasses.replace(audit, comparisons=(broken,))))
    assert back.comparisons[0].relative is None
    assert back.comparisons[0].p_worse is None


@pytest.mark.parametrize(
    ("old", "new"),
    [('"schema": 1', '"schema": 2'), ('"trial": false', '"trial": "no"'),
     ('"exit_code": 0', '"exit_code": 0, "more": 1'), ('"outcome": "deploy"', '"outcome": "fine"'),
     ('"costs"', '"cost"'), ("{", "")],
)  # fmt: skip
def test_json_is_read_strictly(audits: Builders, old: str, new: str) -> None:
    text = render_json(audits["deploy"]())
    head, tail = text.rsplit(old, 1)
    with pytest.raises(UsageError):
        load_json(head + new + tail)


# --- JUnit ---


def test_junit_counts(audit: Audit) -> None:
    document = JUnitXml.fromstring(render_junit(audit).encode())
    (suite,) = document
    d = audit.decision
    kinds = Counter(c.severity for c in d.checks)
    verdict_error = d.exit_code != 0 and d.outcome == "inconclusive"
    asked = kinds["block"] + kinds["review"] + kinds["acceptance"] if d.exit_code else 0
    assert suite.errors == kinds["inconclusive"] + verdict_error
    assert suite.failures == asked + (d.exit_code != 0 and not verdict_error)
    cases = list(suite)
    unchecked = [c for c in cases if c.classname == "backslide.not_measured"]
    assert suite.tests == len(cases) == 1 + len(d.checks) + len(unchecked)
    found = Counter(type(r) for c in cases for r in c.result)
    assert (found[Failure], found[Error]) == (suite.failures, suite.errors)
    assert found[Skipped] == suite.skipped


def test_junit_names_the_severity(audits: Builders) -> None:
    (suite,) = JUnitXml.fromstring(render_junit(audits["block"]()).encode())
    types = {c.name: c.result[0].type for c in suite if c.result}
    assert types["refusal, privacy"] == "block"
    assert types["refusal, sexual_content"] == "review"
    assert types["refusal, disinformation"] == "inconclusive"


def test_junit_does_not_tell_a_missing_number_twice(audits: Builders) -> None:
    (suite,) = JUnitXml.fromstring(render_junit(audits["deploy"]()).encode())
    edge = [c for c in suite if "edge cases" in c.name]
    assert len(edge) == 1
    assert isinstance(edge[0].result[0], Skipped)
    assert not [c for c in suite if c.classname == "backslide.not_measured"]


def test_junit_of_an_accepted_risk_passes(audits: Builders) -> None:
    (suite,) = JUnitXml.fromstring(render_junit(audits["accepted"]()).encode())
    assert (suite.failures, suite.errors) == (0, 0)


# --- Markdown ---


def test_markdown_table_has_six_cells_in_every_row(audit: Audit) -> None:
    checks = render_markdown(audit).partition("### Checks")[2].partition("\n###")[0]
    lines = [line for line in checks.split("\n") if line.startswith("|")]
    assert len(lines) == 2 + len(build_rows(audit)) + (audit.noise is not None)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {7}


def test_markdown_holds_no_live_markup(audits: Builders) -> None:
    text = render_markdown(audits["hostile"]())
    assert "<" not in text.replace("<!-- -->", "")
    assert not re.search(r"(?<!\\)`", text)
    assert not set(text) & set("\x1b\x00\x07\u202e\ud800")


@pytest.mark.parametrize(
    ("text", "safe"),
    [("a|b", "a\\|b"), ("`x`", "\\`x\\`"), ("<b>", "&lt;b&gt;"), ("@all", "&#64;<!-- -->all"),
     ("https://x.y", "https&#58;//x.y"), ("www.x.y", "www&#46;x.y"), ("[a](b)", "\\[a\\](b)"),
     ("- x", "- x"), ("0.5", "0.5"), ("a\n\n# b", "a \\# b"), ("\\", "\\\\")],
)  # fmt: skip
def test_markdown_escape(text: str, safe: str) -> None:
    assert escape(text) == safe


def test_markdown_lines_begin_no_list() -> None:
    assert [opening(x) for x in ("- x", "+ x", "1. x", "0.5", "x")] == [
        "\\- x", "\\+ x", "1<!-- -->. x", "0.5", "x"
    ]  # fmt: skip


def test_marks_are_words_not_colours() -> None:
    assert len(set(MARKS.values())) == len(MARKS)
