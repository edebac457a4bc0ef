"""Tokens read one by one against the whole text read at once."""

from __future__ import annotations

import pytest
import torch
from tests.infer.conftest import make_model, shape
from tests.infer.test_runner import TOKENS, prepare, read
from tests.model.conftest import KINDS

from hanlin.infer.blocks import BlockStore, BlockTables, TokenCache
from hanlin.infer.runner import TorchRunner
from hanlin.infer.tokenwise import reads_tokenwise
from hanlin.model.config import ModelConfig
from hanlin.model.linear import Linear

DTYPES = {
    torch.float64: 1e-12,
    torch.float32: 1e-5,
    torch.bfloat16: 8e-2,
}  # bfloat16: twice what its own rounding brings about


@pytest.fixture(params=KINDS, ids=lambda kind: kind.replace(" ", "-"))
def config(request: pytest.FixtureRequest) -> ModelConfig:
    """Each kind of decoder in turn, wide enough for its heads."""
    return shape(**{"num_kv_heads": 4} | KINDS[request.param])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_alone_and_among_rows_of_other_lengths(config, dtype):
    """Row 0 starts alone, row 1 joins with a prompt; every row's logits are those of its text read at once."""
    model = make_model(config, dtype=dtype)
    runner, rows = prepare(model)
    with torch.no_grad():
        expected = model(TOKENS).float()
    close = DTYPES[dtype] * float(expected.abs().max())
    for place in range(17):  # past the first block
        torch.testing.assert_close(read(runner, rows, 1)[0], expected[0, place], rtol=0, atol=close)
    read(runner, rows[1:], -7)
    for turn in range(12):
        wanted = torch.stack((expected[0, 17 + turn], expected[1, 7 + turn]))
        torch.testing.assert_close(read(runner, rows, 1, 1), wanted, rtol=0, atol=close)


def test_a_row_whose_blocks_lie_apart():
    model, tables = make_model(), BlockTables(num_blocks=8, num_slots=3, max_seq_len=96)
    first, second, third = (tables.allocate(16) for _ in range(3))
    tables.release(first), tables.release(third)
    slot = tables.allocate(64)
    assert tables.tables[slot, :2].tolist() != [0, 1] and second is not None
    runner, rows = TorchRunner(model, tables), prepare(model)[1]
    rows[0].slot = slot
    with torch.no_grad():
        expected = model(TOKENS)[0]
    for place in range(30):
        found = read(runner, rows, 1)[0]
        torch.testing.assert_close(found, expected[place], rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_what_is_not_known_is_left_to_the_model(config):
    model = make_model(config)
    plain = not (config.attention.window or config.attention.cap) and config.positions.kind != "alibi"
    assert reads_tokenwise(model) == (config.norm.place == "pre" and plain)
    model.stack.blocks[0].mlp = torch.nn.Identity()
    assert not reads_tokenwise(model)


def test_a_part_in_a_matrixs_place_is_heard():
    class Louder(torch.nn.Module):
        def __init__(self, inner: Linear) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x) * 2

    model = make_model()
    for block in model.stack.blocks:
        block.mlp.down = Louder(block.mlp.down)
    runner, rows = prepare(model)
    with torch.no_grad():
        expected = model(TOKENS)[0, 0]
    torch.testing.assert_close(read(runner, rows, 1)[0], expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_the_cache_hides_what_other_rows_have_and_this_one_has_not():
    tables = BlockTables(num_blocks=8, num_slots=2, max_seq_len=64)
    slots = [tables.allocate(40), tables.allocate(20)]
    store = BlockStore(num_layers=1, num_blocks=8, num_kv_heads=1, head_dim=2)
    cache = TokenCache(store, tables.tables[slots], [18, 3])
    keys, values = cache.append(0, torch.arange(8.0).view(2, 2, 2))
    assert keys.shape == values.shape == (2, 1, 32, 2)
    assert cache.mask is not None and (cache.mask == 0).sum(dim=3).flatten().tolist() == [19, 4]
    assert keys[0, 0, 18].tolist() == [0, 1] and values[0, 0, 18].tolist() == [2, 3]
    assert keys[1, 0, 3].tolist() == [4, 5] and values[1, 0, 3].tolist() == [6, 7]
