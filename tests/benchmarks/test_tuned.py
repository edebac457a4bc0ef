"""The loop that tunes all families alike: on tiny models each task is learned, and comes back in the user's terms."""

from __future__ import annotations

import pytest
import torch
from benchmarks.proofs.rows import Places, Question
from benchmarks.proofs.spans import labelled
from benchmarks.proofs.tuned import (
    TuneRecipe,
    answered,
    classified,
    features,
    valued,
    written,
)

from hanlin.bundle.bundle import save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.model.config import ModelConfig
from hanlin.model.families.bert import PRESET as BERT
from hanlin.model.families.t5 import PRESET as T5
from hanlin.model.transformer import build_model
from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer_train import train_tokenizer

SIZE = {"hidden_size": 32, "num_layers": 1, "num_heads": 2, "max_seq_len": 32}
HEAD = {"head": {"pooler": False, "next_sentence": False}}
QUICK = TuneRecipe(least_steps=60, epochs=0.0, rate=5e-3, head_rate=1e-2, dropout=0.0, rows=8)
GOOD, BAD = ["很好吃", "服务好", "喜欢", "好看"], ["太差了", "难吃", "不行", "失望"]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(
        [*GOOD, *BAD, "Ann lives in Rome. Bob lives in Oslo.", "abcdefg"] * 3, TokenizerConfig(vocab_size=320)
    )


@pytest.fixture(scope="module")
def bundle(tokenizer, tmp_path_factory):
    """Makes a bundle of a preset."""

    def made(name, **fields):
        shape = ModelConfig(**{**fields, **SIZE}, vocab_size=tokenizer.vocab_size)
        folder = tmp_path_factory.mktemp("tuned") / name
        return save_bundle(folder, model=build_model(shape, seed=2), tokenizer=tokenizer, lineage=Lineage("test", 1))

    return made


def test_an_encoder_and_a_decoder_learn_labels(bundle):
    texts, labels = [*GOOD, *BAD], ["positive"] * 4 + ["negative"] * 4
    for name, fields in (("bert", {**BERT, **HEAD}), ("llama", {})):
        said, model = classified(bundle(name, **fields), texts, labels, texts[::-1], QUICK)
        assert said == labels[::-1]
        assert not model.training


def test_numbers_of_pairs_come_back_on_their_scale(bundle):
    pairs = [(one, one) for one in GOOD] + list(zip(GOOD, BAD, strict=True))
    said = valued(bundle("pairs", **{**BERT, **HEAD}), pairs, [5.0] * 4 + [0.0] * 4, pairs, QUICK)
    assert min(said[:4]) > 3 > 2 > max(said[4:])


def test_places_are_learned_in_characters(bundle, tmp_path):
    """The space that a token begins with is none of its place."""
    names = [(who, where) for who in ("Ann", "Bob") for where in ("Rome", "Oslo")]
    rows = [Places(f"{who} lives in {where}.", ((0, 3, "PERSON"), (13, 17, "GPE"))) for who, where in names]
    said = {"learning_rate": 5e-3, "epochs": 60, "batch_size": 8, "dropout": 0.0, "validation_share": 0.0}
    texts = [row.text for row in rows]
    found = labelled(bundle("places", **{**BERT, **HEAD}), rows, texts, tmp_path, **said, group="", head_dropout=0.0)
    assert found == [list(row.spans) for row in rows]


def test_answers_are_parts_of_the_passage(bundle):
    rows = [Question("谁", text, ("cd",), 3) for text in ("ab很cd", "ef好cd")]
    assert answered(bundle("answers", **{**BERT, **HEAD}), rows, rows, QUICK) == ["cd", "cd"]


def test_an_encoder_decoder_learns_to_write(bundle, tmp_path):
    prompts, wanted = ["很好吃", "太差了"] * 4, ["abc", "gfe"] * 4
    said = {"learning_rate": 0.01, "steps": 60, "max_target_tokens": 12}
    assert written(bundle("t5", **T5), prompts, wanted, prompts, tmp_path, **said) == wanted


def test_states_without_tuning_are_means_over_the_text_alone(bundle):
    """The same in a batch with longer texts as alone."""
    folder = bundle("frozen", **{**BERT, **HEAD})
    together, alone = features(folder, ["好看", "很好吃服务好"]), features(folder, ["好看"])
    assert together.shape == (2, 32)
    assert torch.allclose(together[0], alone[0], atol=2e-2), "bfloat16 where the processor has it"
