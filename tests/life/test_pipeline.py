"""Pipelines give the forms of transformers' own, sentiment is named or refused."""

from __future__ import annotations

import pytest
import torch
from tests.infer import vocabulary

import hanlin
from hanlin.base.errors import InputError, UsageError
from hanlin.bundle.bundle import save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.life.pipeline import TASKS
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import build_model

SIZES = {"vocab_size": 50, "hidden_size": 24, "num_layers": 1, "num_heads": 3, "max_seq_len": 24}


def saved(folder, family="bert", kind="none", labels=(), tokenizer=None):
    preset = FAMILIES[family].preset
    head = dict(preset.get("head", {}))
    if kind != "none":
        head |= {"kind": "none", "pooler": kind == "sequence", "next_sentence": False}
        head |= {"task": {"kind": kind, "labels": labels}}
    config = ModelConfig(**{**preset, **SIZES, "family": family, "head": head})
    tokenizer = tokenizer or vocabulary.bert()
    made = build_model(config, seed=3)
    return str(save_bundle(folder / "bundle", model=made, tokenizer=tokenizer, lineage=Lineage("task", 1)))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("two"), kind="sequence", labels=("neg", "pos"))


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def t5(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("t5"), family="t5", tokenizer=vocabulary.t5())


def test_labels_of_texts(two):
    label = hanlin.pipeline("sentiment-analysis", two)
    expected = hanlin.Classifier(two).predict(["w1 w2", "w3"])
    assert label("w1 w2") == [{"label": expected[0].label, "score": expected[0].score}]
    assert [row["label"] for row in label(["w1 w2", "w3"])] == [one.label for one in expected]
    every = hanlin.pipeline("text-classification", two)("w1 w2", top_k=None)
    assert [row["score"] for row in every] == sorted(expected[0].probabilities.values(), reverse=True)
    assert [len(rows) for rows in label(["w1", "w2"], top_k=2)] == [2, 2]


def test_parts_of_texts_and_answers(tmp_path):
    parts = hanlin.pipeline("ner", saved(tmp_path / "a", kind="tokens", labels=("A", "B")))("w1 w2")
    assert {"entity_group", "score", "word", "start", "end"} == set(parts[0])
    assert "w1 w2"[parts[0]["start"] : parts[0]["end"]] == parts[0]["word"]
    answer = hanlin.pipeline("question-answering", saved(tmp_path / "b", kind="spans"))
    found = answer(question="w1", context="w2 w3 w4")
    assert set(found) == {"score", "start", "end", "answer"} and 0 <= found["score"] <= 1
    assert len(answer(question=["w1", "w2"], context="w2 w3 w4")) == 2


def test_masks_and_states(bert):
    fill, model = hanlin.pipeline("fill-mask", bert), hanlin.load(bert)
    (guesses,) = model.fill_mask("w1 [MASK] w3", top=2)
    found = fill("w1 [MASK] w3", top_k=2)
    assert [row["token_str"] for row in found] == [one.token for one in guesses]
    assert found[0]["sequence"] == f"w1 {guesses[0].token} w3"
    assert [len(rows) for rows in fill("[MASK] w1 [MASK]")] == [5, 5]
    states = hanlin.pipeline("feature-extraction", bert)("w1 w2")
    assert torch.tensor(states).shape == (1, 4, 24)


def test_texts_are_written_and_written_anew(t5):
    text = hanlin.load(t5).generate("w1 w2", max_tokens=5, temperature=0.0)
    (row,) = hanlin.pipeline("text-generation", t5)("w1 w2", max_new_tokens=5, temperature=0.0, return_full_text=False)
    assert row["generated_text"] == text
    assert hanlin.pipeline("summarization", t5)("w1 w2", max_new_tokens=5) == [{"summary_text": text.strip()}]
    rows = hanlin.pipeline("translation", t5)(["w1 w2", "w3"], max_new_tokens=5, num_beams=2)
    best = hanlin.load(t5).beams("w1 w2", num_beams=2, max_tokens=5)[0].text.strip()
    assert len(rows) == 2 and rows[0] == {"translation_text": best}


def test_without_a_model_or_a_task_a_sentence_helps(lang):
    for task in [*TASKS, "sentiment-analysis"]:
        with pytest.raises(InputError) as error:
            hanlin.pipeline(task)
        assert error.value.code == "E887" and "hanlin " in str(error.value)
    with pytest.raises(UsageError) as unknown:
        hanlin.pipeline("depth-estimation", "there")
    assert unknown.value.code == "E896" and "fill-mask" in str(unknown.value)


def test_two_labels_say_neutral_only_where_they_are_unsure(two):
    """A model that never saw a neutral text: near one half it says so, and gives neutral no probability."""
    shares = hanlin.Classifier(two)("w1 w2").probabilities
    sure = hanlin.SentimentAnalyzer(two, neutral_below=0.5).analyze_sentiment("w1 w2")
    best = max(shares, key=shares.get)
    assert sure["sentiment"] == {"neg": "negative", "pos": "positive"}[best]
    assert sure["text"] == "w1 w2" and sure["confidence"] == pytest.approx(shares[best])
    assert sure["probabilities"] == pytest.approx(
        {"negative": shares["neg"], "neutral": 0.0, "positive": shares["pos"]}
    )
    unsure = hanlin.SentimentAnalyzer(two, neutral_below=1.0).analyze_sentiment("w1 w2")
    assert unsure["sentiment"] == "neutral" and unsure["probabilities"] == sure["probabilities"]


def test_three_labels_decide_themselves_and_others_must_be_told(tmp_path, lang):
    three = saved(tmp_path / "three", kind="sequence", labels=("正面", "中性", "负面"))
    found = hanlin.SentimentAnalyzer(three, neutral_below=1.0).analyze_sentiment("w1")
    assert found["sentiment"] == max(found["probabilities"], key=found["probabilities"].get)
    assert sum(found["probabilities"].values()) == pytest.approx(1)
    stars = saved(tmp_path / "stars", kind="sequence", labels=("0", "1"))
    with pytest.raises(InputError) as error:
        hanlin.SentimentAnalyzer(stars)
    assert error.value.code == "E897" and "0, 1" in str(error.value)
    told = hanlin.SentimentAnalyzer(stars, labels={"0": "negative", "1": "positive"})
    assert told.analyze_sentiment("w1")["sentiment"] in ("negative", "neutral", "positive")
