"""Killed with -9 in every stage, then asked to go on: nothing is lost, and the outcome is the same to the byte."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.stories.conftest import World

from hanlin.base.files import sha256_file

STAGES = ["corpus", "tokenizer", "shards", "pretrain", "finetune", "baselines", "evaluate"]


def killed_in(world: World, stage: str) -> None:
    """Start the recipe and kill it -9 as soon as it says that it has begun a stage."""
    process = world.start("run", "life.toml", "--progress", "plain")
    assert process.stderr is not None
    for line in process.stderr:
        if f"] {stage}:" in line:
            process.send_signal(signal.SIGKILL)
            break
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, f"{stage} never began"


def test_killed_in_every_stage_and_gone_on(world: World, finished: World) -> None:
    for stage in STAGES:
        killed_in(world, stage)
    done = world.hanlin("run", "life.toml", "--json")
    assert done.returncode == 0, done.stderr
    states = {row["stage"]: row["state"] for row in json.loads(done.stdout)["stages"]}
    assert states == {**dict.fromkeys(STAGES, "done"), "evaluate": "resumed"}
    assert weights(world) == weights(finished), "the same life, cut or not, gives the same bytes"


def weights(world: World) -> str:
    bundle = json.loads((world.folder / "runs/tiny/recipe.json").read_text())["bundle"]
    return sha256_file(world.folder / Path(bundle) / "model.safetensors")  # pytest would compare bytes for minutes
