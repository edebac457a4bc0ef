"""The permutation objective: transformers' own loss, what packing changes (nothing), and that it is learned."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.bundle.parity import load, randomise

from hanlin.base.errors import ConfigError
from hanlin.data.batches import GuessBatch
from hanlin.data.forms.parts import Part
from hanlin.data.forms.permuted import Permuted
from hanlin.data.sources import IGNORE
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import build_model
from hanlin.train.config import PretrainConfig
from hanlin.train.kinds import check_shape
from hanlin.train.objectives import PermutationLM

VOCAB = 40
TOKENIZER: Any = SimpleNamespace(around=([1], [2, 3]), num_frame=3, special=SimpleNamespace(pad=0))


def parts(texts: list[np.ndarray], seed: int = 0) -> list[Part]:
    return [Part(text, True, (seed, number), None, number) for number, text in enumerate(texts)]  # type: ignore[arg-type]


def texts(*lengths: int) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.integers(4, VOCAB, length) for length in lengths]


def test_the_loss_is_that_of_transformers(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    settings = {"vocab_size": VOCAB, "d_model": 24, "n_layer": 2, "n_head": 3, "d_inner": 40}
    theirs = randomise(transformers.XLNetLMHeadModel(transformers.XLNetConfig(**settings)).eval())
    theirs.save_pretrained(tmp_path)
    batch = Permuted(TOKENIZER).batch([[part] for part in parts(texts(21, 12, 6))], seq_len=24)
    ranks = batch.ranks
    order = (ranks[:, :, None] <= ranks[:, None]) & (ranks[:, None] > 0)
    with torch.no_grad():
        said = theirs(
            batch.tokens,
            attention_mask=(batch.segments > 0).float(),
            perm_mask=order.float(),
            target_mapping=torch.nn.functional.one_hot(batch.places, 24).float(),
            labels=batch.targets,
        )
        loss = PermutationLM().loss(load(tmp_path, torch.float32), batch)
    assert loss.num_tokens == batch.num_targets >= 5
    assert loss.value.item() / loss.num_tokens == pytest.approx(said.loss.item(), rel=1e-5)
    right = (said.logits.argmax(dim=-1) == batch.targets).sum().item()
    assert PermutationLM().correct(load(tmp_path, torch.float32), batch) == right


def tiny(**fields: Any):
    sizes = {"vocab_size": VOCAB, "hidden_size": 32, "num_layers": 2, "num_heads": 4, "ffn_size": 64, "max_seq_len": 64}
    return build_model(ModelConfig(**{**FAMILIES["xlnet"].preset, **sizes, **fields}), seed=3)


@torch.no_grad()
def test_pieces_of_one_row_learn_what_they_learn_alone():
    model, given = tiny(), parts(texts(21, 13, 9))
    packed = PermutationLM().loss(model, Permuted(TOKENIZER).batch([given], seq_len=60))
    alone = [PermutationLM().loss(model, Permuted(TOKENIZER).batch([[part]], seq_len=24)) for part in given]
    assert packed.num_tokens == sum(loss.num_tokens for loss in alone)
    assert packed.value.item() == pytest.approx(sum(loss.value.item() for loss in alone), rel=1e-5)


def cycles(seed: int) -> GuessBatch:
    """Texts that repeat three tokens: what is hidden stands elsewhere, before it or behind."""
    rng = np.random.default_rng(seed)
    rows = [np.tile(rng.integers(4, VOCAB, 3), 6) for _ in range(24)]
    return Permuted(TOKENIZER).batch([[part] for part in parts(rows, seed)], seq_len=21)


def test_a_tiny_model_learns_to_guess():
    """Chance is log 36 = 3.58 nats a guess; 0.04 were reached in 140 steps."""
    model, objective = tiny(), PermutationLM()
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3)
    before = objective.loss(model, cycles(10_000))
    assert before.value.item() / before.num_tokens > 0.9 * math.log(VOCAB)
    for step in range(140):
        loss = objective.loss(model, cycles(step))
        optimizer.zero_grad()
        (loss.value / loss.num_tokens).backward()
        optimizer.step()
    held = cycles(10_000)
    after = objective.loss(model, held)
    assert after.value.item() / after.num_tokens < 0.5
    assert objective.correct(model, held) >= 0.9 * int((held.targets != IGNORE).sum())


def test_a_model_of_one_stream_cannot_guess(lang):
    config = PretrainConfig(objective="permutation")
    check_shape(config, tiny().config)
    plain = ModelConfig(**{**FAMILIES["bert"].preset, "vocab_size": VOCAB, "hidden_size": 32, "num_heads": 4})
    with pytest.raises(ConfigError) as error:
        check_shape(config, plain)
    (found,) = error.value.problems
    assert found.name == "objective"
    assert "learned" in found.rule and "xlnet" in found.remedy
