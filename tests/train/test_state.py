"""Where a run ends, and when it stops to look around."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.train.state import Horizon, LoopSettings, State


def settings(*, steps: int | None = 100, tokens: int | None = None, seconds: float | None = None, **more: Any) -> Any:
    horizon = Horizon(tokens_per_step=10, steps=steps, tokens=tokens, seconds=seconds)
    return LoopSettings(horizon=horizon, learning_rate=1e-3, micro_batches=1, **more)


def test_the_nearest_end_counts() -> None:
    horizon = Horizon(tokens_per_step=10, steps=100, tokens=500, seconds=50)
    assert horizon.progress(State(step=20, tokens=200, elapsed=5)) == 0.4
    assert horizon.progress(State(step=20, tokens=200, elapsed=30)) == 0.6


def test_half_a_step_ahead_is_the_middle_of_the_next_step() -> None:
    assert Horizon(tokens_per_step=10, steps=10).progress(State(step=3), ahead=0.5) == 0.35
    assert Horizon(tokens_per_step=10, tokens=100).progress(State(tokens=30), ahead=0.5) == 0.35
    state = State(step=3, elapsed=30, step_seconds=10)
    assert Horizon(tokens_per_step=10, seconds=100).progress(state, ahead=0.5) == 0.35


def test_progress_never_passes_one() -> None:
    assert Horizon(tokens_per_step=10, steps=10).progress(State(step=25)) == 1.0


@given(st.floats(1, 100), st.floats(0.2, 30))
def test_the_clock_stops_within_half_a_step_of_the_budget(budget: float, step_seconds: float) -> None:
    horizon, state = Horizon(tokens_per_step=10, seconds=budget), State()
    while not horizon.reached(state):
        state = State(step=state.step + 1, elapsed=state.elapsed + step_seconds, step_seconds=step_seconds)
    assert abs(state.elapsed - budget) <= step_seconds / 2 + 1e-6 or state.step == 1


def test_a_run_without_an_end_is_a_mistake() -> None:
    with pytest.raises(AssertionError):
        Horizon(tokens_per_step=10)


def test_steps_in_all_as_far_as_they_can_be_told() -> None:
    assert Horizon(tokens_per_step=10, steps=100).steps_in_all(State()) == 100
    assert Horizon(tokens_per_step=10, tokens=1001).steps_in_all(State()) == 101
    clock = Horizon(tokens_per_step=10, seconds=60)
    assert clock.steps_in_all(State()) is None
    assert clock.steps_in_all(State(step=10, elapsed=30)) == 20


def test_evaluations_by_steps_and_at_the_end() -> None:
    every_30 = settings(eval_steps=30)
    due = [step for step in range(101) if every_30.evaluation_due(State(step=step))]
    assert due == [30, 60, 90, 100]


def test_no_evaluation_twice_at_one_step() -> None:
    assert not settings(eval_steps=30).evaluation_due(State(step=30, evaluated_step=30))


def test_ten_evaluations_by_progress() -> None:
    loop, state, steps = settings(steps=95), State(), []
    while state.step < 95:
        state = state.stepped(tokens=10, seconds=1.0)
        if loop.evaluation_due(state):
            state = state.evaluated(None, loop.horizon.progress(state))
            steps.append(state.step)
    assert len(steps) == 10
    assert steps[-1] == 95


def test_patience_counts_evaluations_without_a_better_loss() -> None:
    loop, state = settings(early_stop=2), State()
    for loss in (3.0, 2.0, 2.0):
        state = state.evaluated(loss, 0.1)
    assert (state.best_loss, state.waited, loop.finished(state)) == (2.0, 1, False)
    assert loop.finished(state.evaluated(2.5, 0.1))


def test_a_loss_that_is_no_number_is_never_the_best() -> None:
    state = State(step=5).evaluated(math.nan, 0.1)
    assert (state.best_loss, state.best_step, state.waited) == (None, -1, 1)


def test_samples_follow_evaluations_unless_told() -> None:
    assert settings().sample_due(State(step=7, evaluated_step=7))
    assert not settings().sample_due(State(step=7))
    assert settings(sample_steps=7).sample_due(State(step=7))
    assert settings(sample_steps=7).sample_due(State(step=100))
    assert not settings(sample_steps=7).sample_due(State(step=7, sampled_step=7))


@given(st.builds(State, step=st.integers(0, 9), elapsed=st.floats(0, 1e6), best_loss=st.none() | st.floats(0, 9)))
def test_a_state_survives_json_bit_for_bit(state: State) -> None:
    assert State(**json.loads(json.dumps(state.as_json(), allow_nan=False))) == state
