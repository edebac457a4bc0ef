"""Who sees whom in the four shapes, against oracles of their own."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from tests.model import vaswani

from hanlin.base.errors import ConfigError, RequestTooLong
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.heads import lm_loss, token_scores
from hanlin.model.relative import bucket
from hanlin.model.transformer import EncoderDecoder, build_model

SMALL = {"vocab_size": 61, "hidden_size": 24, "num_layers": 2, "num_heads": 3, "ffn_size": 40, "max_seq_len": 64}
RELATIVE = {"positions": {"kind": "relative", "buckets": 8, "distance": 20}, "attention": {"scale": 1.0}}


def wide(**fields):
    """A model in float64 whose weights are large enough to show mistakes."""
    model = build_model(ModelConfig(**{**SMALL, **fields}), seed=0, compute_dtype=torch.float64).double().eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3 + ("norm.weight" in name))
    return model


def original(**fields):
    preset = {**FAMILIES["transformer"].preset, **SMALL, "embeddings": {"scale": 24**0.5}, "dropout": 0.0}
    return wide(**{**preset, **fields})


@pytest.fixture
def ids():
    return torch.randint(0, 61, (2, 11), generator=torch.Generator().manual_seed(7))


def test_the_first_transformer_is_the_papers(ids):
    model = original()
    assert isinstance(model, EncoderDecoder)
    weights = {name: parameter.detach().numpy() for name, parameter in model.named_parameters()}
    source, target = ids[0, :7].tolist(), ids[1].tolist()
    expected = vaswani.logits(weights, source, target, heads=3, layers=2)
    found = model(ids[1:], memory=model.encode(ids[:1, :7]))
    assert (found[0] - torch.from_numpy(expected)).abs().max() <= 1e-9


def test_a_padded_source_and_a_cache_change_nothing(ids):
    model = original()
    segments = torch.ones_like(ids)
    segments[0, 7:] = 0
    whole = model(ids, memory=model.encode(ids, segments=segments))
    alone = model(ids[:1], memory=model.encode(ids[:1, :7]))
    torch.testing.assert_close(whole[:1], alone, atol=1e-11, rtol=0)
    memory, cache = model.encode(ids, segments=segments), model.new_cache(2, 11)
    steps = [model(ids[:, at : at + 1], memory=memory, cache=cache) for at in range(11)]
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, atol=1e-11, rtol=0)


def test_beams_take_their_memory_along(ids):
    model = original()
    memory = model.encode(ids)
    model(ids[:, :1], memory=memory)
    chosen = memory.select([1, 1, 0])
    swapped = model(ids[[1, 1, 0]], memory=chosen)
    assert set(chosen.kept) == set(memory.kept)
    torch.testing.assert_close(swapped, model(ids[[1, 1, 0]], memory=model.encode(ids[[1, 1, 0]])))


def test_an_encoder_of_the_first_transformer_has_a_limit_too():
    with pytest.raises(RequestTooLong) as error:
        original().encode(torch.zeros(1, 65, dtype=torch.long))
    assert error.value.values["max_seq_len"] == 64


@pytest.mark.parametrize("fields", [{}, RELATIVE], ids=["rope", "relative"])
def test_a_prefix_is_seen_whole_and_the_rest_only_from_behind(fields, ids):
    model, prefix = wide(arch="prefix", **fields), torch.arange(11)[None] < torch.tensor([[5], [0]])
    states = model.hidden(ids, prefix=prefix)
    for changed, reached in ((4, range(11)), (5, range(5, 11)), (8, range(8, 11))):
        other = ids.clone()
        other[:, changed] = (other[:, changed] + 1) % 61
        moved = (model.hidden(other, prefix=prefix) - states)[0].abs().amax(dim=-1) > 0
        assert moved.nonzero().flatten().tolist() == list(reached)
    torch.testing.assert_close(states[1:], model.hidden(ids[1:]))  # a row without a prefix is a decoder's


def test_prefixes_of_packed_documents_do_not_see_each_other(ids):
    model = wide(arch="prefix")
    segments = torch.tensor([[1] * 6 + [2] * 5])
    prefix = torch.tensor([[1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0]]).bool()
    packed = model.hidden(ids[:1], segments=segments, prefix=prefix)
    for part in (slice(0, 6), slice(6, 11)):
        alone = model.hidden(ids[:1, part], prefix=prefix[:, part])
        torch.testing.assert_close(packed[:, part], alone, atol=1e-11, rtol=0)


def test_a_prefix_in_a_cache_is_read_at_once_and_gone_on_from(ids):
    model, prefix = wide(arch="prefix"), torch.arange(11)[None] < 5
    whole, cache = model(ids, prefix=prefix.expand(2, 11)), model.new_cache(2, 11)
    steps = [model(ids[:, :5], cache=cache, prefix=torch.ones(2, 5).bool())]
    steps += [model(ids[:, at : at + 1], cache=cache) for at in range(5, 11)]
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, atol=1e-11, rtol=0)


def test_buckets_are_those_of_the_paper():
    offsets = torch.arange(-40, 41)
    behind = bucket(offsets, num_buckets=8, distance=20, both_ways=False)
    near = [min(-min(int(o), 0), 3) for o in offsets]
    assert all(int(b) == n for b, n, o in zip(behind, near, offsets, strict=True) if o > -4)
    far = [min(7, 4 + int(math.log(d / 4) / math.log(20 / 4) * 4)) for d in range(4, 41)]
    assert behind[:37].flip(0).tolist() == far
    both = bucket(offsets, num_buckets=8, distance=20, both_ways=True)
    assert both[40] == 0
    assert ((both[41:] - 4) == both[:40].flip(0)).all()


@pytest.mark.parametrize("arch", ["encoder", "decoder", "prefix", "encoder_decoder"])
def test_relative_scores_learn_in_every_shape(arch, ids):
    model = wide(arch=arch, **RELATIVE)
    reading = {"memory": model.encode(ids)} if arch == "encoder_decoder" else {}
    model.hidden(ids, **reading).square().sum().backward()
    grads = [p.grad for name, p in model.named_parameters() if "relative" in name]
    assert len(grads) == 1 + (arch == "encoder_decoder")
    assert all(grad.abs().sum() > 0 for grad in grads)


@pytest.mark.parametrize("tied", [True, False])
def test_the_loss_of_a_head_with_layers_is_that_of_its_logits(tied, ids):
    preset = FAMILIES["bert"].preset
    model = wide(**{**preset, **SMALL, "embeddings": {"types": 2, "tied": tied}})
    targets = torch.where(torch.arange(11) % 3 == 0, ids, -100).expand(2, 11)
    loss, count = lm_loss(model.hidden(ids), model.head, targets, chunk=3)
    found = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
    expected = F.cross_entropy(model(ids).flatten(0, 1), targets.flatten(), reduction="sum")
    assert count == int((targets != -100).sum())
    torch.testing.assert_close(loss, expected)
    wanted = torch.autograd.grad(expected, list(model.parameters()), allow_unused=True)
    for grad, want in zip(found, wanted, strict=True):
        assert (grad is None) == (want is None)
        if grad is not None:
            torch.testing.assert_close(grad, want, atol=1e-9, rtol=1e-7)
    scores = token_scores(model.hidden(ids), model.head, targets)
    assert -scores.logprobs.double().sum().item() == pytest.approx(expected.item(), rel=1e-6)


def test_every_shape_counts_its_parameters():
    shapes = [{"arch": "encoder", **RELATIVE}, {"arch": "encoder_decoder", "num_encoder_layers": 3, **RELATIVE}]
    shapes += [FAMILIES[name].preset for name in ("bert", "roberta", "t5", "transformer")]
    for fields in shapes:
        config = ModelConfig(**{**fields, **SMALL})
        model = build_model(config, seed=0)
        assert config.num_parameters() == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("num_encoder_layers", {"arch": "encoder", "num_encoder_layers": 2}),
        ("num_encoder_layers", {"arch": "encoder_decoder", "num_encoder_layers": 0}),
        ("head.next_sentence", {"arch": "encoder", "head": {"next_sentence": True}}),
        ("positions.distance", {"positions": {"kind": "relative", "buckets": 64, "distance": 32}}),
    ],
)
def test_parts_without_their_place_are_refused(name, fields, lang):
    with pytest.raises(ConfigError) as error:
        ModelConfig(**fields)
    assert [problem.name for problem in error.value.problems] == [name]
