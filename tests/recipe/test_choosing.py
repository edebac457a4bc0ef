"""Ways of doing a task: data that hold together, arithmetic of memory and text, and measured scores that decide."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from hanlin.base.messages import entry
from hanlin.model.config import ModelConfig
from hanlin.model.families.bert import PRESET as BERT
from hanlin.model.families.registry import FAMILIES
from hanlin.recipe import choosing
from hanlin.recipe.choosing import Means, choose, least_tokens, score_at, ways
from hanlin.recipe.config import Task
from hanlin.train.config import Objective, PretrainConfig
from hanlin.train.kinds import KINDS

MB = 1 / 3.5e-6  # tokens of a megabyte
RICH = Means(memory=8 * 10**9, tokens=45 * MB, rows=1000)


@pytest.mark.parametrize("task", get_args(Task))
def test_every_task_has_a_way_with_a_reason_in_both_languages(task):
    found = choose(task, RICH)
    assert found and not found[0].lacks
    for one in found:
        reason = entry(f"recipe.choose_because_{one.way.because}")
        assert reason.en and reason.zh and one.way.source
        assert (one.way.kind == "count") == (not one.way.family)
        assert not one.way.family or one.way.family in FAMILIES


def test_objectives_are_those_that_pre_training_knows():
    assert {one.objective for one in ways() if one.objective} <= set(get_args(Objective))
    for one in ways():
        if one.kind == "pretrain":
            settings = {"objective": one.objective, "size": "3m", "model": {"family": one.family}}
            assert KINDS[PretrainConfig(**settings).objective].archs, f"{one.name}: the command that is proposed"


def test_each_way_stands_once_for_a_task():
    told = [(task, one.name, one.kind) for one in ways() for task in one.tasks]
    assert len(told) == len(set(told))


def test_sizes_of_published_models_are_those_of_their_shape():
    """bert-base-chinese and all-MiniLM-L6-v2 from the sizes in their config.json, without heads but the pooler."""
    head = {"kind": "none", "pooler": True}
    base = {"hidden_size": 768, "num_layers": 12, "num_heads": 12, "ffn_size": 3072, "vocab_size": 21128}
    mini = {"hidden_size": 384, "num_layers": 6, "num_heads": 12, "ffn_size": 1536, "vocab_size": 30522}
    known = {one.example: one.parameters for one in ways()}
    for name, shape in (("bert-base-chinese", base), ("all-MiniLM-L6-v2", mini)):
        built = ModelConfig(**{**BERT, **shape, "head": head, "max_seq_len": 512})
        assert built.num_parameters() == known[name]


def test_text_feeds_a_model_four_tokens_for_each_parameter():
    (made,) = [one for one in choose("classify", RICH) if one.way.kind == "pretrain"]
    assert made.parameters == pytest.approx(45e6 / 3.5 / 4, rel=1e-6)
    assert made.training_memory == 2**30 + 16 * made.parameters


def test_memory_bounds_what_text_would_feed():
    (made,) = [
        one for one in choose("write", Means(2**30 + 16 * 4_000_000, 10_000 * MB, None)) if one.way.kind == "pretrain"
    ]
    assert made.parameters == 4_000_000 and not made.lacks


def test_what_does_not_fit_comes_last_with_what_it_lacks():
    poor = choose("classify", Means(memory=10**9, tokens=0.1 * MB, rows=50))
    assert [one.lacks for one in poor] == ["", "memory", "text"]
    assert poor[1].needed == 2**30 + 16 * 102_267_648
    assert poor[2].needed == least_tokens()
    assert choose("classify", Means(10**10, None, None))[-1].lacks == "text", "text that nobody told of"
    (small,) = [one for one in choose("write", Means(2**30, 45 * MB, None)) if one.way.kind == "pretrain"]
    assert small.lacks == "memory"


def test_measured_scores_decide_at_the_rows_there_are(monkeypatch):
    """From 300 rows on the encoder was better in this made-up curve."""
    curve = {"tfidf": (0.5, 0.6, 0.7), "bert": (0.4, 0.65, 0.8)}
    rows = [
        {"row": name, "column": column, "value": value}
        for name, values in curve.items()
        for column, value in zip(("100", "300", "1000"), values, strict=True)
    ]
    known = json.dumps({"tables": {"sentiment/curve": {"figures": rows}}})
    monkeypatch.setattr(choosing, "_file", lambda name: known if name == "measured.json" else _real(name))
    names = {
        rows: [(o.way.name, o.way.kind) for o in choose("classify", Means(10**10, 45 * MB, rows))]
        for rows in (100, 299, 900)
    }
    assert names[100][0] == names[299][0] == ("tfidf", "count")
    assert names[900] == [("bert", "pretrain"), ("bert", "open"), ("tfidf", "count")]
    tfidf = next(one for one in ways() if one.name == "tfidf")
    assert (score_at(tfidf, 50), score_at(tfidf, 5000)) == (None, 0.7)


_real = choosing._file
