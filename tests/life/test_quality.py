"""`hanlin quality train | score` through the command line and in Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.text.quality.messages import bad_texts, good_texts

from hanlin.base.errors import ConfigError
from hanlin.cli.main import main
from hanlin.life.build_data import build_data
from hanlin.life.score_quality import score_quality
from hanlin.life.train_quality import train_quality
from hanlin.life.why import why
from hanlin.text.quality.classifier import Classifier

pytest.importorskip("sklearn", reason="training needs scikit-learn: pip install 'hanlin[quality]'")


def written(path: Path, texts: list[str], **fields: str) -> str:
    path.write_text("\n".join(json.dumps({"id": f"{path.stem}{n}", "text": t, **fields}) for n, t in enumerate(texts)))
    return str(path)


@pytest.fixture
def good(tmp_path: Path) -> str:
    return written(tmp_path / "good.jsonl", good_texts())


@pytest.fixture
def bad(tmp_path: Path) -> str:
    return written(tmp_path / "bad.jsonl", bad_texts())


def test_what_it_learned_is_told_with_chance_and_intervals(good: str, bad: str, tmp_path: Path, lang: str) -> None:
    clean = written(tmp_path / "clean.jsonl", [f"{text} {text}" for text in good_texts()[::10]])
    report = train_quality(good=(good,), bad=(bad,), clean=(clean,), bits=14, out=tmp_path / "m.q")
    figures = report.report
    assert set(figures["held_out"]) == {"en", "zh"} and figures["missing_languages"] == []
    english = figures["held_out"]["en"]
    assert english["average_precision"] > 0.95 > english["chance"] > 0.3
    for row in english["thresholds"]:
        low, high = row["recall_interval"]
        assert low - 1e-9 <= row["recall"] <= high + 1e-9
    assert figures["examples"]["train"] + figures["examples"]["held_out"] == len(good_texts()) + len(bad_texts())
    (lost,) = figures["clean"].values()
    assert lost["documents"] == 51 and lost["dropped"]["0.99"] == 0
    assert figures["setting"].startswith("min_quality=")
    assert len(report.tables) == 3 and ("precision" in report.tables[0].columns) == (lang == "en")
    assert Classifier.load(tmp_path / "m.q").figures["held_out"] == json.loads(json.dumps(figures["held_out"]))


def test_a_language_that_is_missing_is_said(tmp_path: Path, lang: str) -> None:
    data = written(tmp_path / "ham.jsonl", good_texts()[:200], label="ham")
    more = written(tmp_path / "spam.jsonl", bad_texts()[:200], label="spam")
    settings = {"data": (data, more), "bad_labels": ("spam",), "bits": 12, "measure": "spam"}
    report = train_quality(**settings, out=tmp_path / "m.q")
    assert report.report["missing_languages"] == ["zh"]
    assert any("zh" in line and ("too few" in line or "太少" in line) for line in report.lines)
    scored = score_quality(model=tmp_path / "m.q", data=(written(tmp_path / "zh.jsonl", good_texts()[-9:]),))
    assert scored.report["unscored"] == {"zh": 9} and scored.report["languages"] == {}
    assert "9" in scored.lines[0]


def test_a_rule_that_would_delete_good_text_is_not_recommended(tmp_path: Path, lang: str) -> None:
    """Examples so alike that they teach nothing about other text: reference pages read like advertisements."""
    data = written(tmp_path / "ham.jsonl", good_texts()[:250], label="ham")
    more = written(tmp_path / "spam.jsonl", bad_texts()[:250], label="spam")
    clean = written(tmp_path / "clean.jsonl", [f"Call now: a free offer of phone number {n}." for n in range(60)])
    settings = {"data": (data, more), "bad_labels": ("spam",), "bits": 12, "measure": "spam"}
    report = train_quality(**settings, clean=(clean,), out=tmp_path / "m.q")
    assert report.report["clean_lost"] > 0.5
    assert report.next_steps == ()
    assert any("clean.jsonl" in line and "%" in line for line in report.lines)


def test_scores_of_all_documents_and_the_worst(good: str, bad: str, tmp_path: Path, lang: str) -> None:
    train_quality(good=(good,), bad=(bad,), bits=14, out=tmp_path / "m.q")
    data = written(tmp_path / "mixed.jsonl", [*good_texts()[:30], *bad_texts()[:3]])
    report = score_quality(model=tmp_path / "m.q", data=(data,), out=tmp_path / "s.jsonl", most=3)
    rows = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert len(rows) == 33
    classifier = Classifier.load(tmp_path / "m.q")
    assert rows[0]["value"] == classifier.value(good_texts()[0]) > 0.5 > rows[-1]["value"]
    assert {row["id"] for row in report.report["worst"]} == {"mixed30", "mixed31", "mixed32"}
    assert report.report["languages"]["en"]["documents"] == 33


def test_known_labels_tell_precision_and_recall(tmp_path: Path, good: str, bad: str) -> None:
    train_quality(good=(good,), bad=(bad,), bits=14, measure="spam", out=tmp_path / "m.q")
    data = written(tmp_path / "ham.jsonl", good_texts()[:50], label="ham")
    more = written(tmp_path / "spam.jsonl", bad_texts()[:50], label="spam")
    report = score_quality(model=tmp_path / "m.q", data=(data, more), bad_labels=("spam",))
    assert report.report["judged"]["en"]["chance"] == 0.5
    assert report.report["judged"]["en"]["average_precision"] > 0.99


def test_the_commands(good: str, bad: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Several files after one option, as the shell writes them out of a pattern."""
    out = str(tmp_path / "m.q")
    half = [written(tmp_path / f"good{n}.jsonl", good_texts()[n::2]) for n in (0, 1)]
    assert main(["quality", "train", "--good", *half, "--bad", bad, "--out", out, "--bits", "12", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["examples"]["found"] == len(good_texts()) + len(bad_texts())
    assert main(["quality", "score", out, good, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["languages"]["zh"]["documents"] == 216
    assert main(["quality", "train", "--data", good, "--bad-labels", "spam", "--out", out]) == 3
    assert "E297" in capsys.readouterr().err


def test_a_build_asks_it_and_why_tells_what_it_said(good: str, bad: str, tmp_path: Path, lang: str) -> None:
    train_quality(good=(good,), bad=(bad,), bits=14, measure="spam", out=tmp_path / "m.q")
    data = written(tmp_path / "mixed.jsonl", [*good_texts()[:20], *bad_texts()[:20]])
    rules = {"thresholds": {"max_spam": 0.5}}
    report = build_data(data, out=tmp_path / "out", quality={"spam": str(tmp_path / "m.q")}, rules=rules)
    assert report.report["dropped"] == {"max_spam": 20}
    for id, fate in (("mixed0", "kept"), ("mixed39", "dropped")):
        found = why(id, corpus=tmp_path / "out")
        assert any("spam 0." in line and ("models" in line or "模型" in line) for line in found.lines)
        assert ("max_spam" in "".join(found.lines)) == (fate == "dropped")
        assert found.tables[0].rows[0][0] == "max_spam"


def test_both_sorts_are_needed(good: str, lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        train_quality(good=(good,), bad_labels=("spam",), out="m.q")
    assert [problem.name for problem in caught.value.problems] == ["good", "bad_labels"]
