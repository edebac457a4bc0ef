"""Validation loss against the loss of the whole, and bounded where there is much of it."""

from __future__ import annotations

import pytest
import torch

from hanlin.data.batches import RowPiece, collate
from hanlin.train.objectives import CausalLM
from hanlin.train.validation import measured_positions, validation_loss

from .conftest import tiny_model
from .language import MarkovSource


def test_it_is_the_mean_over_all_targets() -> None:
    model, source = tiny_model(), MarkovSource(documents=5)
    found = validation_loss(CausalLM(), [source], rows=2, seq_len=33)(model)["validation_loss"]
    rows = [[RowPiece(0, document, 0, 33)] for document in range(5)]
    whole = CausalLM().loss(model, collate(rows, [source], seq_len=33, pad=0))
    assert found == pytest.approx(whole.value.item() / whole.num_tokens, rel=1e-5)


def test_much_data_are_measured_in_part_and_always_the_same_part() -> None:
    seen: list[torch.Tensor] = []

    class Watching(CausalLM):
        def loss(self, model, batch):
            seen.append(batch.tokens)
            return super().loss(model, batch)

    hook = validation_loss(Watching(), [MarkovSource(documents=50)], rows=2, seq_len=33, most=200)
    first, again = hook(tiny_model()), hook(tiny_model())
    assert first == again
    assert len(seen) == 2 * 4  # 66 positions a batch
    assert all(torch.equal(a, b) for a, b in zip(seen[:4], seen[4:], strict=True))


def test_no_gradient_is_kept() -> None:
    model = tiny_model()
    validation_loss(CausalLM(), [MarkovSource(documents=2)], rows=2, seq_len=33)(model)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_little_data_are_measured_briefly() -> None:
    assert measured_positions(10) == 8192
    assert measured_positions(2_000_000) == 20_000
    assert measured_positions(10**12) == 65_536
