"""The loop through its public door: it learns, it ends where it should, it saves what it must."""

from __future__ import annotations

import errno
import itertools
import math
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from hanlin.base import files
from hanlin.base.errors import DiskFull, Interrupted, MachineError, TrainingStopped
from hanlin.base.log import Run, read_events, read_metrics, read_samples, read_status
from hanlin.bundle.checkpoint import best_checkpoint, latest_checkpoint, list_checkpoints, read_state
from hanlin.train.config import ScheduleConfig
from hanlin.train.loop import Hooks
from hanlin.train.objectives import Loss

from .conftest import FakeClock, Training, tiny_model
from .language import MarkovSource

Make = Callable[..., Training]


def weights(training: Training) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in training.model.named_parameters()}


def same(first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def losses(training: Training) -> list[float]:
    return [row["loss"] for row in read_metrics(training.folder) if "loss" in row]


# It learns -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_tiny_language_is_learned_to_its_entropy(make_training: Make, optimizer: str) -> None:
    training = make_training(steps=120, rows=16, optimizer=optimizer, learning_rate=1e-2)
    training.start()
    history = losses(training)
    assert abs(history[0] - math.log(16)) < 0.1  # at first every symbol is as likely as any other
    reached = sum(history[-10:]) / 10
    assert MarkovSource.entropy - 0.03 < reached < MarkovSource.entropy + 0.06


def test_a_step_does_not_depend_on_how_it_is_split(make_training: Make) -> None:
    whole, split = make_training(rows=8, steps=3), make_training(rows=4, micro_batches=2, steps=3)
    whole.start()
    split.start()
    assert losses(whole) == pytest.approx(losses(split), abs=1e-6)
    for name, ours in weights(whole).items():
        torch.testing.assert_close(ours, weights(split)[name], atol=2e-6, rtol=1e-5)


def test_targets_of_uneven_micro_batches_weigh_the_same(make_training: Make) -> None:
    """Rows of 33 and of 5 targets: a mean of micro-batch means would count the short row's targets six times."""

    class Uneven(MarkovSource):
        def __init__(self) -> None:
            super().__init__(documents=2)
            self.lengths[1] = 5

    whole, split = (make_training(rows=2 // n, micro_batches=n, steps=1, source=Uneven(), epochs=1) for n in (1, 2))
    whole.start()
    split.start()
    assert losses(whole) == pytest.approx(losses(split), abs=1e-6)


def test_long_gradients_are_shortened(make_training: Make) -> None:
    """With plain SGD the first step is learning rate times gradient: its length shows the clipping."""
    training = make_training(
        steps=1, optimizer="sgd", clip_norm=1e-3, schedule=ScheduleConfig(kind="constant", warmup=0)
    )
    before = weights(training)
    training.start()
    moved = torch.cat([(before[name] - after).flatten() for name, after in weights(training).items()])
    decayed = 0.1 * 3e-3 * torch.cat([before[n].flatten() for n in before if before[n].ndim > 1]).norm()
    assert moved.norm() <= 3e-3 * 1e-3 + decayed


# It ends where it should ---------------------------------------------------------------------------------------------


def test_steps_end_a_run(make_training: Make) -> None:
    result = make_training(steps=4).start()
    assert (result.steps, result.tokens) == (4, 4 * 2 * 33)
    assert result.report["ended_by"] == "horizon"


def test_tokens_end_a_run(make_training: Make) -> None:
    assert make_training(steps=None, tokens=200).start().steps == 4


def test_epochs_end_a_run_with_every_token_seen(make_training: Make) -> None:
    result = make_training(steps=None, tokens=10**9, epochs=2, rows=7, source=MarkovSource(documents=10)).start()
    assert result.tokens == 2 * 10 * 33
    assert result.report["ended_by"] == "data"


def test_the_clock_ends_a_run_and_the_rate_ends_with_it(make_training: Make) -> None:
    training = make_training(steps=None, seconds=20.0, schedule=ScheduleConfig(warmup=0.1, decay=0.5, final=0.0))
    result = training.start()
    rates = [row["rate"] for row in read_metrics(training.folder) if "rate" in row]
    assert result.steps > 20
    assert max(rates) == pytest.approx(3e-3)
    assert rates[-1] < 0.05 * 3e-3
    assert abs(float(result.report["seconds"] or 0) - 20.0) < 1.0


def test_patience_ends_a_run(make_training: Make) -> None:
    worse = iter([3.0, 2.0, 2.5, 2.5, 1.0])
    training = make_training(steps=100, eval_steps=5, early_stop=2)
    result = training.start(Hooks(evaluate=lambda model: {"validation_loss": next(worse)}))
    assert (result.steps, result.report["ended_by"]) == (20, "early_stop")
    assert result.best is not None
    assert result.best.name == "step-000010"


# It saves what it must -----------------------------------------------------------------------------------------------


def test_checkpoints_by_steps(make_training: Make) -> None:
    training = make_training(steps=10, save_steps=3, keep_checkpoints=99)
    training.start()
    assert [folder.name for folder in list_checkpoints(training.folder)] == [
        f"step-{step:06d}" for step in (0, 3, 6, 9, 10)
    ]


def test_checkpoints_by_minutes(make_training: Make) -> None:
    training = make_training(steps=10, save_minutes=0.1, keep_checkpoints=99, clock=FakeClock(1.0))
    training.start()
    steps = [row["step"] for row in read_events(training.folder) if row["kind"] == "checkpoint"]
    assert len(steps) > 3
    assert (
        max(later - earlier for earlier, later in itertools.pairwise(steps)) <= 3
    )  # three looks at the clock per step: 6 s


def test_old_checkpoints_go_and_the_best_stays(make_training: Make) -> None:
    values = iter([1.0, 2.0, 3.0, 4.0, 5.0])
    training = make_training(steps=10, eval_steps=2, keep_checkpoints=1)
    result = training.start(Hooks(evaluate=lambda model: {"validation_loss": next(values)}))
    assert [folder.name for folder in list_checkpoints(training.folder)] == ["step-000002", "step-000010"]
    assert result.best == best_checkpoint(training.folder) == training.folder / "checkpoints" / "step-000002"


def test_the_weights_at_the_end_are_the_best_ones(make_training: Make) -> None:
    seen: list[dict[str, torch.Tensor]] = []
    values = iter([1.0, 2.0])
    training = make_training(steps=4, eval_steps=2)

    def evaluate(model: torch.nn.Module) -> dict[str, float]:
        seen.append(weights(training))
        return {"validation_loss": next(values)}

    training.start(Hooks(evaluate=evaluate))
    assert same(weights(training), seen[0])
    assert not same(weights(training), seen[1])


def test_a_checkpoint_stands_before_the_evaluation(make_training: Make) -> None:
    training = make_training(steps=6, eval_steps=3)
    seen: list[str] = []

    def evaluate(model: torch.nn.Module) -> dict[str, float]:
        latest = latest_checkpoint(training.folder)
        assert latest is not None
        seen.append(latest.name)
        return {}

    def started(self: Run) -> Run:
        training.folder = self.folder
        return self

    original, Run.__enter__ = Run.__enter__, started  # type: ignore[method-assign]
    try:
        training.start(Hooks(evaluate=evaluate))
    finally:
        Run.__enter__ = original  # type: ignore[method-assign]
    assert seen == ["step-000003", "step-000006"]


def test_evaluations_come_ten_times_where_nothing_is_said(make_training: Make) -> None:
    steps: list[int] = []
    training = make_training(steps=40)
    training.start(Hooks(evaluate=lambda model: steps.append(1) or {}))  # type: ignore[func-returns-value]
    assert len(steps) == 10


def test_evaluating_and_sampling_leave_no_trace(make_training: Make) -> None:
    """Neither what they draw at random nor the mode they leave the model in reaches training."""

    def disturb(model: torch.nn.Module) -> dict[str, float]:
        torch.rand(100)
        assert not model.training
        assert not torch.is_grad_enabled()
        return {}

    def speak(model: torch.nn.Module) -> Iterator[tuple[str, str]]:
        yield "a", str(float(torch.rand(1)))

    quiet, disturbed = (make_training(steps=6, model=tiny_model(dropout=0.3)) for _ in range(2))
    torch.manual_seed(1)
    quiet.start()
    torch.manual_seed(1)
    disturbed.start(Hooks(evaluate=disturb, sample=speak))
    assert losses(quiet) == losses(disturbed)
    assert read_samples(disturbed.folder)[-1]["step"] == 6


def test_samples_by_steps(make_training: Make) -> None:
    training = make_training(steps=5, sample_steps=2)
    training.start(Hooks(sample=lambda model: [("once", "upon")]))
    assert [(row["step"], row["text"]) for row in read_samples(training.folder)] == [
        (2, "upon"),
        (4, "upon"),
        (5, "upon"),
    ]


def test_the_run_folder_tells_the_story(make_training: Make) -> None:
    training = make_training(steps=3)
    training.start()
    rows = [row for row in read_metrics(training.folder) if "loss" in row]
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert {"loss", "norm", "rate", "tokens_per_second", "elapsed", "tokens"} <= rows[0].keys()
    assert read_status(training.folder)["phase"] == "finished"


# It survives ---------------------------------------------------------------------------------------------------------


def test_a_resumed_run_is_the_uninterrupted_run(make_training: Make) -> None:
    whole, cut = make_training(steps=9), make_training(steps=9, save_steps=4, sample_steps=6)
    whole.start()
    with pytest.raises(RuntimeError):
        cut.start(Hooks(sample=power_cut))
    resumed = make_training(cut.folder, steps=9, model=tiny_model(seed=99))
    assert resumed.start().steps == 9
    assert losses(resumed) == losses(whole)
    assert same(weights(resumed), weights(whole))


def power_cut(model: Any) -> list[tuple[str, str]]:
    """A hook that stands for any accident in the middle of a run."""
    raise RuntimeError("power cut")


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_the_step_end_and_saves(make_training: Make, signum: int, code: int) -> None:
    training = make_training(steps=50)
    objective = training.objective

    class Interrupting:
        calls = 0

        def loss(self, model: Any, batch: Any) -> Loss:
            self.calls += 1
            if self.calls == 5:
                os.kill(os.getpid(), signum)
            return objective.loss(model, batch)

    training.objective = Interrupting()
    with pytest.raises(Interrupted) as caught:
        training.start()
    assert (caught.value.code, caught.value.exit_code) == ("E502", code)
    run = next(training.folder.parent.glob("*/origin.json")).parent
    assert str(run) in str(caught.value)
    latest = latest_checkpoint(run)
    assert latest is not None
    assert read_state(latest)["loop"]["step"] == 5
    assert read_status(run)["phase"] == "interrupted"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class Poisoned:
    """An objective whose loss is infinite at some calls."""

    def __init__(self, objective: Any, calls: set[int]) -> None:
        self.objective, self.calls, self.count = objective, calls, 0

    def loss(self, model: Any, batch: Any) -> Loss:
        self.count += 1
        loss = self.objective.loss(model, batch)
        return replace(loss, value=loss.value * math.inf) if self.count in self.calls else loss


def test_one_bad_loss_rolls_back_with_half_the_rate(make_training: Make) -> None:
    training = make_training(steps=8, save_steps=3, schedule=ScheduleConfig(kind="constant", warmup=0))
    training.objective = Poisoned(training.objective, {5})
    result = training.start()
    assert (result.steps, result.report["rollbacks"]) == (8, 1)
    rows = [row for row in read_metrics(training.folder) if "rate" in row]
    assert [row["step"] for row in rows] == list(range(1, 9))
    assert [row["rate"] for row in rows] == [3e-3] * 3 + [1.5e-3] * 5
    rollback = next(row for row in read_events(training.folder) if row["kind"] == "rollback")
    assert (rollback["step"], rollback["back"], float(rollback["loss"])) == (5, 3, math.inf)


def test_a_bad_gradient_alone_is_seen_too(make_training: Make) -> None:
    """The loss of a step may be finite and its gradient not: nothing of it may reach the weights."""
    training = make_training(steps=2)
    training.model.head.weight.register_hook(lambda grad: grad * math.nan)
    before = weights(training)
    with pytest.raises(TrainingStopped):
        training.start()
    assert same(before, weights(training))


def test_a_second_bad_loss_ends_with_an_explanation(make_training: Make) -> None:
    training = make_training(steps=8, save_steps=3)
    training.objective = Poisoned(training.objective, {5, 7})
    with pytest.raises(TrainingStopped) as caught:
        training.start()
    assert (caught.value.code, caught.value.exit_code) == ("E501", 6)
    assert caught.value.values["step"] == 5
    assert "learning_rate" in str(caught.value)


def test_a_full_disk_ends_the_run_with_the_earlier_checkpoint_intact(
    make_training: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = make_training(steps=8, save_steps=3)
    sync = files.fsync

    def full(descriptor: int) -> None:
        if list(training.folder.parent.glob("*/checkpoints/step-000003")):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(files, "fsync", full)
    with pytest.raises(DiskFull):
        training.start()
    monkeypatch.undo()
    run = next(training.folder.parent.glob("*/origin.json")).parent
    latest = latest_checkpoint(run)
    assert latest is not None
    assert latest.name == "step-000003"
    assert make_training(run, steps=8).start().steps == 8


def test_two_runs_never_share_a_folder(make_training: Make) -> None:
    training = make_training(steps=2)
    training.start()
    with Run.open(training.folder), pytest.raises(MachineError) as caught:
        make_training(training.folder, steps=4).start()
    assert caught.value.code == "E107"
