"""`hanlin vectors …` through the command line, and the hidden states of a model beside word vectors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.text.vectors.test_vectors import FRUIT, two_worlds

from hanlin.bundle.bundle import Bundle
from hanlin.cli.main import main
from hanlin.life.hidden import mean_hidden
from hanlin.life.vectors import score_vectors, train_vectors
from hanlin.text.vectors.table import WordVectors

QUIET = ["--progress", "none"]
LEARN = ["--width", "12", "--min-count", "2", "--epochs", "12", "--window", "3", "--subsample", "0"]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors of a text about fruit and tools."""
    folder = tmp_path_factory.mktemp("vectors")
    (folder / "text.txt").write_text("\n".join(text for text, _ in two_worlds()), encoding="utf-8")
    assert main(["vectors", "train", str(folder / "text.txt"), "--out", str(folder / "v"), *LEARN, *QUIET]) == 0
    return folder / "v"


def test_neighbours_and_analogies(vectors: Path, capsys: pytest.CaptureFixture[str], lang: str) -> None:
    assert main(["vectors", "neighbours", "Apple", "--vectors", str(vectors), "--number", "3", "--json", *QUIET]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["word"] for row in found["words"]} == set(FRUIT) - {"apple"}
    assert main(["vectors", "analogy", "apple", "pear", "hammer", "--vectors", str(vectors), *QUIET]) == 0
    assert ("cosine" if lang == "en" else "余弦") in capsys.readouterr().out
    assert main(["vectors", "neighbours", "aple", "--vectors", str(vectors), *QUIET]) == 3
    error = capsys.readouterr().err
    assert "E890" in error
    assert "apple" in error, "a word near in spelling is named"
    assert main(["vectors", "analogy", "apple", "pear", *QUIET]) == 2
    assert main(["vectors", "neighbours", "apple", "--vectors", str(vectors.parent), *QUIET]) == 3
    assert "E233" in capsys.readouterr().err


def test_where_vectors_come_from_is_kept(vectors: Path) -> None:
    info = WordVectors.load(vectors).info
    assert info["settings"]["width"] == 12
    assert info["origin"]["seed"] == 1
    assert len(info["origin"]["data"]["words"]) == 64
    assert info["sources"] == [str(vectors.parent / "text.txt")]
    assert info["num_vectors"] == len(WordVectors.load(vectors).words)


def write(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_scores_beside_counting_and_a_model(
    vectors: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str
) -> None:
    """Sentences of one world are alike, those of two are not: word vectors see it, shared characters hardly."""
    texts = [text for text, _ in two_worlds(160)]
    worlds = [int("nails" in text) for text in texts]
    pairs = [
        {"sentence1": a.split(" the ")[0].split()[-1] if n % 2 else a, "sentence2": b, "score": float(x == y)}
        for n, (a, b, x, y) in enumerate(zip(texts, texts[1:], worlds, worlds[1:], strict=False))
    ]
    labels = [{"text": text, "label": "tools" if world else "fruit"} for text, world in zip(texts, worlds, strict=True)]
    sts, rows = write(tmp_path / "sts.jsonl", pairs), write(tmp_path / "labels.jsonl", labels)
    words = [
        "vectors",
        "score",
        str(vectors),
        "--sts",
        sts,
        "--labels",
        rows,
        "--model",
        str(folder),
        "--device",
        "cpu",
        *QUIET,
    ]
    assert main([*words, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    similar = figures["similarity"][sts]
    assert set(similar) == {"overlap", "tfidf", "mean", "smooth", "smooth_centred", "hidden", "hidden_centred"}
    assert similar["mean"]["value"] > 0.5
    assert similar["mean"]["low"] < similar["mean"]["value"] < similar["mean"]["high"]
    classes = figures["classes"][rows]
    assert set(classes) == {"tfidf", "mean", "smooth", "hidden"}
    assert classes["tfidf"]["macro_f1"] > 0.95
    assert classes["mean"]["macro_f1"] > 0.95
    assert classes["mean"]["chance"] == 0.5
    assert classes["hidden"]["num_test"] == classes["mean"]["num_test"] > 0
    assert main(words) == 0
    said = capsys.readouterr().out
    assert ("mean hidden state" if lang == "en" else "平均隐藏状态") in said


def test_without_a_model_or_rows_there_is_little_to_say(vectors: Path) -> None:
    assert score_vectors(vectors, sts=(), labels=()).tables == ()


def test_a_built_corpus_gives_its_training_part(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("apple pear plum\n" * 5, encoding="utf-8")
    assert (
        main(
            [
                "data",
                "build",
                str(tmp_path / "text.txt"),
                "--out",
                str(tmp_path / "c"),
                "--validation-fraction",
                "0",
                *QUIET,
            ]
        )
        == 0
    )
    report = train_vectors(data=[str(tmp_path / "c")], out=tmp_path / "v", width=4, min_count=5)
    assert report.report["num_vectors"] == 3
    assert report.report["num_words"] == 15


# ---------------------------------------------------------------- hidden states


def test_a_mean_is_that_of_the_tokens_alone(bundle: Bundle) -> None:
    """Against one text at a time, by hand: neither padding nor neighbours in the batch may count."""
    texts = ["the cat sat on the mat", "hello", "你好，你是谁？", ""]
    together = mean_hidden(bundle, texts)
    assert bundle.tokenizer is not None
    for row, text in zip(together, texts, strict=True):
        ids = bundle.tokenizer.encode(text)
        if not ids:
            assert not row.any()
            continue
        with torch.inference_mode():
            hidden = bundle.model.hidden(torch.tensor([[bundle.tokenizer.special.bos, *ids]]))
        assert np.allclose(
            row, hidden[0, 1:].double().mean(0).numpy(), atol=2e-2 if hidden.dtype != torch.float32 else 1e-5
        )


def test_a_long_text_is_read_to_its_end(bundle: Bundle) -> None:
    longest = bundle.config.max_seq_len
    text = "the cat sat. " * longest
    changed = text + "你好，你是谁？" * 20
    one, two = mean_hidden(bundle, [text, changed])
    assert not np.allclose(one, two)
    again = mean_hidden(bundle, [text], batch=longest)
    assert np.allclose(one, again[0], atol=2e-2)
