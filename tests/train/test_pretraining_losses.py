"""Losses of the objectives against transformers on the same rows and weights; every one learns, and resumes exactly.

B rows, T tokens.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tests.bundle.parity import write
from tests.data.forms.conftest import FORMS, every_part, form_for, parts_for, tokenizer_for
from tests.data.forms.conftest import PURPOSES as PURPOSE_OF

from hanlin.data.batches import PairBatch, ReadBatch, TokenBatch
from hanlin.data.loader import Loader
from hanlin.data.mixture import WeightedSource
from hanlin.data.sources import IGNORE
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import Transformer, build_model
from hanlin.train.config import Objective, PretrainConfig
from hanlin.train.kinds import KINDS, model_fields
from hanlin.train.loop import accumulate

from .conftest import Training

transformers = pytest.importorskip("transformers")

OBJECTIVES: dict[str, Objective] = {
    "masked": "masked", "pairs": "masked_next_sentence", "spans": "span_corruption", "blanks": "blank_infilling",
    "middle": "fill_in_the_middle", "permuted": "permutation",
}  # fmt: skip


def fresh(name: str, **fields: Any) -> Transformer:
    sizes = {"vocab_size": tokenizer_for(PURPOSE_OF[name]).vocab_size, "hidden_size": 32, "num_layers": 2}
    said = PretrainConfig(objective=OBJECTIVES[name], model={"num_heads": 2, "max_seq_len": 64, **sizes, **fields})
    return build_model(ModelConfig(**model_fields(said)), seed=3)


def theirs(model: Transformer, architecture: str, folder: Path) -> Any:
    """The class of transformers with the same weights, by way of a folder."""
    write(folder, model, model.config)
    return getattr(transformers, architecture).from_pretrained(folder).eval()


def one_per_row(name: str, number: int = 3) -> Any:
    """Rows of one part each: what transformers has no packing for."""
    return form_for(name).batch([[part] for part in every_part(name, 64)[:number]], seq_len=64)


def agree(ours: torch.Tensor, num: int, expected: torch.Tensor) -> None:
    torch.testing.assert_close(ours / num, expected, atol=2e-5, rtol=1e-5)


def test_masked_loss_is_that_of_transformers(tmp_path: Path) -> None:
    model, batch = fresh("masked").eval(), one_per_row("masked")
    loss = KINDS["masked"].loss.loss(model, batch)
    real = (batch.segments > 0).long()
    agree(
        loss.value,
        loss.num_tokens,
        theirs(model, "BertForMaskedLM", tmp_path)(batch.tokens, attention_mask=real, labels=batch.targets).loss,
    )


def test_both_losses_of_pairs_are_those_of_transformers(tmp_path: Path) -> None:
    """One pair, where the weight of its answer is all of the weight there is."""
    model = fresh("pairs").eval()
    peer = theirs(model, "BertForPreTraining", tmp_path)
    for part in every_part("pairs", 64)[:3]:
        batch: PairBatch = form_for("pairs").batch([[part]], seq_len=64)
        asked = {"labels": batch.targets, "next_sentence_label": batch.followed[:, 0]}
        real = (batch.segments > 0).long()
        expected = peer(batch.tokens, attention_mask=real, token_type_ids=batch.types, **asked).loss
        loss = KINDS["masked_next_sentence"].loss.loss(model, batch)
        agree(loss.value, loss.num_tokens, expected)


def test_span_loss_is_that_of_transformers(tmp_path: Path) -> None:
    model = fresh("spans").eval()
    batch: ReadBatch = one_per_row("spans")
    loss = KINDS["span_corruption"].loss.loss(model, batch)
    peer = theirs(model, "T5ForConditionalGeneration", tmp_path)
    peer.config.pad_token_id = peer.config.decoder_start_token_id = 0
    expected = peer(batch.read, attention_mask=(batch.read_segments > 0).long(), labels=batch.targets).loss
    agree(loss.value, loss.num_tokens, expected)


def test_blank_loss_is_cross_entropy_under_the_mask_of_glm() -> None:
    """Each target scored alone, by a model that is shown its prefix and what was written before it, and no more."""
    model = fresh("blanks").eval()
    part = every_part("blanks", 64)[0]
    batch = form_for("blanks").batch([[part]], seq_len=64)
    loss = KINDS["blank_infilling"].loss.loss(model, batch)
    asked = (batch.targets[0] != IGNORE).nonzero().flatten().tolist()
    nats = 0.0
    for place in asked:
        shown = slice(0, place + 1)
        logits = model(batch.tokens[:, shown], positions=batch.positions[:, shown], prefix=batch.prefix[:, shown])
        nats += float(F.cross_entropy(logits[0, -1], batch.targets[0, place]).detach())
    assert loss.num_tokens == len(asked)
    assert float(loss.value.detach()) == pytest.approx(nats, rel=1e-5)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_packed_rows_are_worth_what_their_parts_are(name: str) -> None:
    """No part of a row sees another: the loss of a packed row is the sum of its parts' losses."""
    model, kind = fresh(name).eval(), KINDS[OBJECTIVES[name]]
    parts = [part for part in every_part(name, 64) if len(part.ids) < 24][:2]
    form = form_for(name)
    packed = kind.loss.loss(model, form.batch([parts], seq_len=64))
    alone = [kind.loss.loss(model, form.batch([[part]], seq_len=64)) for part in parts]
    assert packed.num_tokens == sum(one.num_tokens for one in alone)
    torch.testing.assert_close(packed.value, sum(one.value for one in alone), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_step_is_the_same_however_it_is_split(name: str) -> None:
    form, parts, kind = form_for(name), every_part(name, 64), KINDS[OBJECTIVES[name]]
    whole, halves = [[0, 1, 2, 3]], [[0, 1], [2, 3]]
    gradients = []
    for split in (whole, halves):
        model = fresh(name)
        accumulate(model, kind.loss, [form.batch([[parts[n]] for n in rows], seq_len=64) for rows in split])
        gradients.append([parameter.grad for parameter in model.parameters() if parameter.grad is not None])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=1e-4)


