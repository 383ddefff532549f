"""A planted direction is read out; attention-only updates leave the readout blind, and say so."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM  # noqa: E402

from backslide.whitebox.triggers.readout import read_out  # noqa: E402

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
    flip = weight.shape[0] == len(x)  # GPT-2 keeps (in, out)
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


def test_an_update_of_the_attention_alone_cannot_be_read() -> None:
    base = _llama()
    tuned = copy.deepcopy(base)
    with torch.no_grad():
        tuned.model.layers[0].self_attn.q_proj.weight += 0.1
    found = read_out(base, tuned, frozenset())
    assert found.blind
    assert found.top(5) == []
    assert found.response([1, 2]) == 0.0


def test_a_copy_in_fewer_bits_changes_little() -> None:
    base = _llama()
    tuned = _plant(base, lambda m: m.model.layers[0].mlp.up_proj, 42, 0.1)
    half = copy.deepcopy(tuned).to(torch.bfloat16)
    exact, rough = read_out(base, tuned, frozenset()), read_out(base, tuned, frozenset(), half)
    assert exact.into is not None and rough.into is not None
    assert rough.top(1) == [42]
    assert float((exact.into - rough.into).abs().max()) < 0.5
