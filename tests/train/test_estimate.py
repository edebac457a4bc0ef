"""What a training takes, against what autograd keeps and what the loader really gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.data.forms.conftest import FORMS, PURPOSES, form_for, loader_for, tokenizer_for
from tests.model.test_counts import CASES, PLAIN, ROWS, TOKENS

from hanlin.data.sources import IGNORE
from hanlin.model.config import ModelConfig
from hanlin.model.counts import Passage, training_operations, whole_row
from hanlin.model.transformer import build_model
from hanlin.train.config import Objective, OptimizerConfig, PretrainConfig
from hanlin.train.estimate import Estimate, Memory, training_memory, update_operations
from hanlin.train.kinds import KINDS, model_fields
from hanlin.train.optimizers import build_optimizer
from hanlin.train.passages import passage, task_passage
from hanlin.train.plan import affordable
from hanlin.train.pretrain import relative_cost

WIDE: dict[str, Any] = {"vocab_size": 53, "hidden_size": 64, "num_layers": 4, "num_heads": 4, "ffn_size": 160}
OBJECTIVES: dict[str, Objective] = {
    "masked": "masked", "pairs": "masked_next_sentence", "spans": "span_corruption", "blanks": "blank_infilling",
    "middle": "fill_in_the_middle", "permuted": "permutation",
}  # fmt: skip


def kept_bytes(objective: str, shape: ModelConfig, batch: Any, dtype: torch.dtype) -> int:
    """Storages that autograd keeps after a forward pass, the weights themselves left out."""
    model = build_model(shape, seed=1, compute_dtype=dtype).train()
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    held: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        KINDS[objective].loss.loss(model, batch)  # type: ignore[index]
    return sum(storage.nbytes() for storage in held.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_activations_are_those_that_autograd_keeps(name: str, dtype: torch.dtype) -> None:
    objective, fields, batch, row = CASES[name]
    shape = ModelConfig(**{**fields, **WIDE, "max_seq_len": 32, "head_dim": 16})
    memory = training_memory(shape, row, rows=ROWS, optimizer=OptimizerConfig(), item=dtype.itemsize)
    assert memory.activations == pytest.approx(kept_bytes(objective, shape, batch, dtype), rel=0.25)


@pytest.mark.parametrize("rule", ["muon", "adamw", "adam", "sgd"])
def test_the_state_is_what_weights_gradients_and_optimizer_hold(rule: str) -> None:
    config = OptimizerConfig(name=rule)  # type: ignore[arg-type]
    shape = ModelConfig(**WIDE, max_seq_len=32)
    model = build_model(shape, seed=1)
    optimizer = build_optimizer(model, config)
    KINDS["causal"].loss.loss(model, PLAIN).value.backward()
    held = sum(2 * one.nbytes for one in model.parameters())
    optimizer.step(1e-3)
    held += sum(tensor.nbytes for tensor in optimizer.state_tensors().values())
    found = training_memory(shape, whole_row(shape, TOKENS), rows=1, optimizer=config, item=4)
    assert found.state == pytest.approx(held, rel=0.01)


def test_scores_of_masked_places_alone_take_memory() -> None:
    """A vocabulary of 30,000 over 4096 places: all of them fill a chunk to its bound, the masked ones nearly."""
    shape = ModelConfig(**{**WIDE, "vocab_size": 30_000}, arch="encoder", max_seq_len=512)
    every, few = (
        training_memory(shape, Passage(512, 512**2, scored), rows=8, optimizer=OptimizerConfig(), item=4).scores
        for scored in (512, 60)
    )
    table = 4 * 30_000 * 64
    assert every == 4 * 2**24 + 12 * 2**19 + 2 * 4 * 4096 * 64 + table
    assert few == 4 * 480 * 30_000 + 12 * 2**19 + 2 * 4 * 480 * 64 + table


def shape_of(name: str, **sizes: int) -> ModelConfig:
    said = PretrainConfig(objective=OBJECTIVES[name], model={"num_heads": 2, "hidden_size": 32, **sizes})
    tokenizer = tokenizer_for(PURPOSES[name])
    return ModelConfig(**{**model_fields(said, tokenizer), "vocab_size": tokenizer.vocab_size, "max_seq_len": 64})


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_row_is_what_the_loader_gives(name: str) -> None:
    """Widths exactly; places with a target as many as in rows that are as full as the plan takes them to be.

    Texts here are shorter than rows: parts are framed more often and pack less well than the plan's one text a row.
    """
    row = passage(shape_of(name), form_for(name), 64)
    loader, places, filled = loader_for(name, rows=4), 0, 0
    while (batch := loader.next_batch()) is not None:
        filled += batch.num_positions
        places += int((batch.targets != IGNORE).sum())
        if hasattr(batch, "read"):
            assert batch.read.shape[1] == row.read == 64
            assert batch.tokens.shape[1] == pytest.approx(row.written, abs=16)
        else:
            assert batch.tokens.shape[1] == row.written == 64
    assert places / filled == pytest.approx(row.scored / (row.read or row.written), rel=0.3)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_time_affords_more_of_what_costs_less(name: str) -> None:
    """A decoder's text costs 1, other ways of reading it by their own operations; the parameters go with the root."""
    config, tokenizer = PretrainConfig(objective=OBJECTIVES[name], seq_len=64, budget=60), tokenizer_for(PURPOSES[name])
    cost = relative_cost(config, tokenizer, model_fields(config, tokenizer))
    low, high = {"middle": (1, 1), "spans": (0.4, 0.75), "permuted": (1.0, 1.6)}.get(name, (0.8, 1.1))
    assert low - 1e-9 <= cost <= high + 1e-9
    plain, own = (affordable(config, 10**9, lambda: 2e11, share) for share in (1.0, cost))
    assert own / plain == pytest.approx(cost**-0.5, rel=1e-3)


def test_text_as_it_stands_and_labels_score_all_or_nothing() -> None:
    shape = ModelConfig(**WIDE)
    assert passage(shape, None, 64) == whole_row(shape, 64)
    assert task_passage(shape, 64).scored == 0
    saved = (
        training_operations(shape, whole_row(shape, 64)).total
        - training_operations(shape, task_passage(shape, 64)).total
    )
    assert saved == 6 * 64 * 64 * 53


def test_time_is_operations_over_speed() -> None:
    operations = update_operations(ModelConfig(**WIDE), whole_row(ModelConfig(**WIDE), 64), rows=8)
    row = whole_row(ModelConfig(**WIDE), 64)
    told = Estimate(operations, row, Memory(1, 2, 3, 4), 0, updates=10, flops_per_second=1e6)
    assert told.seconds == pytest.approx(10 * operations.total / 1e6)
    assert told.memory.total == 10
    assert Estimate(operations, row, Memory(1, 2, 3), 0, updates=10).seconds is None
    assert operations.total == pytest.approx(8 * 64 * ModelConfig(**WIDE).flops_per_token(64))
