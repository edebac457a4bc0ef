"""Precision, recall and areas against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.intervals import wilson
from hanlin.text.quality.judged import area, average_precision, judge, threshold_for

ROWS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])), min_size=2, max_size=40)


def test_a_table_counted_by_hand() -> None:
    found = judge([True, True, False, False, True], [0.9, 0.6, 0.7, 0.1, 0.2], thresholds=[0.5, 0.95])
    half, high = found.thresholds
    assert (half.flagged, half.found) == (3, 2)
    assert (half.precision, half.recall, half.lost) == (pytest.approx(2 / 3), pytest.approx(2 / 3), 0.5)
    assert half.precision_interval == wilson(2, 3) and half.lost_interval == wilson(1, 2)
    assert high.flagged == 0 and high.precision is None and high.recall == 0
    assert (found.good, found.bad, found.chance) == (2, 3, 0.6)
    assert found.brier == pytest.approx((0.01 + 0.16 + 0.49 + 0.01 + 0.64) / 5)


def test_the_bound_itself_is_kept_as_rules_keep_it() -> None:
    assert judge([True, False], [0.5, 0.1], thresholds=[0.5]).thresholds[0].flagged == 0


@given(rows=ROWS)
def test_areas_are_those_of_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the oracle")
    bad, scores = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    if not 0 < bad.sum() < len(bad):
        return
    assert average_precision(bad, scores) == pytest.approx(metrics.average_precision_score(bad, scores))
    assert area(bad, scores) == pytest.approx(metrics.roc_auc_score(bad, scores))
    assert judge(bad.tolist(), scores.tolist()).brier == pytest.approx(metrics.brier_score_loss(bad, scores))


def test_guessing_is_chance() -> None:
    bad = [True, False, False, False] * 50
    found = judge(bad, [0.25] * 200)
    assert (found.chance, found.average_precision, found.area) == (0.25, 0.25, 0.5)
    assert found.calibration_error == pytest.approx(0), "a quarter is what happens"
    assert judge(bad, [0.95] * 200).calibration_error == pytest.approx(0.7)


@given(good=st.lists(st.floats(0, 1), min_size=1, max_size=60), most=st.floats(0, 0.5))
def test_a_proposed_threshold_loses_no_more_than_was_said(good: list[float], most: float) -> None:
    threshold = threshold_for([False] * len(good) + [True], [*good, 1.0], most)
    assert sum(value > threshold for value in good) <= most * len(good)
    assert 0 <= threshold <= 1
