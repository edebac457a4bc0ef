"""Operations of every shape against torch's own counter, and against closed forms.

torch counts what is executed: explicit attention multiplies every query with every key, seen or not. So its products
with weights (mm) must be ours exactly, and its products of attention (bmm) ours of a row that sees everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from hanlin.data.batches import GuessBatch, PairBatch, PrefixBatch, ReadBatch, TokenBatch
from hanlin.data.sources import IGNORE
from hanlin.model.config import ModelConfig
from hanlin.model.counts import Passage, backwards, training_operations, whole_row
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import build_model
from hanlin.train.kinds import KINDS

SIZES = {"vocab_size": 53, "hidden_size": 24, "num_layers": 2, "num_heads": 3, "ffn_size": 40, "max_seq_len": 32}
ROWS, TOKENS, READ = 3, 20, 28


def tokens(length: int = TOKENS) -> torch.Tensor:
    return torch.randint(53, (ROWS, length), generator=torch.Generator().manual_seed(1))


def targets(length: int = TOKENS, *, number: int = TOKENS) -> torch.Tensor:
    """The first `number` places of each row carry loss."""
    return torch.where(torch.arange(length) < number, tokens(length), IGNORE)


ONES = torch.ones(ROWS, TOKENS, dtype=torch.long)
PLAIN = TokenBatch(tokens(), targets(), ONES)
FEW = TokenBatch(tokens(), targets(number=3), ONES)
FIRST = torch.where(torch.arange(TOKENS) == 0, 1, IGNORE).expand(ROWS, TOKENS)
PAIR = PairBatch(tokens(), targets(number=3), ONES, (torch.arange(TOKENS) > 9).long().expand(ROWS, TOKENS), FIRST)
WRITTEN = ReadBatch(tokens(), targets(), ONES, tokens(READ), torch.ones(ROWS, READ, dtype=torch.long))
PREFIX = PrefixBatch(
    tokens(),
    targets(number=8).flip(1),
    ONES,
    (torch.arange(TOKENS) < 12).expand(ROWS, TOKENS),
    torch.arange(TOKENS).expand(ROWS, TOKENS),
)
PLACES = torch.tensor([[1, 4, 9, 16]] * ROWS)
GUESS = GuessBatch(
    tokens(),
    tokens().gather(1, PLACES),
    ONES,
    PLACES,
    torch.zeros(ROWS, TOKENS, dtype=torch.long).scatter(1, PLACES, torch.arange(1, 5).expand(ROWS, 4)),
)

ALL = TOKENS**2
CASES: dict[str, tuple[str, dict[str, Any], Any, Passage]] = {
    "decoder": ("causal", {}, PLAIN, Passage(TOKENS, ALL, TOKENS)),
    "shared keys, plain MLP, untied": (
        "causal",
        {"num_kv_heads": 1, "mlp": {"gated": False}, "embeddings": {"tied": False}, "head_dim": 10},
        PLAIN,
        Passage(TOKENS, ALL, TOKENS),
    ),
    "encoder, scores at masks": ("masked", {"arch": "encoder"}, FEW, Passage(TOKENS, ALL, 3)),
    "BERT": ("masked_next_sentence", FAMILIES["bert"].preset, PAIR, Passage(TOKENS, ALL, 3, pooled=1)),
    "encoder-decoder": (
        "span_corruption",
        {**FAMILIES["t5"].preset, "num_encoder_layers": 3},
        WRITTEN,
        Passage(TOKENS, ALL, TOKENS, read=READ, read_seen=READ**2),
    ),
    "prefix": ("blank_infilling", {"arch": "prefix"}, PREFIX, Passage(TOKENS, ALL, 8)),
    "two streams": ("permutation", FAMILIES["xlnet"].preset, GUESS, Passage(TOKENS, ALL + 4 * TOKENS, 4, guessed=4)),
}


@pytest.fixture(autouse=True)
def explicit() -> Iterator[None]:
    """Attention written out, as products that torch counts."""
    with sdpa_kernel(SDPBackend.MATH):
        yield


def counted(objective: str, config: ModelConfig, batch: Any) -> dict[str, int]:
    """Operations that torch counts, by kind of product, in float64, where our own kernels are out of play."""
    model = build_model(config, seed=1, compute_dtype=torch.float64).double().eval()
    with FlopCounterMode(display=False) as counter:
        KINDS[objective].loss.loss(model, batch).value.backward()  # type: ignore[index]
    return {str(operation): number for operation, number in counter.get_flop_counts()["Global"].items()}


def summed(config: ModelConfig, row: Passage) -> float:
    """What RMS norms add: on a CPU their gradient sums rows by a product with ones, which is none of ours."""
    crossed = config.arch == "encoder_decoder"
    norms = row.written * (config.num_layers * (2 + crossed) + 1) + row.read * (2 * config.num_encoder_layers + 1)
    return 2 * norms * config.hidden_size * (config.norm.kind == "rms")


@pytest.mark.parametrize("name", CASES)
def test_operations_are_those_that_torch_counts(name: str) -> None:
    objective, fields, batch, row = CASES[name]
    config = ModelConfig(**{**fields, **SIZES})
    found = counted(objective, config, batch)
    ours = training_operations(config, row, rows=ROWS)
    beside = summed(config, row)
    assert (ours.total + beside) * ROWS == pytest.approx(sum(found.values()), rel=1e-12)
    blind = training_operations(config, Passage(row.written, 0, row.scored, row.read, 0, row.guessed, row.pooled))
    if config.arch != "encoder_decoder" and config.positions.kind != "distance":  # there bmm is attention alone
        assert (blind.total + beside) * ROWS == pytest.approx(found["aten.mm"] + found.get("aten.addmm", 0), rel=1e-12)


def test_a_token_pays_for_the_experts_it_takes() -> None:
    """Each token goes through two MLPs of five and through what chooses them."""
    config = ModelConfig(**SIZES, mlp={"experts": {"number": 5, "chosen": 2}})
    row = Passage(TOKENS, ALL, TOKENS)
    ours = (training_operations(config, row).total + summed(config, row)) * ROWS
    assert ours == pytest.approx(sum(counted("causal", config, PLAIN).values()), rel=1e-12)


def test_what_is_seen_is_counted_pair_by_pair() -> None:
    for length, window in ((1, 0), (7, 0), (7, 3), (7, 7), (7, 9)):
        seen = [min(place, window or place) for place in range(1, length + 1)]
        assert backwards(length, window) == sum(seen)


def test_a_window_sees_less() -> None:
    """Gemma 2's every other layer: the difference is the pairs out of sight, four operations each, three times."""
    shape = {**SIZES, "attention": {"window": 4, "pattern": ("sliding", "full")}}
    near, far = (ModelConfig(**{**SIZES, **fields}) for fields in (shape, {}))
    row = whole_row(far, TOKENS)
    pairs = backwards(TOKENS) - backwards(TOKENS, 4)
    saved = training_operations(far, row).total - training_operations(near, row).total
    assert saved == 12 * pairs * 3 * 8


