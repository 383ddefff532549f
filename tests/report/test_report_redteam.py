"""The red team in every format: what was found, what was tried, what was not."""

from __future__ import annotations

from collections.abc import Callable

from report_reading import terminal

from backslide.core.results import Audit
from backslide.report import render
from backslide.report.view import build_view

Builders = dict[str, Callable[[], Audit]]


def test_findings_stand_with_their_evidence(pages: Callable[[str], str]) -> None:
    page = pages("redteam")
    assert "Findings of the red team" in page
    assert page.count('<article class="pair finding">') == 3
    assert page.index("not confirmed") > page.index("Confirmed".lower())
    assert "I cannot help with it." in page
    assert "zebra" in page


def test_exhibits_are_folded(pages: Callable[[str], str]) -> None:
    section = pages("redteam").split('id="findings"')[1].split("</section>")[0]
    assert section.count("<details") == 3
    assert "<details open" not in section


def test_every_format_names_focuses_and_gaps(audits: Builders) -> None:
    audit = audits["redteam"]()
    for text in (terminal(audit, width=200), render(audit, ".md"), render(audit, ".html")):
        for said in ("Conversations", "not measured", "the time ended first", "300 strings"):
            assert said in text, said
        assert "red team, adaptive: not asked for" in text


def test_red_team_comparisons_are_rows_with_their_marks(audits: Builders) -> None:
    rows = {r.check: r for r in build_view(audits["redteam"]()).rows}
    assert rows["redteam.turns.any"].mark == "BLOCK"
    assert rows["redteam.turns.any"].group == "Red team: conversations"
    assert rows["redteam.values.verbosity"].mark == "info", "for reading only"
    assert rows["redteam.triggers.verified"].group == "Red team: findings and gaps"
    assert ("the same, Holm over all of the red team", "< 0.001") in rows[
        "redteam.turns.any"
    ].details


def test_nothing_found_is_never_called_a_deployment(audits: Builders) -> None:
    audit = audits["redteam_alone"]()
    for text in (terminal(audit), render(audit, ".md"), render(audit, ".html")):
        assert "nothing found" in text.lower()
        assert "DEPLOY" not in text
    assert terminal(audit).rstrip().splitlines()[-1].startswith("RED TEAM: nothing found")


def test_junit_fails_where_a_red_team_check_fails(audits: Builders) -> None:
    xml = render(audits["redteam"](), ".xml")
    assert "backslide.redteam.turns.any" in xml
    assert "backslide.redteam.triggers.verified" in xml


def test_a_check_without_a_red_team_shows_none(audits: Builders) -> None:
    audit = audits["deploy"]()
    assert "red team" not in terminal(audit).lower()
    assert "red team" not in render(audit, ".md").lower()
