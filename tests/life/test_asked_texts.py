"""`hanlin embed`, `score`, `infill` and `fill-mask` as stages: figures, files, tables, and what they refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.infer import vocabulary

import hanlin
from hanlin.base.errors import ConfigError, InputError, UsageError
from hanlin.base.messages import say
from hanlin.bundle.bundle import save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import build_model
from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer_train import train_tokenizer

SIZES = {"vocab_size": 45, "hidden_size": 24, "num_layers": 2, "num_heads": 3, "ffn_size": 40, "max_seq_len": 32}
TEXTS = ["w1 w2", "w3 w4 w5"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    model = build_model(ModelConfig(**{**FAMILIES["bert"].preset, **SIZES}), seed=2)
    folder = tmp_path_factory.mktemp("bert") / "bundle"
    return save_bundle(folder, model=model, tokenizer=vocabulary.bert(), lineage=Lineage("pretrain", 2))


def test_vectors_go_where_they_are_wanted(bert, tmp_path):
    report = hanlin.embed(str(bert), texts=TEXTS, exact=True)
    expected = hanlin.load(bert, exact=True).embed(TEXTS).values
    np.testing.assert_allclose(report.report["vectors"], expected, atol=1e-6)
    assert report.report["tokens"] == 9 and report.path is None
    hanlin.embed(str(bert), texts=TEXTS, exact=True, out=tmp_path / "v.npy")
    np.testing.assert_allclose(np.load(tmp_path / "v.npy", allow_pickle=False), expected, atol=1e-6)
    (tmp_path / "texts.txt").write_text("w1 w2\n")
    hanlin.embed(str(bert), data=[str(tmp_path / "texts.txt")], exact=True, out=tmp_path / "v.jsonl")
    (row,) = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    np.testing.assert_allclose(row["vector"], expected[0], atol=1e-6)


@pytest.mark.parametrize("command", [hanlin.embed, hanlin.score])
def test_a_file_is_no_text(bert, tmp_path, lang, command):
    """`hanlin embed my-bert reviews.csv` made one vector, of the name, and said that all was well."""
    (tmp_path / "reviews.csv").write_text("w1 w2\n")
    with pytest.raises(UsageError) as caught:
        command(str(bert), texts=["w1", str(tmp_path / "reviews.csv")], exact=True)
    assert caught.value.code == "E859" and "--data" in str(caught.value)


def test_texts_that_were_cut_are_counted(bert, lang):
    report = hanlin.embed(str(bert), texts=[" ".join(["w1"] * 40)], overflow="cut")
    assert report.report["cut"] == 1 and len(report.lines) == 2


def test_scores_of_each_text_and_of_all(bert, tmp_path, lang):
    report = hanlin.score(str(bert), texts=TEXTS, exact=True)
    scores = hanlin.load(bert, exact=True).score(TEXTS)
    assert [row["logprob"] for row in report.report["scores"]] == pytest.approx([one.total for one in scores])
    assert report.report["logprob"] == pytest.approx(sum(one.total for one in scores))
    assert report.report["tokens"] == 5
    assert [row[1] for row in report.tables[0].rows] == ["2", "3"]
    hanlin.score(str(bert), texts=TEXTS, exact=True, out=tmp_path / "s.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert [len(row["logprobs"]) for row in rows] == [2, 3]


def test_blanks_and_masks_are_filled(bert, lang):
    report = hanlin.infill(str(bert), text="w1 ____ w3", exact=True)
    (guesses,) = hanlin.load(bert, exact=True).fill_mask("w1 [MASK] w3", top=45)
    best = next(one.token for one in guesses if one.token.startswith("w"))
    assert report.report["parts"] == [best] and report.lines == (f"w1 {best} w3",)
    table = hanlin.fill_mask(str(bert), text="w1 [MASK] w3", top=3, exact=True)
    assert [one["token"] for one in table.report["masks"][0]] == [one.token for one in guesses[:3]]
    assert len(table.tables[0].rows) == 3


def test_what_ran_into_its_limit_is_said_to(tmp_path, lang):
    """A T5 that never learned to end writes until it may not."""
    tokenizer = train_tokenizer(["w1 w2 w3"] * 4, TokenizerConfig(vocab_size=362, purpose="span_corruption"))
    sizes = {**SIZES, "vocab_size": tokenizer.vocab_size}
    model = build_model(ModelConfig(**{**FAMILIES["t5"].preset, **sizes}), seed=2)
    bundle = save_bundle(tmp_path / "t5", model=model, tokenizer=tokenizer, lineage=Lineage("pretrain", 2))
    report = hanlin.infill(str(bundle), text="w1 ____ w3", max_tokens=2)
    assert report.report["whole"] is False
    assert report.lines[1] == say("life.filled_in_part", max_tokens=2)
    assert "2" in report.lines[1]


def test_what_is_missing_or_wrong_is_said(bert, tmp_path, lang):
    with pytest.raises(InputError) as error:
        hanlin.score(str(bert))
    assert error.value.code == "E888"
    with pytest.raises(InputError) as error:  # before any model is opened
        hanlin.embed("nowhere", texts=TEXTS, out=tmp_path / "v.pkl")
    assert error.value.code == "E889" and ".npy" in str(error.value)
    with pytest.raises(ConfigError):
        hanlin.embed(str(bert), texts=TEXTS, data=["there.txt"])
