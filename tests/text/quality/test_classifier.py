"""Classifiers: learned from few examples, the same every time, honest about languages, one file."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.text.quality.messages import bad, bad_texts, examples, good, good_texts

from hanlin.base.errors import InputError, MissingExtra
from hanlin.text.arrays import write_arrays
from hanlin.text.quality.classifier import Calibration, Classifier
from hanlin.text.quality.grams import Hashing
from hanlin.text.quality.judged import judge
from hanlin.text.quality.labelled import split_examples
from hanlin.text.quality.train import train_classifier

pytest.importorskip("sklearn", reason="training needs scikit-learn: pip install 'hanlin[quality]'")
SMALL = Hashing(bits=14)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return train_classifier(examples()[::3], "spam", hashing=SMALL)


def test_it_finds_what_it_has_not_read_in_both_languages() -> None:
    rows = split_examples(examples(), held_out=0.3, seed=1)
    learned = train_classifier(rows.train, "spam", hashing=SMALL)
    for lang in ("zh", "en"):
        chosen = [row for row in rows.held_out if row.lang == lang]
        found = judge([row.is_bad for row in chosen], [learned.bad(row.text) for row in chosen])
        assert found.average_precision > 0.99 > found.chance


def test_twenty_of_each_sort_are_enough_and_nineteen_are_not(lang: str) -> None:
    rows = [*map(good, good_texts()[:20]), *map(bad, bad_texts()[:20])]
    assert train_classifier(rows, "spam", hashing=SMALL).bad("Win a free holiday, click here!") > 0.5
    for few, sort in ((rows[1:], "good"), (rows[:-1], "bad")):
        with pytest.raises(InputError) as caught:
            train_classifier(few, "spam", hashing=SMALL)
        assert caught.value.code == "E258" and caught.value.values["sort"] == sort
        assert "19" in str(caught.value)


def test_labels_that_mean_nothing_give_chance() -> None:
    """Were the rows it learned among those it is calibrated on, noise would look like knowledge."""
    rng = np.random.default_rng(1)
    rows = [(bad if flag else good)(row.text) for row, flag in zip(examples(), rng.random(10_000) < 0.3, strict=False)]
    parts = split_examples(rows, held_out=0.3, seed=1)
    learned = train_classifier(parts.train, "spam", hashing=SMALL)
    said = [learned.bad(row.text) for row in parts.held_out]
    assert 0.2 < np.mean(said) < 0.4 and np.std(said) < 0.1
    assert 0.35 < judge([row.is_bad for row in parts.held_out], said).area < 0.65


def test_the_same_rows_give_the_same_file(tmp_path: Path, classifier: Classifier) -> None:
    train_classifier(examples()[::3], "spam", hashing=SMALL).save(tmp_path / "one")
    classifier.save(tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_file_gives_the_same_answers(tmp_path: Path, classifier: Classifier) -> None:
    classifier.save(tmp_path / "a.q")
    again = Classifier.load(tmp_path / "a.q")
    for row in examples()[::40]:
        assert again.bad(row.text) == classifier.bad(row.text)
    assert (again.measure, again.languages, again.figures) == ("spam", classifier.languages, classifier.figures)


def test_scoring_needs_no_scikit_learn(
    tmp_path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    classifier.save(tmp_path / "a.q")
    known = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] in ("sklearn", "scipy"):
            raise ImportError(name)
        return known(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    assert Classifier.load(tmp_path / "a.q").bad("Win a free phone, click here!") > 0.5
    with pytest.raises(MissingExtra) as caught:
        train_classifier(examples(), "spam")
    assert caught.value.code == "E259" and caught.value.exit_code == 4
    assert "hanlin[quality]" in str(caught.value)


def test_a_language_without_examples_of_both_sorts_is_not_known() -> None:
    rows = [row for row in examples() if row.lang == "en" or not row.is_bad]
    learned = train_classifier(rows, "toxic", hashing=SMALL)
    assert learned.knows("en") and not learned.knows("zh") and not learned.knows("other")
    assert learned.languages["zh"] == (216, 0)


def test_a_long_text_is_judged_by_all_of_its_passages(classifier: Classifier) -> None:
    note, spam = " ".join(good_texts()[:40]), " ".join(bad_texts()[:40])
    assert classifier.bad(note) < 0.2 < 0.8 < classifier.bad(spam)
    assert 0.2 < classifier.bad(f"{note}\n\n{spam}") < 0.8, "half of it is spam"


def test_quality_is_turned_round() -> None:
    learned = train_classifier(examples(), "quality", hashing=SMALL)
    text = bad_texts()[0]
    assert learned.value(text) == pytest.approx(1 - learned.bad(text)) and learned.value(text) < 0.5
    assert learned.setting(0.9) == "min_quality=0.1"


def test_a_rule_says_its_setting(classifier: Classifier) -> None:
    assert classifier.setting(0.9) == "max_spam=0.9"


def test_sums_become_probabilities_without_overflow() -> None:
    assert Calibration(1.0, 0.0).probability(0.0) == 0.5
    assert Calibration(1.0, 0.0).probability(-1e9) == pytest.approx(0)
    assert Calibration(2.0, 1.0).probability(0.5) == pytest.approx(1 / (1 + np.exp(-2)))


def test_a_file_of_another_format_is_refused(tmp_path: Path, classifier: Classifier) -> None:
    arrays = {"weights": classifier.weights, "rarities": classifier.rarities}
    write_arrays(tmp_path / "a.q", arrays, {"kind": "hanlin classifier", "format": 99})
    with pytest.raises(InputError) as caught:
        Classifier.load(tmp_path / "a.q")
    assert caught.value.code == "E255" and "99" in str(caught.value)
