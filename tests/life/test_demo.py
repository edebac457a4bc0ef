"""The demo's plan: how its time is split, and what it tells before each stage."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from hanlin.base.progress import Progress
from hanlin.life.demo import finished, shares, told
from hanlin.life.stages import STAGES
from hanlin.recipe.graph import Outcome, Stage


@pytest.mark.parametrize("budget", [60.0, 120.0, 600.0, 3600.0])
def test_trainings_and_the_rest_fit_into_the_budget(budget: float) -> None:
    settings = shares(budget)
    trained = float(settings["pretrain.budget"]) + float(settings["finetune.budget"])
    assert 0.35 * budget <= trained <= budget
    if budget >= 600:
        assert budget - trained >= 70
    assert 10 <= int(settings["evaluate.max_cases"]) <= 120


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_stage_tells_its_story_before_it_begins(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_LANG", lang)
    guide = "first-run.zh-CN.md#" if lang == "zh" else "first-run.md#"
    for stage in STAGES:
        stream = io.StringIO()
        job: Any = type("Job", (), {"progress": Progress("plain", stream=stream)})()
        outcome = Outcome(Path("out"), "1", f"{stage.name} is done")
        tale = told(Stage(stage.name, {}, lambda job, outcome=outcome: outcome))  # type: ignore[misc]
        assert tale.run(job) is outcome
        assert f"docs/{guide}" in stream.getvalue(), stage.name


@pytest.mark.parametrize("guide", ["first-run.md", "first-run.zh-CN.md"])
def test_the_guide_has_the_places_that_the_stories_name(guide: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path("docs", guide).read_text(encoding="utf-8").lower()
    for name in ("corpus", "tokenizer", "shards", "pretrain", "finetune", "evaluate"):
        assert f'id="{name}"' in text or f"## {name}\n" in text


def test_a_folder_without_a_finished_life_has_no_bundle(tmp_path: Path) -> None:
    assert finished(tmp_path) is None
    (tmp_path / "recipe.json").write_text('{"bundle": "gone"}')
    assert finished(tmp_path) is None
