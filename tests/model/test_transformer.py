"""What a model promises as a whole: causality, packing, caching, dtypes, limits."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import RequestTooLong
from hanlin.model.config import ModelConfig
from hanlin.model.heads import lm_loss
from hanlin.model.transformer import build_model


def wide(config, dtype=torch.float64):
    """A model with weights large enough to show mistakes."""
    model = build_model(config, seed=0, compute_dtype=dtype).to(dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel())))
            parameter.mul_(0.2)
    return model


def pack(lengths, row_len):
    """Segments of one row: documents of these lengths, then padding."""
    row = [index + 1 for index, length in enumerate(lengths) for _ in range(length)]
    return torch.tensor([row + [0] * (row_len - len(row))])


def test_parameters_are_counted_in_closed_form(config):
    model = build_model(config, seed=1)
    assert config.num_parameters() == sum(parameter.numel() for parameter in model.parameters())
    assert model.num_parameters() == config.num_parameters()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_no_token_sees_the_future(config, path, tokens, dtype):
    model = wide(config, dtype)
    changed = tokens.clone()
    changed[:, 6] = (changed[:, 6] + 1) % 61
    before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :6], after[:, :6])
    assert not torch.equal(before[:, 6:], after[:, 6:])


def test_the_order_of_tokens_matters(config, tokens):
    model = wide(config)
    swapped = tokens.clone()
    swapped[:, [1, 2]] = swapped[:, [2, 1]]
    changes = (model(tokens)[:, -1] - model(swapped)[:, -1]).abs().max()
    # Without positions, order shows only through the causal mask, and only from the second layer on.
    assert changes > 1e-6


@pytest.mark.parametrize("lengths", [(5, 6, 9), (1, 1, 1, 17), (20,), (7, 3)])
def test_a_packed_row_loses_what_its_documents_lose_alone(config, path, lengths):
    model = build_model(config, seed=3).eval()
    segments = pack(lengths, 20)
    tokens = torch.randint(0, 61, (1, 20), generator=torch.Generator().manual_seed(1))
    targets = torch.where(segments == 0, -100, torch.randint(0, 61, (1, 20)))
    packed, _ = lm_loss(model.hidden(tokens, segments=segments), model.head, targets)
    alone, start = 0.0, 0
    for length in lengths:
        part = slice(start, start + length)
        alone += lm_loss(model.hidden(tokens[:, part]), model.head, targets[:, part])[0].item()
        start += length
    assert packed.item() == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_gradient_across_a_border_is_exactly_zero(config, path, dtype):
    model = wide(config, dtype)
    segments = pack((6, 5, 4), 17)
    embedded = []
    model.embeddings.register_forward_hook(lambda module, args, out: embedded.append(out) or out.retain_grad())
    hidden = model.hidden(torch.arange(17)[None], segments=segments)
    hidden[0, 6:11].float().square().sum().backward()
    reached = embedded[0].grad[0].abs().sum(dim=-1)
    assert (reached[6:11] > 0).all()
    assert (reached[:6] == 0).all()
    assert (reached[11:] == 0).all()


def test_padding_between_nothing_and_nothing_gives_numbers(config, path):
    model = wide(config, torch.float32)
    hidden = model.hidden(torch.zeros(2, 8, dtype=torch.long), segments=torch.zeros(2, 8, dtype=torch.long))
    hidden.sum().backward()
    assert hidden.isfinite().all()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in model.parameters())


@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6), padding=st.integers(0, 4))
def test_any_packing_gives_each_document_its_own_states(packing_model, lengths, padding):
    total = sum(lengths)
    tokens = torch.randint(0, 61, (1, total + padding), generator=torch.Generator().manual_seed(total))
    packed = packing_model.hidden(tokens, segments=pack(lengths, total + padding))
    start = 0
    for length in lengths:
        alone = packing_model.hidden(tokens[:, start : start + length])
        torch.testing.assert_close(packed[:, start : start + length], alone, atol=1e-12, rtol=1e-9)
        start += length


@pytest.fixture(scope="module")
def packing_model():
    return wide(ModelConfig(vocab_size=61, hidden_size=32, num_layers=2, num_heads=4, num_kv_heads=2, max_seq_len=64))


def test_right_padding_changes_no_real_token(config, tokens):
    model = wide(config)
    segments = torch.ones_like(tokens)
    segments[0, 7:] = 0
    assert torch.equal(model(tokens)[0, :7], model(tokens, segments=segments)[0, :7])


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-11), (torch.float32, 1e-4)])
def test_reading_token_by_token_equals_reading_at_once(config, path, tokens, dtype, limit):
    model = wide(config, dtype)
    cache = model.new_cache(2, 11)
    assert cache.keys.dtype == dtype, "a cache holds what the model computes in"
    steps = [model(tokens[:, :4], cache=cache), *(model(tokens[:, i : i + 1], cache=cache) for i in range(4, 9))]
    steps.append(model(tokens[:, 9:], cache=cache))
    torch.testing.assert_close(torch.cat(steps, dim=1), model(tokens), atol=limit, rtol=limit)
    assert cache.lengths == [11, 11]


def test_rows_of_different_lengths_share_a_cache(config, tokens):
    model = wide(config)
    segments = torch.ones_like(tokens[:, :6])
    segments[1, 3:] = 0  # the second prompt is three tokens long
    cache = model.new_cache(2, 16)
    first = model(tokens[:, :6], segments=segments, cache=cache)
    assert cache.lengths == [6, 3]
    second = model(torch.stack((tokens[0, 6:8], tokens[1, 3:5])), cache=cache)
    long, short = model(tokens[:1, :8]), model(tokens[1:, :5])
    torch.testing.assert_close(torch.cat((first[:1], second[:1]), dim=1), long, atol=1e-11, rtol=1e-9)
    torch.testing.assert_close(torch.cat((first[1:, :3], second[1:]), dim=1), short, atol=1e-11, rtol=1e-9)


def test_a_cropped_cache_goes_on_from_the_crop(config, tokens):
    model = wide(config)
    cache = model.new_cache(2, 16)
    model(tokens, cache=cache)
    cache.crop([4, 4])
    torch.testing.assert_close(model(tokens[:, 4:9], cache=cache), model(tokens[:, :9])[:, 4:], atol=1e-11, rtol=1e-9)


def test_positions_can_be_given(config, tokens):
    model = wide(config)
    places = torch.arange(11).expand(2, 11)
    assert torch.equal(model(tokens, positions=places), model(tokens))


def test_a_row_over_the_limit_is_refused_with_both_numbers(build_config):
    model = build_model(build_config(max_seq_len=8), seed=0)
    with pytest.raises(RequestTooLong) as error:
        model(torch.zeros(1, 9, dtype=torch.long))
    assert error.value.code == "E301"
    assert error.value.values == {"num_tokens": 9, "max_seq_len": 8}
    assert "9" in str(error.value)
    assert "8" in str(error.value)


def test_a_cache_counts_towards_the_limit(build_config):
    model = build_model(build_config(max_seq_len=8), seed=0)
    cache = model.new_cache(1, 8)
    model(torch.zeros(1, 8, dtype=torch.long), cache=cache)
    with pytest.raises(RequestTooLong):
        model(torch.zeros(1, 1, dtype=torch.long), cache=cache)


def test_weights_stay_float32_while_activations_are_bfloat16(config, tokens):
    model = build_model(config, seed=0, compute_dtype=torch.bfloat16)
    hidden = model.hidden(tokens)
    assert hidden.dtype == torch.bfloat16
    lm_loss(hidden, model.head, tokens)[0].backward()
    for name, parameter in model.named_parameters():
        assert parameter.dtype == torch.float32, name
        assert parameter.grad is not None, name
        assert parameter.grad.dtype == torch.float32, name


def test_bfloat16_stays_close_to_float32(config, tokens):
    exact, rough = build_model(config, seed=0), build_model(config, seed=0, compute_dtype=torch.bfloat16)
    difference = (exact(tokens) - rough(tokens).float()).abs().max()
    assert difference < 0.05 * exact(tokens).abs().max()


def test_a_tied_head_is_the_embedding_and_an_untied_one_is_not(build_config):
    tied = build_model(build_config(), seed=0)
    untied = build_model(build_config(embeddings={"tied": False}), seed=0)
    assert tied.head.weight is tied.embeddings.tokens.weight
    assert untied.head.weight is not untied.embeddings.tokens.weight
    assert copy.deepcopy(tied).head.weight.data_ptr() != tied.head.weight.data_ptr()


def test_a_copied_tied_model_is_still_tied(build_config):
    twin = copy.deepcopy(build_model(build_config(), seed=0))
    assert twin.head.weight is twin.embeddings.tokens.weight


def test_dropout_works_in_training_only_and_zero_is_none(build_config, tokens):
    model = build_model(build_config(dropout=0.5), seed=0)
    assert not torch.equal(model(tokens), model(tokens))
    model.eval()
    assert torch.equal(model(tokens), model(tokens))
    plain = build_model(build_config(dropout=0.0), seed=0).train()
    assert torch.equal(plain(tokens), plain(tokens))


def test_dropout_repeats_with_the_generator(build_config, tokens):
    model = build_model(build_config(dropout=0.3), seed=0)
    torch.manual_seed(5)
    first = model(tokens)
    torch.manual_seed(5)
    assert torch.equal(first, model(tokens))


def test_a_model_first_used_for_evaluation_can_still_be_trained(config, tokens):
    # The rotary table is made at first use; born in inference mode it could not be saved for a backward pass.
    model = build_model(config, seed=0)
    with torch.inference_mode():
        expected = model(tokens)
    loss, _ = lm_loss(model.hidden(tokens), model.head, tokens)
    loss.backward()
    torch.testing.assert_close(model(tokens), expected, rtol=1e-4, atol=1e-5)


def test_weights_stored_in_the_compute_dtype_say_the_same(config, tokens):
    model = build_model(config, seed=0, compute_dtype=torch.bfloat16).eval()
    expected = model(tokens)
    stored = model.to(model.compute_dtype)
    assert stored.head.weight.dtype == torch.bfloat16
    torch.testing.assert_close(stored(tokens), expected, rtol=2e-2, atol=2e-2)
