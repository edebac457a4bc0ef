"""What models say of documents as measures of the rules: taken once, kept by file, absent for unread languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.text.quality.messages import bad_texts, good_texts

from hanlin.base.errors import ConfigError, InputError
from hanlin.text.config import CorpusConfig, QualityConfig, RulesConfig
from hanlin.text.corpus import CorpusReport, build_corpus, read_corpus
from hanlin.text.document import Document
from hanlin.text.ledger import Entry, read_ledger
from hanlin.text.ngram_model import NgramModel, train_ngram_model
from hanlin.text.quality.classifier import Calibration, Classifier
from hanlin.text.quality.grams import Hashing
from hanlin.text.rules.rulebook import Rulebook
from hanlin.text.rules.scores import Percentiles, Scores
from hanlin.text.why import why

HASHING = Hashing(bits=10, words=(1,), characters=())


@pytest.fixture
def ngram(tmp_path: Path) -> Path:
    """A model of the English notes alone."""
    read = [Document(text, str(n), "s", "en") for n, text in enumerate(good_texts()[:200])]
    train_ngram_model(lambda: read, order=3).save(tmp_path / "m.ngram")
    return tmp_path / "m.ngram"


def classifier(path: Path, word: str, measure: Any = "spam", langs: tuple[str, ...] = ("en",)) -> Path:
    """One that finds texts bad for a single word."""
    weights, rarities = (_array(value) for value in (0.0, 1.0))
    weights[HASHING.features(word)[0]] = 20.0
    about = dict.fromkeys(langs, (100, 100))
    Classifier(measure, HASHING, weights, rarities, Calibration(1.0, -3.0), about, 500).save(path)
    return path


def _array(value: float) -> Any:
    return np.full(HASHING.num_buckets, value, np.float16)


def built(folder: Path, out: str = "out", **settings: Any) -> CorpusReport:
    """A corpus of notes and advertisements in both languages."""
    source = folder / "texts.jsonl"
    if not source.exists():
        texts = [*good_texts()[:300:3], *bad_texts()[:60], *bad_texts()[-20:]]
        source.write_text("\n".join(json.dumps({"id": f"d{n}", "text": text}) for n, text in enumerate(texts)))
    return build_corpus(CorpusConfig(sources=[str(source)], validation_fraction=0, **settings), folder / out)


def entries(folder: Path, out: str = "out") -> dict[str, Entry]:
    return {entry.own_id: entry for entry in read_ledger(folder / out)}


def test_a_threshold_on_perplexity_drops_what_the_model_finds_odd(tmp_path: Path, ngram: Path) -> None:
    report = built(tmp_path, quality={"ngram": str(ngram)}, rules={"thresholds": {"max_perplexity": 8.0}})
    model = NgramModel.load(ngram)
    kept = [document.text for document in read_corpus(tmp_path / "out")]
    for entry, document in ((entry, entry.measures) for entry in entries(tmp_path).values()):
        assert document is not None
        assert ("perplexity" in document) == (entry.lang == "en")
    assert all(model.score(text).perplexity <= 8 for text in kept if text.isascii())
    assert report.figures["dropped"]["max_perplexity"] >= 50
    assert sum(text.isascii() for text in kept) >= 60, "notes like those it was trained on stay"


def test_documents_in_a_language_it_has_not_read_have_no_value_and_are_counted(
    tmp_path: Path, ngram: Path, lang: str
) -> None:
    report = built(tmp_path, quality={"ngram": str(ngram)}, rules={"thresholds": {"max_perplexity": 1.0001}})
    chinese = [entry for entry in entries(tmp_path).values() if entry.lang == "zh"]
    assert chinese and all(entry.reason != "max_perplexity" for entry in chinese)
    assert report.figures["unscored"] == {"perplexity zh": len(chinese)}
    assert any("perplexity" in line and str(len(chinese)) in line for line in report.lines)


def test_percentiles_are_places_in_the_corpus_by_language(tmp_path: Path) -> None:
    read = [Document(text, str(n), "s", "zh" if ord(text[0]) > 255 else "en") for n, text in enumerate(good_texts())]
    train_ngram_model(lambda: read, order=3).save(tmp_path / "both.ngram")
    settings = {"quality": {"ngram": str(tmp_path / "both.ngram")}}
    report = built(tmp_path, **settings, rules={"thresholds": {"max_perplexity_percentile": 60}})
    for lang in ("zh", "en"):
        of_lang = [entry for entry in entries(tmp_path).values() if entry.lang == lang]
        ranked = sorted(of_lang, key=lambda entry: (entry.measures or {})["perplexity"])
        dropped = [entry for entry in of_lang if entry.reason == "max_perplexity_percentile"]
        assert len(dropped) == pytest.approx(0.4 * len(of_lang), abs=2)
        assert {entry.id for entry in dropped} <= {entry.id for entry in ranked[int(0.55 * len(ranked)) :]}
    assert report.figures["dropped"]["max_perplexity_percentile"]


def test_another_threshold_asks_no_model_again(tmp_path: Path, ngram: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built again from the stored texts, every value is taken from the ledger: byte for byte the same as anew."""
    quality = {"ngram": str(ngram), "spam": str(classifier(tmp_path / "s.q", "free"))}
    built(tmp_path, quality=quality, rules={"thresholds": {"max_spam": 0.9}})
    other = {"max_spam": 0.2, "max_perplexity": 9.0}
    anew = built(tmp_path, "anew", quality=quality, rules={"thresholds": other})

    def never(self: object, text: str) -> float:
        raise AssertionError("asked again")

    monkeypatch.setattr(NgramModel, "score", never)
    monkeypatch.setattr(Classifier, "value", never)
    again = built(tmp_path, quality=quality, rules={"thresholds": other})
    assert again.figures["sha256"] == anew.figures["sha256"]


