"""Schedules against their closed forms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import ConfigError
from hanlin.train.config import ScheduleConfig
from hanlin.train.schedules import build_schedule

KINDS = ("wsd", "cosine", "linear", "constant")
SHARES = st.floats(0, 1)


def at(progress: float, **fields: object) -> float:
    return build_schedule(ScheduleConfig(**fields))(progress)


@pytest.mark.parametrize("kind", KINDS)
def test_warm_up_is_a_straight_line_to_the_peak(kind: str) -> None:
    shares = [at(progress, kind=kind, warmup=0.2, decay=0.5) for progress in (0.0, 0.05, 0.1, 0.2)]
    assert shares[0] == 0.0
    assert shares[3] == pytest.approx(1.0)
    assert shares[1:3] == pytest.approx([0.25, 0.5])


@pytest.mark.parametrize("kind", KINDS)
def test_no_warm_up_begins_at_the_peak(kind: str) -> None:
    assert at(0.0, kind=kind, warmup=0, decay=0.5) == 1.0


@pytest.mark.parametrize(
    ("fields", "progress", "expected"),
    [
        ({"kind": "wsd", "decay": 0.4}, 0.6, 1.0),
        ({"kind": "wsd", "decay": 0.4}, 0.8, 0.5),
        ({"kind": "wsd", "decay": 0.4, "final": 0.2}, 0.8, 0.6),
        ({"kind": "wsd", "decay": 0.4, "final": 0.2}, 1.0, 0.2),
        ({"kind": "wsd", "decay": 0.0}, 1.0, 1.0),
        ({"kind": "cosine"}, 0.55, 0.5),
        ({"kind": "cosine"}, 0.325, (1 + math.cos(math.pi / 4)) / 2),
        ({"kind": "cosine", "final": 0.1}, 1.0, 0.1),
        ({"kind": "linear"}, 0.55, 0.5),
        ({"kind": "linear", "final": 0.5}, 0.55, 0.75),
        ({"kind": "linear"}, 1.0, 0.0),
        ({"kind": "constant"}, 1.0, 1.0),
    ],
)
def test_closed_forms(fields: dict[str, object], progress: float, expected: float) -> None:
    assert at(progress, warmup=0.1, **fields) == pytest.approx(expected, abs=1e-12)


@given(st.sampled_from(KINDS), st.floats(0, 0.9), SHARES, SHARES, SHARES)
def test_a_rate_is_never_negative_nor_over_its_peak(
    kind: str, warmup: float, decay: float, final: float, progress: float
) -> None:
    if kind == "wsd" and warmup + decay > 1:
        return
    assert 0.0 <= at(progress, kind=kind, warmup=warmup, decay=decay, final=final) <= 1.0 + 1e-12


@given(st.sampled_from(KINDS), st.floats(0.1, 1), st.floats(0.1, 1))
def test_behind_the_warm_up_a_rate_only_falls(kind: str, first: float, second: float) -> None:
    earlier, later = sorted((first, second))
    assert at(later, kind=kind, warmup=0.1, decay=0.5) <= at(earlier, kind=kind, warmup=0.1, decay=0.5) + 1e-12


def test_warm_up_and_decay_must_fit() -> None:
    with pytest.raises(ConfigError) as caught:
        ScheduleConfig(kind="wsd", warmup=0.6, decay=0.5)
    assert caught.value.code == "E101"
    assert [problem.name for problem in caught.value.problems] == ["warmup"]
    assert "0.5" in str(caught.value)
