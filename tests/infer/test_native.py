"""The compiled decoder against the model's own forward pass, for every shape it claims to know."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.infer.conftest import ByteTokenizer, make_model, shape
from torch import Tensor, nn

from hanlin.infer.blocks import BlockTables
from hanlin.infer.config import SamplingParams
from hanlin.infer.native import NativeRunner, pack, supports
from hanlin.infer.request import Request
from hanlin.infer.scheduler import Sequence, Work
from hanlin.infer.stream import TextStream
from hanlin.model.compiled import library
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import Transformer

pytestmark = pytest.mark.skipif(library() is None, reason="no compiled kernels on this machine")

CLASSIC: dict[str, Any] = {
    "num_kv_heads": 4, "ffn_size": 128, "norm": {"kind": "layer"}, "positions": {"kind": "learned"},
    "attention": {"qkv_bias": True, "out_bias": True},
    "mlp": {"activation": "gelu_tanh", "gated": False, "bias": True},
}  # fmt: skip
SHAPES: dict[str, dict[str, Any]] = {
    "llama": {},
    "untied, gelu": {"embeddings": {"tied": False}, "mlp": {"activation": "gelu"}},
    "query-key norm": {"attention": {"qk_norm": True}, "num_kv_heads": 1},
    "classic": CLASSIC,
    "2017 inside": {**CLASSIC, "positions": {"kind": "sinusoidal"}, "embeddings": {"scale": 8.0}},
    "squared relu": {"mlp": {"activation": "relu2", "gated": False}},
    "relu gate, no positions": {"mlp": {"activation": "relu"}, "positions": {"kind": "none"}},
    "gate with biases": {"mlp": {"bias": True}, "attention": {"qkv_bias": True}},
    "odd panels": {"vocab_size": 99, "hidden_size": 80, "num_heads": 5, "num_kv_heads": 5, "ffn_size": 112},
    "three heads share": {"num_heads": 6, "num_kv_heads": 2, "hidden_size": 96},
    "seven heads share": {"num_heads": 7, "num_kv_heads": 1, "hidden_size": 112},
    "wide heads": {"num_heads": 2, "num_kv_heads": 1, "head_dim": 48},
    "heads of 96": {"num_heads": 8, "num_kv_heads": 1, "head_dim": 96, "hidden_size": 32},
}
TOKENS = torch.randint(0, 99, (3, 40), generator=torch.Generator().manual_seed(3))


@pytest.fixture(params=SHAPES)
def config(request: pytest.FixtureRequest) -> ModelConfig:
    """Each kind of decoder in turn."""
    return shape(**SHAPES[request.param])


class Reader:
    """A native runner and rows that read given tokens in given portions."""

    def __init__(self, model: Transformer, *, rows: int = 3) -> None:
        tables = BlockTables(num_blocks=32, num_slots=rows + 1, max_seq_len=model.config.max_seq_len)
        tables.allocate(1)  # rows and blocks do not begin at 0
        self.runner = NativeRunner(model, tables)
        stream = TextStream(ByteTokenizer())
        self.rows = [Sequence(Request(tuple(line.tolist()), SamplingParams()), stream, 0, 64) for line in TOKENS[:rows]]
        for row in self.rows:
            slot = tables.allocate(40)
            assert slot is not None
            row.slot = slot

    def read(self, *portions: int) -> list[Tensor]:
        """Let row n read portions[n] tokens in one call; return the logits behind the last of each."""
        work = [Work(row, count, True) for row, count in zip(self.rows, portions, strict=False) if count]
        logits = self.runner.run(work)
        for item in work:
            item.sequence.num_read += item.count
        return list(logits)


@torch.no_grad()
def uncached(model: Transformer) -> Tensor:
    """Logits (rows, 40, V) of the model itself, no cache."""
    return model(TOKENS).float()


def test_logits_are_those_of_the_uncached_model(config):
    model = make_model(config)
    expected, reader = uncached(model), Reader(model)
    seen = [0, 0, 0]
    for portions in [(7, 1, 20), (1, 1, 1), (1, 16, 0), (17, 1, 3), (1, 1, 1)]:
        found = iter(reader.read(*portions))
        for n, count in enumerate(portions):
            seen[n] += count
            if count:
                torch.testing.assert_close(
                    next(found), expected[n, seen[n] - 1], rtol=0, atol=1e-5 * max(1, expected.abs().max())
                )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_row_has_the_same_bits_alone_in_a_batch_and_inside_a_prompt(dtype):
    model = make_model(dtype=dtype)
    whole = Reader(model).read(30)[0]
    stepwise, batched = Reader(model), Reader(model)
    for _ in range(29):
        stepwise.read(1)
        batched.read(1, 1, 1)
    assert torch.equal(stepwise.read(1)[0], whole)
    assert torch.equal(batched.read(1, 3, 2)[0], whole)
    chunked = Reader(model)
    chunked.read(13, 5)
    assert torch.equal(chunked.read(17, 8, 1)[0], whole)


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_the_number_of_threads_changes_no_bit(threads):
    model, before = make_model(), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = Reader(model).read(9, 20, 1)
        torch.set_num_threads(threads)
        found = Reader(model).read(9, 20, 1)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


def test_bf16_errs_no_more_than_torch_does(config):
    """Sums and the residual stream stay float32, so the compiled path must not be the worse one."""
    model = make_model(config, dtype=torch.bfloat16)
    expected, reader = uncached(make_model(config)), Reader(model)
    found = torch.stack([torch.stack(reader.read(1, 1, 1)) for _ in range(40)], dim=1)  # (rows, 40, V)
    error, of_torch = ((logits - expected).abs().mean() for logits in (found, uncached(model)))
    assert 0 < error <= of_torch


@pytest.mark.parametrize(
    "fields",
    [
        {"norm": {"place": "post"}},
        {"norm": {"final": False}},
        {"head_dim": 8},
        {"hidden_size": 72},
        {"ffn_size": 72},
        {"ffn_size": 112, "mlp": {"gated": False}},
    ],
)
def test_shapes_it_does_not_know_are_left_to_torch(fields):
    assert not supports(make_model(shape(**fields)))


def test_models_it_cannot_see_through_are_left_to_torch():
    class Adapter(nn.Module):
        weight = bias = None

    model = make_model()
    model.stack.blocks[1].attention.qkv = Adapter()
    assert not supports(model)
    assert not supports(make_model(dtype=torch.float64))
    assert not supports(nn.Linear(2, 2))


def test_without_compiled_kernels_torch_computes(monkeypatch):
    monkeypatch.setattr("hanlin.infer.native.library", lambda: None)
    assert not supports(make_model())


def test_weights_are_packed_as_the_legend_says():
    weight = torch.arange(40 * 6, dtype=torch.float32).view(40, 6)
    packed, paired = torch.empty(2, 6, 32), torch.empty(2, 3, 32, 2, dtype=torch.bfloat16)
    pack(weight, packed.flatten())
    pack(weight, paired.flatten())
    for output in range(64):
        for i in range(6):
            number = weight[output, i].item() if output < 40 else 0
            assert packed[output // 32, i, output % 32] == number
            assert paired[output // 32, i // 2, output % 32, i % 2] == number


def test_changed_weights_are_read_again():
    model = make_model()
    reader, stale = Reader(model), Reader(model)
    with torch.no_grad():
        model.stack.blocks[0].mlp.down.weight.mul_(0.5)
        model.embeddings.tokens.weight.add_(0.1)
        model.stack.final_norm.weight.mul_(2)
    reader.runner.refresh()
    expected = uncached(model)[0, 4]
    torch.testing.assert_close(reader.read(5)[0], expected, rtol=0, atol=1e-5 * expected.abs().max())
    assert (stale.read(5)[0] - expected).abs().max() > 0.01
