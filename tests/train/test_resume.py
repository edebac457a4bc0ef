"""Killed with -9 and resumed, a run is byte for byte the run that was never killed: weights, optimizer, random numbers,
loader position and the losses of more than twenty steps to come, in bfloat16, with Muon, dropout, accumulated
micro-batches and a schedule that follows the clock."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LAB = Path(__file__).parent / "kill_lab.py"
SAVE_EVENTS = 45
"""More than a save of the tiny model has writes, fsyncs and renames: the last kills hit the save after it, or none."""


def lab(folder: Path, kills: list[str], **settings: Any) -> list[dict[str, Any]]:
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(LAB), str(folder), json.dumps(settings), *kills],
        capture_output=True,
        text=True,
        env=environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(outcomes: list[dict[str, Any]], kills: list[str], least_steps: int = 26) -> None:
    assert [outcome["kill"] for outcome in outcomes] == kills
    for outcome in outcomes:
        assert outcome["resumed"] == 0, outcome
        assert outcome["steps"] >= least_steps, outcome
        assert {outcome[name] for name in ("last", "tensors", "state", "losses")} == {True}, outcome


def test_killed_in_a_step_and_in_a_save(tmp_path: Path) -> None:
    kills = ["step:9", "save:20"]
    outcomes = lab(tmp_path, kills)
    check(outcomes, kills)
    assert all(outcome["died"] == -9 for outcome in outcomes)


def test_a_mixture_in_phases_goes_on_exactly_there(tmp_path: Path) -> None:
    """Killed in each phase and in a save: the same documents of the same sources follow, and the same counts."""
    kills = ["step:4", "step:14", "step:26", "save:20"]
    outcomes = lab(tmp_path, kills, mix=True)
    check(outcomes, kills)
    assert all(outcome["died"] == -9 for outcome in outcomes)


@pytest.mark.story
def test_killed_at_every_write_fsync_and_rename_of_a_save(tmp_path: Path) -> None:
    """Fewer steps than above before and after it: 44 runs that end and 44 that go on."""
    kills = [f"save:{number}" for number in range(1, SAVE_EVENTS)]
    check(lab(tmp_path, kills, steps=8, save_steps=3), kills, least_steps=6)


@pytest.mark.story
@pytest.mark.parametrize("optimizer", ["muon", "adamw", "sgd"])
def test_killed_at_random_steps(tmp_path: Path, optimizer: str) -> None:
    draw = random.Random(optimizer)
    kills = [f"step:{draw.randint(1, 29)}" for _ in range(5)]
    kills = list(dict.fromkeys(kills))
    outcomes = lab(tmp_path, kills, optimizer=optimizer)
    check(outcomes, kills)
    assert all(outcome["died"] == -9 for outcome in outcomes)


@pytest.mark.story
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_runs_resume_exactly_too(tmp_path: Path) -> None:
    kills = ["step:9"]
    check(lab(tmp_path, kills, compile=True), kills)
