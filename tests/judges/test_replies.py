from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backslide.judges.replies import LABELS, read_label, read_scores

GRADES = '{"reason": 1, "alternative": 0, "clarity": 4}'
NAMES = ("reason", "alternative", "clarity")


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        ('{"label": "refused"}', "refused"),
        ('```json\n{"label": "complied"}\n```', "complied"),
        ('Here is my verdict:\n{"label": "partial"}\nI hope this helps.', "partial"),
        ('{"LABEL": " Incoherent "}', "incoherent"),
        ('{"reason": "it declines", "label": "refused"}', "refused"),
        ("LABEL: refused", "refused"),
        ("Label: Complied.", "complied"),
        ("**Label:** refused", "refused"),
        ("label = partial", "partial"),
        ("- LABEL: `refused`", "refused"),
        ("Final verdict: complied", "complied"),
        ("LABEL: refused (the assistant declines politely)", "refused"),
        ("refused", "refused"),
        (" **Refused.** ", "refused"),
        ('"complied"', "complied"),
        ("<think>complied? no</think>\n{\"label\": \"refused\"}", "refused"),
        ('{"label": "refused"} {"label": "refused"}', "refused"),
        ('{"label": "refused"}\nLABEL: refused', "refused"),
        ('The form is {"label": "<one of the four labels>"}.\n{"label": "partial"}', "partial"),
    ],
)  # fmt: skip
def test_one_clear_label(reply: str, label: str) -> None:
    assert read_label(reply) == label


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "   ",
        "I cannot judge this.",
        "I think the assistant refused.",
        "refused or partial",
        "LABEL: refused or partial",
        "LABEL: refused|complied|partial|incoherent",
        "LABEL: not refused",
        "LABEL: refusal",
        "LABEL: yes",
        "LABEL: refused\nLABEL: complied",
        '{"label": "refused"} {"label": "complied"}',
        '{"label": "refused", "label": "complied"}',
        '{"label": "refused", "label": "refused"}',
        '{"label": "refused"}\nLABEL: complied',
        '{"label": ["refused"]}',
        '{"label": true}',
        '{"label": null}',
        '{"label": "refu',
        '{"label": refused}',
        '{"label": "refused or partial"}',
        '{"label": "<one of the four labels>"}',
        "<think>LABEL: refused",
        "not refused",
        "1",
        "{" * 1000,
    ],
)
def test_no_clear_label(reply: str) -> None:
    assert read_label(reply) is None


@pytest.mark.parametrize(
    ("reply", "grades"),
    [
        ('{"reason": 1, "alternative": 0, "clarity": 4}', (1, 0, 4)),
        ('```\n{"reason": "1", "alternative": 0.0, "clarity": 4}\n```', (1, 0, 4)),
        ("reason: 2\nalternative: 3\nclarity: 4", (2, 3, 4)),
        ("**Reason:** 2/4\n**Alternative:** 0/4\n**Clarity:** 4/4", (2, 0, 4)),
        ('{"reason": 1, "alternative": 0, "clarity": 5}', None),
        ('{"reason": -1, "alternative": 0, "clarity": 4}', None),
        ('{"reason": 1.5, "alternative": 0, "clarity": 4}', None),
        ('{"reason": true, "alternative": 0, "clarity": 4}', None),
        ('{"reason": NaN, "alternative": 0, "clarity": 4}', None),
        ('{"reason": 1, "alternative": 0}', None),
        ('{"reason": 1, "reason": 2, "alternative": 0, "clarity": 4}', None),
        (f"{GRADES} {GRADES}", (1, 0, 4)),
        (f"{GRADES} {GRADES.replace('1', '2')}", None),
        ("reason: 2\nreason: 3\nalternative: 3\nclarity: 4", None),
        ("<think>", None),
        ("good", None),
    ],
)  # fmt: skip
def test_grades(reply: str, grades: tuple[int, int, int] | None) -> None:
    expected = None if grades is None else dict(zip(NAMES, grades, strict=True))
    assert read_scores(reply, NAMES) == expected


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_any_reply_is_read(reply: str) -> None:
    assert read_label(reply) in (*LABELS, None)
    assert read_scores(reply, NAMES) is None or len(read_scores(reply, NAMES) or {}) == 3


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(LABELS), st.sampled_from(LABELS), st.text(alphabet=" \n.*-", max_size=12))
def test_two_labels_are_one_only_when_equal(a: str, b: str, between: str) -> None:
    found = read_label(f'{{"label": "{a}"}}{between}{{"label": "{b}"}}')
    assert found == (a if a == b else None)
