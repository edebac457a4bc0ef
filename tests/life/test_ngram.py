"""`hanlin ngram train | score` through the command line and in Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.text.quality.messages import bad_texts, good_texts

from hanlin.base.errors import ConfigError, InputError
from hanlin.cli.main import main
from hanlin.life.build_data import build_data
from hanlin.life.score_ngram import score_ngram
from hanlin.life.train_ngram import train_ngram
from hanlin.text.ngram_model import NgramModel
from hanlin.text.tokenizer import Tokenizer


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    rows = [{"id": f"note{number}", "text": text} for number, text in enumerate(good_texts())]
    (tmp_path / "notes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path / "notes.jsonl"


@pytest.fixture
def model(notes: Path, tmp_path: Path) -> Path:
    train_ngram(str(notes), out=tmp_path / "m.ngram", order=4)
    return tmp_path / "m.ngram"


def test_training_tells_what_was_counted(notes: Path, tmp_path: Path, lang: str) -> None:
    report = train_ngram(str(notes), out=tmp_path / "m.ngram", order=4)
    figures = report.report
    assert figures["documents"] == {"en": 294, "zh": 216}
    assert figures["ngrams"] == list(NgramModel.load(tmp_path / "m.ngram").counts.num_ngrams)
    assert (len(figures["ngrams"]), figures["share"], figures["units"]) == (4, 1.0, "characters")
    assert "294" in report.lines[0] and ("characters" in report.lines[0]) == (lang == "en")


def test_a_corpus_tells_how_well_its_held_out_part_is_foretold(notes: Path, tmp_path: Path) -> None:
    build_data(str(notes), out=tmp_path / "corpus", validation_fraction=0.2, most_leaked=1)
    report = train_ngram(str(tmp_path / "corpus"), out=tmp_path / "m.ngram")
    assert set(report.report["held_out"]) == {"en", "zh"}
    assert all(0 < bits < 8 for bits in report.report["held_out"].values())
    assert "validation" in report.lines[-1]
    assert sum(report.report["documents"].values()) < 510, "the held-out part is not learned"


def test_a_bundle_lends_its_tokenizer(notes: Path, tmp_path: Path, folder: Path) -> None:
    report = train_ngram(str(notes), out=tmp_path / "m.ngram", tokenizer=folder, order=2)
    assert report.report["units"] == "tokens"
    assert report.report["vocab_size"] == Tokenizer.load(folder).vocab_size


def test_scores_by_language_and_document(model: Path, notes: Path, tmp_path: Path, lang: str) -> None:
    (tmp_path / "b.jsonl").write_text(json.dumps({"id": "odd", "text": bad_texts()[0]}))
    data = (str(notes), str(tmp_path / "b.jsonl"))
    report = score_ngram(model=model, data=data, out=tmp_path / "s.jsonl", most=3)
    rows = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    trained = NgramModel.load(model)
    assert len(rows) == 511
    assert rows[0]["perplexity"] == trained.score(good_texts()[0]).perplexity
    english = [row for row in rows if row["lang"] == "en"]
    found = report.report["languages"]["en"]
    assert found["documents"] == 295
    assert sum(row["part"] == "head" for row in english) == pytest.approx(0.3 * 295, abs=2)
    assert sum(row["part"] == "tail" for row in english) == pytest.approx(0.4 * 295, abs=2)
    bits = sum(row["bits_per_byte"] * row["bytes"] for row in english)
    assert found["bits_per_byte"] == pytest.approx(bits / sum(row["bytes"] for row in english))
    assert report.report["least_likely"][0]["id"] == "odd" and len(report.report["least_likely"]) == 3
    assert ("困惑度" in report.lines[0]) == (lang == "zh")


def test_a_language_that_was_not_read_is_said(tmp_path: Path, lang: str) -> None:
    (tmp_path / "en.txt").write_text(" ".join(good_texts()[:100]))
    (tmp_path / "zh.txt").write_text("".join(good_texts()[-50:]))
    train_ngram(str(tmp_path / "en.txt"), out=tmp_path / "m.ngram", order=3)
    report = score_ngram(model=tmp_path / "m.ngram", data=(str(tmp_path / "zh.txt"),))
    assert report.report["unread_languages"] == ["zh"]
    assert any(("foreign" in line) or ("陌生" in line) for line in report.lines)


def test_the_commands(notes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "m.ngram")
    assert main(["ngram", "train", str(notes), "--out", out, "--order", "3"]) == 0
    assert main(["ngram", "score", out, str(notes), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["languages"]["zh"]["documents"] == 216
    assert main(["ngram", "train", str(notes), "--out", out, "--max-memory", "1000000"]) == 4
    assert "E257" in capsys.readouterr().err
    assert main(["ngram", "score", str(notes), str(notes)]) == 3
    assert "E255" in capsys.readouterr().err


def test_what_was_not_read_is_counted_once(notes: Path, tmp_path: Path) -> None:
    """The text is read several times; a bad row is bad once."""
    with notes.open("a") as file:
        file.write("\n{bad")
    report = train_ngram(str(notes), out=tmp_path / "m.ngram", order=2)
    assert report.lines[-1].startswith("1 ")


def test_nothing_to_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" ")
    with pytest.raises(InputError):
        train_ngram(str(tmp_path / "a.txt"), out=tmp_path / "m.ngram")


def test_the_middle_cannot_end_before_the_head(model: Path, notes: Path, lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        score_ngram(model=model, data=(str(notes),), head=70.0, middle=60.0)
    assert caught.value.problems[0].name == "middle"