def test_the_closed_forms_of_a_full_row() -> None:
    """6 N + 6 L H E (T + 1) of a decoder; an encoder's pairs are twice as many, less one in T."""
    weights = 2 * (24 * 4 * 24 + 3 * 24 * 40) + 53 * 24
    assert ModelConfig(**SIZES).flops_per_token(TOKENS) == 6 * weights + 6 * 2 * 24 * (TOKENS + 1)
    assert ModelConfig(**SIZES, arch="encoder").flops_per_token(TOKENS) == 6 * weights + 12 * 2 * 24 * TOKENS


def test_an_encoder_decoder_is_two_stacks_of_which_each_reads_its_own() -> None:
    """What is read does not pay for the decoder, what is written not for the encoder."""
    config = ModelConfig(**SIZES, arch="encoder_decoder", num_encoder_layers=4)
    ours = training_operations(config, Passage(5, backwards(5), 5, read=11, read_seen=121))
    layer, pair = 24 * 4 * 24 + 3 * 24 * 40, 12 * 24
    assert ours.encoder == 4 * (6 * 11 * layer + pair * 121)
    assert ours.stack == 2 * (6 * 5 * layer + pair * 15)
    assert ours.cross == 2 * (6 * (5 * 2 * 24 * 24 + 11 * 2 * 24 * 24) + pair * 55)
    assert ours.head == 6 * 5 * 53 * 24
