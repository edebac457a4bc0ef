"""Spam and insults of real people: what is found of what was never read, and what is lost of good pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanlin.text.quality.classifier import Classifier
from hanlin.text.quality.judged import Judged, judge
from hanlin.text.quality.labelled import Example, Examples, labelled, split_examples
from hanlin.text.quality.train import train_classifier
from hanlin.text.readers import read_documents

pytest.importorskip("sklearn", reason="training needs scikit-learn: pip install 'hanlin[quality]'")
pytestmark = pytest.mark.peer


def rows(test_data: Path, name: str, bad_labels: list[str], every: int = 1) -> Examples:
    """A file of the test data, split by groups."""
    found = labelled(read_documents(test_data / "spam-toxic" / name, on_drop=print), bad_labels)
    return split_examples(list(found)[::every], held_out=0.25, seed=1)


def pages(test_data: Path, name: str, most: int) -> list[Example]:
    """Some good pages."""
    documents = read_documents(test_data / f"pretrain-{name}.jsonl.zst", on_drop=print)
    return [Example(document, False) for document, _ in zip(documents, range(most), strict=False)]


def told(classifier: Classifier, examples: Examples, lang: str) -> Judged:
    chosen = [row for row in examples.held_out if row.lang == lang]
    return judge([row.is_bad for row in chosen], [classifier.bad(row.text) for row in chosen], thresholds=[0.5])


def test_spam_is_found_and_good_pages_stay(test_data: Path) -> None:
    """Classifiers of messages alone took 27 % of encyclopaedia for spam; with other pages among the examples none."""
    parts = rows(test_data, "sms-spam-en.jsonl", ["spam"])
    learned = train_classifier(
        [*parts.train, *pages(test_data, "en/ebooks", 40), *pages(test_data, "en/peps", 40)], "spam"
    )
    found = told(learned, parts, "en")
    assert found.average_precision > 0.97 > 5 * found.chance
    assert found.thresholds[0].precision_interval[0] > 0.9
    assert found.thresholds[0].recall_interval[0] > 0.8
    assert found.calibration_error < 0.03
    wiki = [learned.bad(page.text) for page in pages(test_data, "en/wikitext2", 60)]
    assert sum(value > 0.5 for value in wiki) <= 1
    assert not learned.knows("zh"), "no Chinese spam is among the examples"


def test_insults_are_found_in_chinese(test_data: Path) -> None:
    parts = rows(test_data, "cold-zh.jsonl.gz", ["1"], every=3)
    learned = train_classifier([*parts.train, *pages(test_data, "zh/oiwiki", 30)], "toxic")
    found = told(learned, parts, "zh")
    assert found.average_precision > 0.82 > 1.5 * found.chance
    assert found.area > 0.86
    good = [learned.bad(page.text) for page in pages(test_data, "zh/rustbook", 40)]
    assert sum(value > 0.5 for value in good) == 0
