"""The graph of stages, with stages that only write a file and count how often they were called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import Field

from hanlin.base.config import Config
from hanlin.base.errors import ConfigError, InputError, MachineError, UsageError
from hanlin.base.files import FolderLock
from hanlin.recipe.cache import Cache
from hanlin.recipe.config import RecipeConfig
from hanlin.recipe.graph import Estimate, Job, Outcome, Recipe, RecipeReport, Stage, run_recipe


class WordsConfig(Config):
    """Settings of the first stage."""

    files: tuple[str, ...] = Field((), description="Files to read.")
    upper: bool = Field(False, description="Shout.")
    seed: int = Field(7, ge=0, description="A seed.")


class CountConfig(Config):
    """Settings of the second."""

    most: int = Field(10, ge=1, le=100, description="The most.")


class TuneConfig(Config):
    """Settings of an optional third."""

    rate: float = Field(0.5, gt=0, lt=1, description="A rate.")


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def stages(calls: list[str]) -> list[Stage]:
    def words(job: Job) -> Outcome:
        calls.append("words")
        job.out.mkdir(parents=True, exist_ok=True)
        config = job.configs["words"].value
        text = " ".join(Path(name).read_text() for name in config.files)
        (job.out / "words.txt").write_text(text.upper() if config.upper else text)
        return Outcome(job.out, (job.out / "words.txt").read_text().strip(), f"{len(text.split())} words")

    def count(job: Job) -> Outcome:
        calls.append("count")
        text = (job.needs["words"].path / "words.txt").read_text()
        return Outcome(job.needs["words"].path, str(len(text.split())), "counted", {"number": len(text.split())})

    def tune(job: Job) -> Outcome:
        calls.append(f"tune {job.previous.name if job.previous else 'new'}")
        job.claim(job.home / "my-own-run")
        (job.home / "my-own-run").mkdir(exist_ok=True)
        if (job.home / "break").exists():
            raise InputError("evaluate.task_empty", path="break")
        return Outcome(job.home / "my-own-run", "tuned", "tuned")

    return [
        Stage("words", {"words": WordsConfig}, words, reads=lambda configs: configs["words"].value.files),
        Stage("count", {"count": CountConfig}, count, needs=("words",), estimate=lambda job: Estimate(seconds=3.0)),
        Stage("tune", {"tune": TuneConfig}, tune, needs=("count", "absent"), optional=True),
    ]


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "in.txt").write_text("one two")
    sections = {"words": {"files": [str(tmp_path / "in.txt")]}, "tune": {}}
    return Recipe(tmp_path / "r.toml", RecipeConfig(), sections)


def run(recipe: Recipe, stages: Sequence[Stage], **options: object) -> RecipeReport:
    return run_recipe(recipe, stages, recipe.path.parent / "home", **options)  # type: ignore[arg-type]


def states(report: RecipeReport) -> list[str]:
    return [row.state for row in report.rows]


def test_every_stage_runs_once_in_order_and_not_again(recipe: Recipe, stages: list[Stage], calls: list[str]) -> None:
    first = run(recipe, stages)
    assert states(first) == ["ran", "ran", "ran"]
    assert [row.result for row in first.rows] == ["2 words", "counted", "tuned"]
    assert first.outcomes["count"].figures == {"number": 2}
    assert states(run(recipe, stages)) == ["done", "done", "done"]
    assert calls == ["words", "count", "tune new"]


def test_changed_input_runs_again_but_an_equal_outcome_stops_the_wave(
    recipe: Recipe, stages: list[Stage], calls: list[str], tmp_path: Path
) -> None:
    run(recipe, stages)
    (tmp_path / "in.txt").write_text("one two three")
    assert states(run(recipe, stages)) == ["ran", "ran", "ran"]
    (tmp_path / "in.txt").write_text("one two three   ")
    # the same words after stripping: its fingerprint is equal, so nothing behind it has to run
    assert states(run(recipe, stages)) == ["ran", "done", "done"]


def test_changed_settings_run_that_stage_and_its_dependents_only(recipe: Recipe, stages: list[Stage]) -> None:
    run(recipe, stages)
    changed = replace(recipe, sections={**recipe.sections, "tune": {"rate": 0.25}})
    assert states(run(changed, stages)) == ["done", "done", "ran"]
    assert states(run(recipe, stages)) == ["done", "done", "done"], "the older outcome is still known"


def test_a_raised_version_runs_again(recipe: Recipe, stages: list[Stage]) -> None:
    run(recipe, stages)
    newer = [replace(stage, version=2) if stage.name == "count" else stage for stage in stages]
    assert states(run(recipe, newer)) == ["done", "ran", "done"]


def test_an_optional_stage_needs_its_section(recipe: Recipe, stages: list[Stage]) -> None:
    bare = replace(recipe, sections={"words": recipe.sections["words"]})
    assert [row.stage for row in run(bare, stages).rows] == ["words", "count"]


def test_a_cut_stage_is_resumed_where_it_was(
    recipe: Recipe, stages: list[Stage], calls: list[str], tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "break").touch()
    with pytest.raises(InputError):
        run(recipe, stages)
    (tmp_path / "home" / "break").unlink()
    report = run(recipe, stages)
    assert states(report) == ["done", "done", "resumed"]
    assert calls[-1] == "tune my-own-run", "the folder it had claimed was handed back"
    assert report.rows[2].seconds > 0


def test_from_stage_makes_it_and_its_dependents_anew(recipe: Recipe, stages: list[Stage]) -> None:
    run(recipe, stages)
    assert states(run(recipe, stages, from_stage="count")) == ["done", "ran", "ran"]
    assert states(run(recipe, stages)) == ["done", "done", "done"]


def test_asking_again_for_a_stage_that_was_cut_keeps_its_progress(
    recipe: Recipe, stages: list[Stage], calls: list[str], tmp_path: Path
) -> None:
    """Arrow-up and Enter after Ctrl-C: the second --from must go on, not begin anew."""
    run(recipe, stages)
    (tmp_path / "home" / "break").touch()
    with pytest.raises(InputError):
        run(recipe, stages, from_stage="tune")
    (tmp_path / "home" / "break").unlink()
    assert states(run(recipe, stages, from_stage="tune")) == ["done", "done", "resumed"]


def test_an_unknown_stage_is_named_with_the_nearest(recipe: Recipe, stages: list[Stage]) -> None:
    with pytest.raises(UsageError) as caught:
        run(recipe, stages, from_stage="cuont")
    assert caught.value.code == "E801"
    assert caught.value.values["near"] == "count"


def test_a_deleted_outcome_is_made_again(recipe: Recipe, stages: list[Stage], tmp_path: Path) -> None:
    report = run(recipe, stages)
    (report.outcomes["words"].path / "words.txt").unlink()
    report.outcomes["words"].path.rmdir()
    assert states(run(recipe, stages)) == ["ran", "done", "done"], "words came out the same"


def test_dry_run_says_what_would_happen_and_leaves_nothing(
    recipe: Recipe, stages: list[Stage], calls: list[str], tmp_path: Path
) -> None:
    plan = run(recipe, stages, dry_run=True)
    assert plan.dry_run and states(plan) == ["run", "run", "run"]
    assert plan.rows[1].estimate.seconds == 3.0
    assert not calls
    assert not (tmp_path / "home").exists()
    run(recipe, stages)
    changed = replace(recipe, sections={**recipe.sections, "count": {"most": 5}})
    plan = run(changed, stages, dry_run=True)
    assert states(plan) == ["done", "run", "run"]
    assert "count.most" in plan.rows[1].why
    assert states(run(recipe, stages, dry_run=True, from_stage="tune")) == ["done", "done", "run"]


def test_all_problems_of_all_sections_are_told_at_once_before_anything_runs(
    recipe: Recipe, stages: list[Stage], calls: list[str]
) -> None:
    bad = replace(recipe, sections={**recipe.sections, "count": {"most": 500}, "tune": {"rat": 1}, "cuont": {}})
    with pytest.raises(ConfigError) as caught:
        run(bad, stages)
    assert caught.value.code == "E101"
    names = {problem.name: problem for problem in caught.value.problems}
    assert set(names) == {"count.most", "tune.rat", "[cuont]"}
    assert "[count]" in names["[cuont]"].remedy
    assert "rate" in names["tune.rat"].remedy
    assert not calls


def test_command_line_and_environment_beat_the_file_and_their_origin_is_kept(
    recipe: Recipe, stages: list[Stage]
) -> None:
    sections = {**recipe.sections, "count": {"most": 3}, "tune": {"rate": 0.3}}
    report = run(
        replace(recipe, sections=sections), stages, overrides={"count.most": "4"}, environ={"HANLIN_TUNE__RATE": "0.9"}
    )
    assert report.settings["count.most"] == 4 and report.origins["count.most"] == "command line"
    assert report.settings["tune.rate"] == 0.9 and report.origins["tune.rate"] == "environment"
    assert report.origins["words.files"] == f"file {recipe.path}"


def test_an_override_of_an_unknown_section_is_refused(recipe: Recipe, stages: list[Stage]) -> None:
    with pytest.raises(ConfigError) as caught:
        run(recipe, stages, overrides={"cuont.most": "4"})
    assert caught.value.problems[0].name == "[cuont]"


def test_the_seed_of_the_recipe_reaches_stages_that_set_none(recipe: Recipe, stages: list[Stage]) -> None:
    seeded = replace(recipe, settings=RecipeConfig(seed=42))
    assert run(seeded, stages).settings["words.seed"] == 42
    own = replace(seeded, sections={**recipe.sections, "words": {**recipe.sections["words"], "seed": 1}})
    assert run(own, stages).settings["words.seed"] == 1


def test_two_runs_on_one_home_are_refused(recipe: Recipe, stages: list[Stage], tmp_path: Path) -> None:
    with FolderLock(tmp_path / "home"), pytest.raises(MachineError) as caught:
        run(recipe, stages)
    assert caught.value.code == "E107"


def test_the_report_is_kept_in_the_home(recipe: Recipe, stages: list[Stage], tmp_path: Path) -> None:
    report = run(recipe, stages)
    assert (tmp_path / "home" / "recipe.json").is_file()
    assert report.as_dict()["stages"][0]["stage"] == "words"
    assert Cache(tmp_path / "home").latest("tune").path.endswith("my-own-run")  # type: ignore[union-attr]
