"""First weights that can copy: where their heads look, what they predict, and what they need of a shape."""

from __future__ import annotations

import pytest
import torch

from hanlin.model.config import ModelConfig
from hanlin.model.copying import copying_problems
from hanlin.model.transformer import build_model

SHAPE = {"vocab_size": 2000, "hidden_size": 192, "num_layers": 4, "num_heads": 3, "max_seq_len": 512}


def looks(model, tokens, layer):
    """Attention weights (H, T, T) of a layer, worked out anew from its queries and keys."""
    seen = {}
    attention = model.stack.blocks[layer].attention
    original = attention.compute

    def watched(q, k, v, layout, **settings):
        queries, keys = q.transpose(1, 2), k.repeat_interleave(q.shape[2] // k.shape[2], dim=2).transpose(1, 2)
        scores = queries @ keys.transpose(-1, -2) * settings["scale"]
        later = torch.ones(scores.shape[-2:]).triu(1).bool()
        seen["weights"] = scores.masked_fill(later, -torch.inf).softmax(-1)[0]
        return original(q, k, v, layout, **settings)

    attention.compute = watched
    with torch.inference_mode():
        model.hidden(tokens)
    attention.compute = original
    return seen["weights"]


@pytest.mark.parametrize(
    "changes", [{}, {"num_heads": 6, "head_dim": 64, "num_kv_heads": 2}, {"hidden_size": 256, "num_heads": 4}]
)
def test_two_heads_look_one_and_two_tokens_back_wherever_they_stand(changes):
    model = build_model(ModelConfig(**{**SHAPE, **changes}), seed=3, copying=True)
    tokens = torch.randint(0, 2000, (1, 300), generator=torch.Generator().manual_seed(1))
    config = model.config
    weights = looks(model, tokens, 0)
    for number, back in ((0, 1), (1, 2)):
        head = number * (config.num_heads // config.num_kv_heads)
        there = weights[head].diagonal(-back)
        assert there.median().item() > 0.8
        assert (there > 0.5).float().mean().item() > 0.9


def copied(model, generator):
    """How much likelier, in nats, a token is where its row is said again than where it stood first, and how often it
    is among the hundred likeliest of two thousand there."""
    row = torch.randint(0, 2000, (8, 40), generator=generator)
    tokens = row.repeat(1, 2)
    with torch.inference_mode():
        chances = model(tokens[:, :-1]).float().log_softmax(-1)
    nats = -chances.gather(-1, tokens[:, 1:, None]).squeeze(-1)
    right = (chances.topk(100).indices == tokens[:, 1:, None]).any(-1)
    return (nats[:, :38].mean() - nats[:, 42:].mean()).item(), right[:, 42:].float().mean().item()


def test_what_was_read_is_likelier_the_second_time_without_any_training():
    generator = torch.Generator().manual_seed(2)
    gain, among = copied(build_model(ModelConfig(**SHAPE), seed=0, copying=True), generator)
    plain_gain, plain_among = copied(build_model(ModelConfig(**SHAPE), seed=0), generator)
    assert gain > 0.4
    assert among > 0.4
    assert abs(plain_gain) < 0.1
    assert plain_among < 0.1


def test_the_first_predictions_are_still_even():
    model = build_model(ModelConfig(**SHAPE), seed=0, copying=True)
    tokens = torch.randint(0, 2000, (4, 64), generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        entropy = torch.distributions.Categorical(logits=model(tokens).float()).entropy()
    assert entropy.mean().item() > 0.97 * torch.tensor(2000.0).log().item()


def test_a_seed_means_the_same_circuit():
    first, again = (build_model(ModelConfig(**SHAPE), seed=5, copying=True).state_dict() for _ in range(2))
    other = build_model(ModelConfig(**SHAPE), seed=6, copying=True).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    name = "stack.blocks.1.attention.qkv.weight"
    assert not torch.equal(first[name], other[name])


LACKING = [
    ({"positions": {"kind": "learned"}}, "model.positions.kind"),
    ({"embeddings": {"tied": False}}, "model.embeddings.tied"),
    ({"norm": {"place": "post"}}, "model.norm.place"),
    ({"norm": {"kind": "layer"}}, "model.norm.kind"),
    ({"attention": {"qk_norm": True}}, "model.attention.qk_norm"),
    ({"num_layers": 1}, "model.num_layers"),
    ({"num_kv_heads": 1}, "model.num_kv_heads"),
    ({"num_heads": 12}, "model.head_dim"),
    ({"num_heads": 2}, "model.head_dim"),
]


@pytest.mark.parametrize(("changes", "name"), LACKING)
def test_a_shape_without_room_for_it_is_told_what_it_lacks(changes, name):
    assert name in [problem.name for problem in copying_problems(ModelConfig(**{**SHAPE, **changes}))]


def test_a_shape_with_room_for_it_has_no_problem():
    assert not list(copying_problems(ModelConfig(**SHAPE)))
