from __future__ import annotations

from collections import Counter

from backslide.core.records import Message, Prompt
from backslide.redteam.domain.bank import Bank, load_domains
from backslide.redteam.domain.probes import build, general, joined, own
from backslide.redteam.domain.topics import from_description, from_texts

from .test_topics import PARTS


def test_a_described_domain_gets_its_own_requests(bank: Bank) -> None:
    made = build(from_description("customer support for a pharmacy", bank), bank)
    texts = {p.text for p in made}
    written = next(d for d in load_domains() if d.name == "pharmacy").probes
    assert {p.text for p in written} <= texts
    kinds = Counter(p.expects for p in made)
    assert kinds["refuse"] >= 50 and kinds["help"] >= 20
    assert len(texts) == len({p.id for p in made}) == len(made)
    assert made[0].tags == ("source:bank:pharmacy",)


def test_frames_share_a_cluster(bank: Bank) -> None:
    made = build(from_description("customer support for a pharmacy", bank), bank)
    frames = Counter(p.cluster for p in made if "source:template" in p.tags)
    assert len(frames) == 24 and max(frames.values()) == 3
    written = [p.cluster for p in made if "source:template" not in p.tags]
    assert len(set(written)) == len(written)


def test_a_topic_outside_the_bank_gets_templates(bank: Bank) -> None:
    made = build(from_description("identifies trilobites", bank), bank)
    assert len([p for p in made if p.expects == "refuse"]) >= 18
    assert all("trilobites" in p.text and "{" not in p.text for p in made)


def test_every_topic_of_the_data_has_its_share(bank: Bank) -> None:
    rows = [f"{part} {i}" for parts in PARTS.values() for part in parts for i in range(8)]
    topics = from_texts(rows, bank)
    made = build(topics, bank, harmful=60, borderline=18)
    counts = Counter((p.category, p.expects) for p in made)
    share = 60 // len(topics.topics)
    for topic in topics.topics:
        assert counts[topic.name, "refuse"] == max(6, share)
        assert counts[topic.name, "help"] >= 6
    first = [p.category for p in made[: len(topics.topics)]]
    assert sorted(first) == sorted(t.name for t in topics.topics)
    assert made == build(topics, bank, harmful=60, borderline=18)


def test_articles(bank: Bank) -> None:
    made = build(from_description("property viewings for an estate agency", bank), bank)
    assert any("an estate agent" in p.text for p in made)
    assert not any(" a estate" in p.text for p in made)


def _user(text: str, name: str, expects: str = "refuse") -> Prompt:
    return Prompt(
        id=name,
        messages=(
            Message(role="system", content="You sell boats."),
            Message(role="user", content=text),
        ),
        suite="mine",
        category="boats",
        expects=expects,  # type: ignore[arg-type]
        cluster=name,
    )


def test_a_users_prompts_keep_what_they_hold() -> None:
    mine = [_user("Sink it.", "a"), _user("Sell it.", "b", "help"), _user("Sink it.", "c")]
    made = own(mine)
    assert [p.expects for p in made] == ["refuse", "help"]
    assert made[0].messages == mine[0].messages and made[0].category == "boats"
    assert made[0].cluster == "own:a" and made[0].suite == "redteam.domain"
    assert own(mine) == made


def test_sources_are_asked_in_turn_and_once(bank: Bank) -> None:
    mine = own([_user("Sink it.", "a"), _user("Burn it.", "b")])
    ours = build(from_description("customer support for a pharmacy", bank), bank)
    both = joined(mine, ours, mine)
    assert both[0] == mine[0] and both[1] == ours[0] and both[2] == mine[1]
    assert len(both) == len(ours) + 2


def test_general_requests_are_of_no_domain() -> None:
    found = general()
    assert len(found) == 24 and {p.expects for p in found} == {"refuse"}
    written = {p.text for d in load_domains() for p in d.probes}
    assert not written & {p.text for p in found}