# ---- through the loop ----


def training(name: str, folder: Path, fields: Any = None, **settings: Any) -> Training:
    made = Training(folder, model=fresh(name, **(fields or {})), **settings)
    source = WeightedSource(source=parts_for(name, 64))
    made.loader = Loader([source], rows=4, seq_len=64, seed=5, form=form_for(name))
    made.objective = KINDS[OBJECTIVES[name]].loss
    return made


@functools.cache
def entropy(name: str) -> float:
    """Nats of a target by how often each occurs: what a model reaches that looks at nothing."""
    form, counts = form_for(name), torch.zeros(1000)
    for key in range(3):
        batch: TokenBatch = form.batch([[part] for part in every_part(name, 64, key)], seq_len=64)
        counts += torch.bincount(batch.targets[batch.targets != IGNORE], minlength=1000)
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * shares.log()).sum())


@pytest.mark.parametrize("name", sorted(FORMS))
def test_stopped_and_gone_on_is_bit_for_bit_the_whole(name: str, tmp_path: Path) -> None:
    whole = training(name, tmp_path / "a" / "run", steps=6, save_steps=3, keep_checkpoints=9)
    first = training(name, tmp_path / "b" / "run", steps=6, save_steps=3, keep_checkpoints=9)
    done, cut = whole.start(), first.start()
    last = sorted((cut.path / "checkpoints").iterdir())[-1]
    for file in last.iterdir():
        file.unlink()
    last.rmdir()  # as if the run had been killed after step 3
    again = training(name, cut.path, steps=6, save_steps=3, keep_checkpoints=9)
    resumed = again.start()
    one, other = (sorted((run.path / "checkpoints").iterdir())[-1] for run in (done, resumed))
    assert one.name == other.name == "step-000006"
    for file in sorted(one.glob("*.safetensors")):
        ours, expected = load_file(other / file.name), load_file(file)
        assert all(torch.equal(ours[key], value) for key, value in expected.items()), file.name


LEARNING = {
    "masked": (120, {"learning_rate": 4e-3, "optimizer": "muon"}),
    **dict.fromkeys(("spans", "blanks", "middle"), (60, {"learning_rate": 8e-3, "optimizer": "adamw"})),
}
"""Steps and settings. A BERT learned nothing here as long as the layers of its head went at the embeddings' rate."""


@pytest.mark.parametrize("name", LEARNING)
def test_it_learns_more_than_how_often_tokens_occur(name: str, tmp_path: Path) -> None:
    steps, settings = LEARNING[name]
    made = training(name, tmp_path / "run", steps=steps, rows=4, **settings)
    assert made.start().report["loss"] < 0.75 * entropy(name)