def test_another_file_is_asked(tmp_path: Path) -> None:
    rules = {"thresholds": {"max_spam": 0.5}}
    first = built(tmp_path, quality={"spam": str(classifier(tmp_path / "one.q", "free"))}, rules=rules)
    second = built(tmp_path, quality={"spam": str(classifier(tmp_path / "other.q", "sister"))}, rules=rules)
    assert first.figures["dropped"] != second.figures["dropped"]
    texts = " ".join(document.text for document in read_corpus(tmp_path / "out"))
    assert "free" in texts and "sister" not in texts


def test_scores_are_kept_without_any_threshold_and_told_by_why(tmp_path: Path) -> None:
    built(tmp_path, quality={"spam": str(classifier(tmp_path / "s.q", "free"))})
    (answer,) = why(tmp_path / "out", "d0")
    assert (answer.entry.measures or {})["spam"] == pytest.approx(1 / (1 + 2.718281828**3), abs=1e-5)


def test_why_shows_how_far_a_document_was_from_such_a_threshold(tmp_path: Path) -> None:
    quality = {"spam": str(classifier(tmp_path / "s.q", "free"))}
    built(tmp_path, quality=quality, rules={"thresholds": {"max_spam": 0.5}})
    (tmp_path / "s.q").unlink()
    dropped = next(entry for entry in entries(tmp_path).values() if entry.reason == "max_spam")
    (answer,) = why(tmp_path / "out", dropped.id)
    bound = next(bound for bound in answer.bounds if bound.threshold.measure == "spam")
    assert not bound.is_kept and bound.value == dropped.value


def test_a_threshold_without_its_model_is_refused(lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Rulebook(RulesConfig(thresholds={"max_spam": 0.5, "max_perplexity": 9.0}), QualityConfig())
    assert [problem.name for problem in caught.value.problems] == [
        "rules.thresholds.max_spam",
        "rules.thresholds.max_perplexity",
    ]
    assert "corpus.quality" in str(caught.value)
    Rulebook(RulesConfig(thresholds={"max_spam": "off"}), QualityConfig())
    with pytest.raises(ConfigError):
        Rulebook(RulesConfig(thresholds={"web.max_spam": 0.5, "zh.max_spam": "off"}), QualityConfig())


def test_a_preset_of_the_user_may_ask_for_scores(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[web]\nmax_spam = 0.5\n")
    given = {"preset": str(tmp_path / "mine.toml")}
    with pytest.raises(ConfigError):
        Rulebook(RulesConfig(**given), QualityConfig())
    Rulebook(RulesConfig(**given, thresholds={"max_spam": "off"}), QualityConfig())
    Rulebook(RulesConfig(**given), QualityConfig(spam=str(classifier(tmp_path / "s.q", "free"))))


def test_a_file_for_another_measure_is_refused(tmp_path: Path, lang: str) -> None:
    path = classifier(tmp_path / "t.q", "free", "toxic")
    with pytest.raises(InputError) as caught:
        Scores(QualityConfig(spam=str(path)))
    assert caught.value.code == "E299" and "quality.toxic" in str(caught.value)
    with pytest.raises(InputError) as caught:
        Scores(QualityConfig(ngram=str(path)))
    assert caught.value.code == "E256"


def test_models_alone_make_a_rulebook_busy(tmp_path: Path) -> None:
    assert not Rulebook(RulesConfig(), QualityConfig(spam=str(classifier(tmp_path / "s.q", "free")))).is_idle
    assert Rulebook(RulesConfig(), QualityConfig()).is_idle


def test_places_among_a_sample_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many documents the sample is even: its percentiles are theirs, whatever their order."""
    monkeypatch.setattr("hanlin.text.rules.scores._SAMPLE", 400)
    found = Percentiles()
    asked: list[str] = []

    def score(text: str) -> float:
        asked.append(text)
        return float(text)

    for number in range(20_000):
        found.add("en", str(number), score)
    found.settle()
    assert found.place("en", 10_000) == pytest.approx(50, abs=6)
    assert found.place("en", 18_000) == pytest.approx(90, abs=5)
    assert (found.place("en", -1), found.place("en", 1e9), found.place("zh", 1)) == (0, 100, None)
    assert len(asked) < 3_000, "few of many enter the sample"
    parts = [Percentiles(), Percentiles()]
    for number in range(20_000):
        parts[number % 2].add("en", str(number), float)
    together = Percentiles()
    for part in parts:
        together.take(json.loads(json.dumps(part.so_far())))
    together.settle()
    assert together.spreads == found.spreads, "drawn apart and put together it is the same sample"
