"""Both ways of computing behind one door, and the torch one in particular."""

from __future__ import annotations

import pytest
import torch
from tests.infer.conftest import ByteTokenizer, make_model, shape

from hanlin.infer.blocks import BlockTables
from hanlin.infer.config import SamplingParams
from hanlin.infer.native import NativeRunner
from hanlin.infer.request import Request
from hanlin.infer.runner import Runner, TorchRunner, weights_stamp
from hanlin.infer.runners import make_runner
from hanlin.infer.scheduler import Sequence, Work
from hanlin.infer.stream import TextStream
from hanlin.model.transformer import Transformer

TOKENS = torch.randint(0, 261, (3, 30), generator=torch.Generator().manual_seed(5))


def prepare(model: Transformer, *, native: bool = False) -> tuple[Runner, list[Sequence]]:
    """A runner and three sequences that hold rows of its cache."""
    tables = BlockTables(num_blocks=8, num_slots=3, max_seq_len=model.config.max_seq_len)
    rows = []
    for line in TOKENS.tolist():
        slot = tables.allocate(30)
        assert slot is not None
        rows.append(Sequence(Request(tuple(line), SamplingParams()), TextStream(ByteTokenizer()), 0, 30, slot))
    return make_runner(model, tables, native=native), rows


def read(runner: Runner, rows: list[Sequence], *portions: int) -> torch.Tensor:
    """Logits behind portions[n] more tokens of row n; a negative portion reads without sampling."""
    work = [Work(row, abs(count), count > 0) for row, count in zip(rows, portions, strict=False) if count]
    logits = runner.run(work)
    for item in work:
        item.sequence.num_read += item.count
    return logits


def test_rows_of_many_lengths_get_the_logits_of_the_uncached_model(native):
    model = make_model()
    runner, rows = prepare(model, native=native)
    with torch.no_grad():
        expected = model(TOKENS)
    read(runner, rows, -5, -12, -1)
    found = read(runner, rows, 1, 3, 1)
    wanted = torch.stack([expected[0, 5], expected[1, 14], expected[2, 1]])
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5 * wanted.abs().max())


def test_only_work_that_samples_costs_a_row_of_logits(native):
    runner, rows = prepare(make_model(), native=native)
    assert read(runner, rows, -3, -3, -3).shape == (0, 261)
    assert read(runner, rows, -3, 3, -2).shape == (1, 261)


def test_dropout_sleeps_while_answering_and_wakes_for_training():
    model = make_model(shape(dropout=0.5)).train()
    runner, rows = prepare(model)
    assert isinstance(runner, TorchRunner)
    first = read(runner, rows, 10)
    rows[0].num_read = 0
    assert torch.equal(first, read(runner, rows, 10))
    assert model.training
    assert all(part.training for part in model.modules())


def test_a_model_can_be_trained_on_after_it_has_answered():
    """Tables that a first pass under inference_mode had made could not be used in a backward pass."""
    model = make_model()
    runner, rows = prepare(model)
    read(runner, rows, 4)
    model(TOKENS).sum().backward()
    assert model.head.weight.grad is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tied", [True, False])
def test_matrices_are_copied_until_refreshed_and_all_else_is_shared(dtype, tied):
    model = make_model(shape(embeddings={"tied": tied, "scale": 3.0}), dtype=dtype)
    runner, rows = prepare(model)
    with torch.no_grad():
        expected = model(TOKENS)[0, 3].float()
    limit = 1e-5 if dtype == torch.float32 else 3e-2
    torch.testing.assert_close(read(runner, rows, 4)[0], expected, rtol=0, atol=limit * expected.abs().max())
    with torch.no_grad():
        model.stack.blocks[0].mlp.down.weight.mul_(3)
        model.stack.final_norm.weight.mul_(2)
        changed = model(TOKENS)[0, 3].float()
    rows[0].num_read = 0
    torch.testing.assert_close(read(runner, rows, 4)[0], 2 * expected, rtol=0, atol=2 * limit * expected.abs().max())
    runner.refresh()
    rows[0].num_read = 0
    torch.testing.assert_close(read(runner, rows, 4)[0], changed, rtol=0, atol=limit * changed.abs().max())
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert all(p.requires_grad for p in model.parameters())


def test_torch_computes_where_native_is_not_wanted():
    assert isinstance(prepare(make_model(), native=False)[0], TorchRunner)
    assert not isinstance(prepare(make_model(shape(head_dim=8)), native=True)[0], NativeRunner)


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.SGD])
@pytest.mark.parametrize("foreach", [True, False])
def test_a_training_step_changes_the_stamp(optimizer, foreach):
    model = make_model()
    stamp = weights_stamp(model)
    model(TOKENS).sum().backward()
    assert weights_stamp(model) == stamp, "a backward pass changes no weight"
    optimizer(model.parameters(), lr=0.1, foreach=foreach).step()
    assert weights_stamp(model) != stamp


def test_loading_weights_changes_the_stamp():
    model = make_model()
    stamp = weights_stamp(model)
    model.load_state_dict({name: value * 2 for name, value in model.state_dict().items()})
    assert weights_stamp(model) != stamp
