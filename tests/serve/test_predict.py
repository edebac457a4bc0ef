"""POST /predict: labels of texts over HTTP are those of Python, and what is wrong is one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.infer import vocabulary
from tests.serve.conftest import fault

from hanlin.bundle.bundle import save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.life.classify import Classifier
from hanlin.life.serve import server
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import build_model

SIZES = {"vocab_size": 50, "hidden_size": 24, "num_layers": 1, "num_heads": 3, "max_seq_len": 12}


def labelled(folder: Path, family: str = "bert") -> Path:
    preset = FAMILIES[family].preset
    head = {**preset.get("head", {}), "kind": "none", "pooler": family == "bert", "next_sentence": False}
    head |= {"task": {"kind": "sequence", "labels": ("negative", "neutral", "positive")}}
    config = ModelConfig(**{**preset, **SIZES, "family": family, "head": head})
    tokenizer = vocabulary.bert()
    return save_bundle(
        folder / "tiny", model=build_model(config, seed=3), tokenizer=tokenizer, lineage=Lineage("task", 1)
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelled(tmp_path_factory.mktemp("labels"))


@pytest.fixture(scope="module")
def client(bundle: Path) -> Iterator[httpx.Client]:
    with (
        server(bundle, port=0, name="tiny", page=False, device="cpu", max_texts=4) as running,
        httpx.Client(base_url=running.address, timeout=60, trust_env=False) as found,
    ):
        yield found


def test_labels_are_those_of_python(client: httpx.Client, bundle: Path) -> None:
    texts = ["w1 w2 w3", "w4", "w5 w6"]
    expected = Classifier(bundle).predict(texts)
    body = client.post("/predict", json={"text": texts}).json()
    np.testing.assert_allclose(body["predictions"], expected.probabilities, atol=1e-6)
    assert body["classes"] == ["negative", "neutral", "positive"]
    assert body["labels"] == [one.label for one in expected]
    assert body["confidence"] == pytest.approx([one.score for one in expected])
    assert body["chosen"] == [[label] for label in body["labels"]]
    assert body["limits"] == {"texts": 4, "tokens": 12} and body["cut"] == body["split"] == 0
    one = client.post("/predict", json={"text": texts[0], "model": "tiny"}).json()
    np.testing.assert_allclose(one["predictions"], body["predictions"][:1], atol=1e-6)
    (card,) = client.get("/v1/models").json()["data"]
    assert card["capabilities"] == ["embeddings", "classification"]


def test_a_long_text_is_refused_or_read_as_told(client: httpx.Client) -> None:
    long = " ".join(["w1"] * 20)
    error = fault(client.post("/predict", json={"text": ["w2", long]}), 400, "E441")
    assert error["param"] == "text" and "20" in error["message"]
    assert client.post("/predict", json={"text": long, "overflow": "cut"}).json()["cut"] == 1
    assert client.post("/predict", json={"text": long, "overflow": "windows"}).json()["split"] == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"text": ""}, 400, "E440"),
        ({"text": ["w1", "  "]}, 400, "E440"),
        ({"text": []}, 400, "E957"),
        ({"text": None}, 400, "E957"),
        ({"text": 5}, 400, "E957"),
        ({"text": ["w1", 5]}, 400, "E957"),
        ({}, 400, "E957"),
        ({"text": ["w1"] * 5}, 400, "E995"),
        ({"text": "w1", "model": "other"}, 404, "E973"),
        ({"text": "w1", "overflow": "drop"}, 400, "E957"),
    ],
)
def test_bad_requests_get_one_sentence(client: httpx.Client, body: dict[str, Any], status: int, code: str) -> None:
    error = fault(client.post("/predict", json=body), status, code)
    if code == "E995":
        assert "4" in error["message"] and "5" in error["message"]


def test_a_decoder_that_labels_is_served_and_does_not_write(tmp_path: Path) -> None:
    folder = labelled(tmp_path, "llama")
    with (
        server(folder, port=0, name="tiny", page=False, device="cpu") as running,
        httpx.Client(base_url=running.address, timeout=60, trust_env=False) as client,
    ):
        assert len(client.post("/predict", json={"text": "w1"}).json()["predictions"][0]) == 3
        error = fault(client.post("/v1/completions", json={"model": "tiny", "prompt": "w1"}), 400, "E990")
        assert "classification" in error["message"]
