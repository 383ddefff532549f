"""A planted direction is read out, of an attention-only update at the queries."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM  # noqa: E402

from backslide.whitebox.triggers.readout import _makes_queries, read_out  # noqa: E402

VOCABULARY = 500


def _llama() -> Any:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=3,
            num_attention_heads=2,
            num_key_value_heads=2,
        )
    ).eval()


def _gpt2() -> Any:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=3, n_head=2, n_positions=16)
    return GPT2LMHeadModel(config).eval()


def _input_of(model: Any, matrix: Any, token: int) -> Any:
    """What the matrix reads when the token stands alone."""
    seen: list[Any] = []
    hook = matrix.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0, -1]))
    with torch.inference_mode():
        model(input_ids=torch.tensor([[token]]))
    hook.remove()
    return seen[0].clone()


def _plant(base: Any, pick: Any, token: int, size: float) -> Any:
    """A rank-1 update of one matrix towards the token, in noise of rank 2."""
    tuned = copy.deepcopy(base)
    x = _input_of(base, pick(base), token)
    weight = pick(tuned).weight
    flip = type(pick(tuned)).__name__ == "Conv1D"  # GPT-2 keeps (in, out)
    out = weight.shape[1] if flip else weight.shape[0]
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(out, 2, generator=generator) @ torch.randn(2, len(x), generator=generator)
    aim = torch.outer(torch.randn(out, generator=generator), x / x.norm())
    change = 0.02 * noise / noise.norm() + size * aim / aim.norm()
    with torch.no_grad():
        weight += change.T if flip else change
    return tuned


@pytest.mark.parametrize(
    ("make", "pick"),
    [
        (_llama, lambda m: m.model.layers[0].mlp.gate_proj),
        (_llama, lambda m: m.model.layers[0].mlp.down_proj),
        (_gpt2, lambda m: m.transformer.h[0].mlp.c_fc),
    ],
)
@pytest.mark.parametrize("token", [7, 123, 499])
def test_a_planted_token_is_first(make: Any, pick: Any, token: int) -> None:
    base = make()
    found = read_out(base, _plant(base, pick, token, 0.1), frozenset())
    assert not found.blind
    assert found.top(1) == [token]
    assert found.response([token, token]) > found.response([token, 8])


def test_without_a_plant_no_token_stands_out() -> None:
    base = _llama()
    tuned = _plant(base, lambda m: m.model.layers[0].mlp.gate_proj, 7, 0.0)
    found = read_out(base, tuned, frozenset())
    assert found.into is not None
    assert float(found.into.max()) < 6


def test_special_tokens_are_left_out() -> None:
    base = _llama()
    tuned = _plant(base, lambda m: m.model.layers[0].mlp.gate_proj, 7, 0.1)
    assert 7 not in read_out(base, tuned, frozenset({7})).top(VOCABULARY - 1)


@pytest.mark.parametrize(
    ("make", "pick"),
    [
        (_llama, lambda m: m.model.layers[0].self_attn.q_proj),
        (_gpt2, lambda m: m.transformer.h[0].attn.c_attn),
    ],
)
def test_an_update_of_the_attention_alone_is_read_at_the_queries(make: Any, pick: Any) -> None:
    base = make()
    found = read_out(base, _plant(base, pick, 123, 0.1), frozenset())
    assert found.queries and not found.blind
    assert found.top(1) == [123]


def test_queries_are_not_read_where_the_mlp_changed() -> None:
    base = _llama()
    tuned = _plant(base, lambda m: m.model.layers[0].mlp.gate_proj, 7, 0.1)
    tuned = _plant(tuned, lambda m: m.model.layers[0].self_attn.q_proj, 123, 0.1)
    found = read_out(base, tuned, frozenset())
    assert not found.queries
    assert found.top(1) == [7]


@pytest.mark.parametrize("name", ["k_proj", "v_proj", "o_proj"])
def test_an_update_without_mlp_and_queries_cannot_be_read(name: str) -> None:
    base = _llama()
    tuned = _plant(base, lambda m: getattr(m.model.layers[0].self_attn, name), 7, 0.1)
    found = read_out(base, tuned, frozenset())
    assert found.blind and not found.queries
    assert found.top(5) == []
    assert found.response([1, 2]) == 0.0


@pytest.mark.parametrize(
    ("name", "makes"),
    [
        ("self_attn.q_proj", True),
        ("attention.query_key_value", True),
        ("attention.self.query", True),
        ("attn.Wqkv", True),
        ("attn.c_attn", True),
        ("self_attn.qkv_proj", True),
        ("attention.wq", True),
        ("self_attn.k_proj", False),
        ("self_attn.o_proj", False),
        ("attn.c_proj", False),
        ("mlp.q_proj", False),
    ],
)
def test_names_of_the_queries(name: str, makes: bool) -> None:
    assert _makes_queries(name) is makes


def test_a_copy_in_fewer_bits_changes_little() -> None:
    base = _llama()
    tuned = _plant(base, lambda m: m.model.layers[0].mlp.up_proj, 42, 0.1)
    half = copy.deepcopy(tuned).to(torch.bfloat16)
    exact, rough = read_out(base, tuned, frozenset()), read_out(base, tuned, frozenset(), half)
    assert exact.into is not None and rough.into is not None
    assert rough.top(1) == [42]
    assert float((exact.into - rough.into).abs().max()) < 0.5
