"""Tasks from end to end: rows in a file, a tiny model of every shape, a bundle that does the task, seconds each."""

from __future__ import annotations

import csv
import json
import random

import numpy as np
import pytest
from tests.infer import vocabulary

import hanlin
from hanlin.base.errors import InputError, RequestTooLong, UsageError
from hanlin.bundle.bundle import load_bundle, save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import build_model

SIZES = {"vocab_size": 45, "hidden_size": 32, "num_layers": 1, "num_heads": 2, "max_seq_len": 24, "ffn_size": 64}
SHAPES = ("bert", "llama", "t5")
QUICK = {"learning_rate": 3e-3, "batch_size": 32, "seed": 1, "compute_dtype": "float32", "threads": 1}


@pytest.fixture(scope="module")
def parents(tmp_path_factory):
    """An untrained bundle of every shape: the toys need no knowledge of words."""
    home, made = tmp_path_factory.mktemp("parents"), {}
    for name in SHAPES:
        tokenizer = vocabulary.t5() if name == "t5" else vocabulary.bert()
        config = ModelConfig(**{**FAMILIES[name].preset, **SIZES, "family": name})
        model = build_model(config, seed=1)
        made[name] = save_bundle(home / name, model=model, tokenizer=tokenizer, lineage=Lineage("pretrain", 1))
    return made


def words(drawn, low, high, number):
    return [f"w{drawn.randrange(low, high)}" for _ in range(number)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Toys that a linear model of the words solves, each with its own trap for the head that reads the wrong place."""
    home, drawn, found = tmp_path_factory.mktemp("rows"), random.Random(3), {}

    def write(name, rows):
        found[name] = home / f"{name}.jsonl"
        found[name].write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")

    kinds = {"bad": 0, "fair": 10, "good": 20}
    labelled = []
    for number in range(240):
        label = list(kinds)[number % 3]
        said = words(drawn, 30, 40, 4) + words(drawn, kinds[label], kinds[label] + 10, 3)
        drawn.shuffle(said)
        labelled.append({"text": " ".join(said), "label": label})
    write("labels", labelled)
    write("many", [{**row, "label": [row["label"], *["long"] * (len(row["text"]) > 24)]} for row in labelled])
    write("numbers", [{**row, "label": {"bad": -1, "fair": 0, "good": 1}[row["label"]]} for row in labelled])
    tagged = []
    for _ in range(160):
        said, tags = words(drawn, 10, 40, 6), ["O"] * 6
        place = drawn.randrange(4)
        said[place : place + 2], tags[place : place + 2] = ["w1", "w2"], ["B-PER", "I-PER"]
        tagged.append({"tokens": said, "tags": tags})
    write("tags", tagged)
    asked = []
    for _ in range(240):
        said = words(drawn, 10, 40, 8)
        place = drawn.randrange(8)
        said[place] = f"w{drawn.randrange(3)}"
        answer = {"text": [said[place]], "answer_start": [len(" ".join(said[:place])) + (place > 0)]}
        asked.append({"context": " ".join(said), "question": "w5 w6", "answers": answer})
    write("asked", asked)
    pairs = [words(drawn, 0, 40, 5) for _ in range(160)]
    mixed = [drawn.sample(one, len(one)) for one in pairs]
    write("pairs", [{"sentence1": " ".join(a), "sentence2": " ".join(b)} for a, b in zip(pairs, mixed, strict=True)])
    return found


def trained(parent, data, home, **settings):
    return hanlin.train_task(str(parent), data=(str(data),), runs=home, **{**QUICK, **settings})


GATES = {
    "labels": ("classification", "accuracy", 0.9, 8),
    "many": ("multilabel", "macro_f1", 0.75, 10),
    "numbers": ("regression", "spearman", 0.85, 10),
    "tags": ("tokens", "f1", 0.9, 10),
    "asked": ("qa", "exact_match", 0.8, 20),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", GATES)
def test_every_head_learns_on_every_shape(name, shape, parents, files, tmp_path):
    task, measure, gate, epochs = GATES[name]
    report = trained(parents[shape], files[name], tmp_path, task=task, epochs=epochs)
    figure = report.report["figures"][measure]
    assert figure["value"] >= gate, report.report["figures"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert figure["chance"] < gate / 1.5
    again = hanlin.evaluate_task(report.path, data=(str(files[name]),))
    assert again.report["num_rows"] > report.report["num_rows"]
