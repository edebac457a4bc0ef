"""Labels, numbers of chance and calibration against scikit-learn and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from hanlin.evaluate.calibration import calibrate, calibration_error, fit_temperature
from hanlin.evaluate.labels import score_labels, score_many

metrics = pytest.importorskip("sklearn.metrics")


@pytest.fixture(scope="module")
def drawn():
    made = np.random.default_rng(2)
    true = made.choice(4, size=200, p=[0.6, 0.25, 0.1, 0.05])
    said = np.where(made.random(200) < 0.7, true, made.integers(0, 4, 200))
    return true, said


def test_all_means_are_those_of_sklearn(drawn):
    true, said = drawn
    found = score_labels(true.tolist(), said.tolist(), "abcd")
    expected = metrics.precision_recall_fscore_support(true, said, average="macro", zero_division=0)
    for name, value in zip(("macro_precision", "macro_recall", "macro_f1"), expected, strict=False):
        assert found.figures[name].value == pytest.approx(value)
    assert found.figures["accuracy"].value == pytest.approx(metrics.accuracy_score(true, said))
    assert found.figures["accuracy"].chance == pytest.approx((true == 0).mean())
    assert (np.array(found.confusion) == metrics.confusion_matrix(true, said)).all()
    each = metrics.precision_recall_fscore_support(true, said, zero_division=0)
    np.testing.assert_allclose(np.array([found.by_label[name] for name in "abcd"]).T, each)
    for one in found.figures.values():
        assert one.low < one.value < one.high


def test_a_label_that_never_occurs_counts_in_no_mean():
    found = score_labels([0, 0, 1], [0, 1, 1], "abc")
    assert found.figures["macro_f1"].value == pytest.approx(metrics.f1_score([0, 0, 1], [0, 1, 1], average="macro"))
    missed = score_labels([0, 0, 2], [0, 1, 1], "abc")
    expected = metrics.f1_score([0, 0, 2], [0, 1, 1], average="macro", zero_division=0)
    assert missed.figures["macro_f1"].value == pytest.approx(expected)


def test_several_labels_are_those_of_sklearn():
    made = np.random.default_rng(3)
    true, said = made.random((50, 3)) < 0.4, made.random((50, 3)) < 0.5
    found = score_many(true, said, "abc").figures
    assert found["macro_f1"].value == pytest.approx(metrics.f1_score(true, said, average="macro"))
    assert found["micro_f1"].value == pytest.approx(metrics.f1_score(true, said, average="micro"))
    assert found["accuracy"].value == pytest.approx(metrics.accuracy_score(true, said))


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """95 % of the intervals of 100 samples hold the macro F1 of the whole (here 90 or more)."""
    made = np.random.default_rng(5)
    true = made.integers(0, 2, 40_000)
    said = np.where(made.random(40_000) < 0.8, true, 1 - true)
    whole = metrics.f1_score(true, said, average="macro")
    held = 0
    for start in range(0, 40_000, 400):
        one = score_labels(true[start : start + 400].tolist(), said[start : start + 400].tolist(), "ab")
        held += one.figures["macro_f1"].low <= whole <= one.figures["macro_f1"].high
    assert held >= 90


def test_a_temperature_is_found_again():
    """Labels drawn from softmax(z): scores 3 z are too sure by exactly 3."""
    made = np.random.default_rng(4)
    right = made.normal(size=(4000, 3)) * 1.5
    shares = np.exp(right) / np.exp(right).sum(axis=1, keepdims=True)
    true = np.array([made.choice(3, p=row) for row in shares])
    assert fit_temperature(right * 3, true) == pytest.approx(3, rel=0.08)
    found = calibrate(right * 3, true)
    assert found.error_after < 0.03 < 0.1 < found.error_before
    several = made.random((4000, 3)) < 1 / (1 + np.exp(-right))
    assert fit_temperature(right * 2, several) == pytest.approx(2, rel=0.08)


def test_the_calibration_error_in_closed_form():
    """Two bins: 0.9 sure and half right, 0.6 sure and all right: (2 x 0.4 + 2 x 0.4) / 4."""
    found = calibration_error(np.array([0.9, 0.9, 0.6, 0.6]), np.array([True, False, True, True]))
    assert found == pytest.approx(0.4)
