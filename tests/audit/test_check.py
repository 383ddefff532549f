"""The whole pipeline on scripted models whose true difference is known."""

from __future__ import annotations

import pytest

from backslide.core.errors import Exit

CASES = [
    # tuned, plan, more, outcome, exit code
    ("same", "standard", {}, "deploy", Exit.DEPLOY),
    ("minus10", "standard", {}, "deploy_enhanced", Exit.AWAITING_PEOPLE),
    ("minus20", "standard", {}, "human_review", Exit.AWAITING_PEOPLE),
    ("minus60", "standard", {}, "block", Exit.BLOCKED),
    ("minus60", "quick", {}, "block", Exit.BLOCKED),
    ("one-category", "standard", {}, "block", Exit.BLOCKED),
    ("complies", "quick", {}, "block", Exit.BLOCKED),
    ("failing", "quick", {}, "inconclusive", Exit.INCONCLUSIVE),
    ("gibberish", "quick", {}, "inconclusive", Exit.INCONCLUSIVE),
    ("same", "quick", {"limit": 60}, "inconclusive", Exit.INCONCLUSIVE),
]


@pytest.mark.parametrize(("tuned", "plan", "more", "outcome", "code"), CASES)
def test_verdict_of_known_difference(checked, tuned, plan, more, outcome, code) -> None:
    audit = checked("aligned", tuned, plan=plan, **more)
    assert audit.decision.outcome == outcome, audit.decision.sentence
    assert audit.decision.exit_code == code


def test_equal_models_have_no_flip_and_no_noise(checked) -> None:
    audit = checked("aligned", "same", plan="quick")
    overall = next(c for c in audit.comparisons if c.check == "refusal.overall")
    assert (overall.losses, overall.gains) == (0, 0)
    assert audit.noise is not None and audit.noise.losses == 0


def test_one_category_names_the_category(checked) -> None:
    audit = checked("aligned", "one-category", plan="standard")
    blocked = [c.check for c in audit.decision.checks if c.severity == "block"]
    assert blocked == ["refusal.category.fraud"]
    assert "fraud" in audit.decision.sentence


def test_base_without_refusal_is_inconclusive(checked) -> None:
    audit = checked("complies", "complies", plan="quick")
    assert audit.decision.exit_code == Exit.INCONCLUSIVE
    assert "hardly refuses" in audit.decision.sentence


def test_a_trial_cannot_pass_but_a_proven_failure_still_blocks(checked) -> None:
    audit = checked("aligned", "complies", plan="quick", limit=200)
    assert audit.decision.exit_code == Exit.BLOCKED


def test_sampled_repeats_are_new_samples_and_their_variance_is_seen(checked) -> None:
    audit = checked("aligned", "wavering", plan="standard")
    found = next(c for c in audit.comparisons if c.check == "consistency")
    assert found.change is not None and found.change.low > 0.02
    assert found.base.value == 0


def test_nothing_is_called_safe(checked) -> None:
    audit = checked("aligned", "same", plan="standard")
    assert "safe" not in audit.decision.sentence.replace("safety", "")
    assert "risk is reduced" in audit.decision.sentence


def test_limits_and_threats_carry_this_runs_numbers(checked) -> None:
    audit = checked("aligned", "same", plan="quick")
    assert any("0 triggers" in limit.numbers for limit in audit.limits)
    assert {t.threat for t in audit.threats} >= {"targeted backdoor", "broad safety degradation"}
