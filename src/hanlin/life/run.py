"""`hanlin run`: a whole life as a recipe describes it."""

from __future__ import annotations

import os
import sysconfig
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hanlin.base.config import origin_text
from hanlin.base.errors import ConfigError
from hanlin.base.files import building_folder, free_bytes, read_json, recover, write_json
from hanlin.base.messages import say
from hanlin.base.progress import Progress, duration_text
from hanlin.base.toml import toml_value
from hanlin.life.config import RunConfig
from hanlin.life.places import home
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.life.stages import STAGES
from hanlin.model.config import ModelConfig
from hanlin.recipe.graph import RecipeReport, Row, Stage, run_recipe
from hanlin.recipe.recipe import Recipe, read_recipe
from hanlin.recipe.shipped import shipped_version, write_shipped

STATES = ("done", "ran", "resumed", "run", "resume")


def run(
    config: Given[RunConfig] = None,
    *,
    progress: Progress | None = None,
    dry_run: bool = False,
    **settings: Any,
) -> Report:
    """Run a recipe's stages; the report's path is the recipe's home, which `hanlin.load` opens.

    Raises ConfigError with the problems of all sections at once, and what the stages raise; whatever stops it, the
    same command goes on.
    """
    job, progress = settled(RunConfig, config, settings, first="recipe").value, progress or Progress("none")
    recipe = read_recipe(job.recipe, environ=variables(job.recipe))
    report = live(recipe, job.runs / recipe.name, job, progress, dry_run=dry_run)
    return recipe_report("run", report)


def variables(path: Path) -> dict[str, str]:
    """The environment, and two folders of our own where the recipe names them: `${STDLIB}` is the standard library's
    sources on this machine, `${SHIPPED}` the text that Hanlin brings along."""
    known = {"STDLIB": sysconfig.get_path("stdlib"), **os.environ}
    if path.is_file() and "${SHIPPED}" in path.read_text(encoding="utf-8", errors="replace"):
        known["SHIPPED"] = str(shipped_folder())
    return known


def shipped_folder() -> Path:
    """Where the shipped text is, written on first use and again when it has changed."""
    folder = home() / "shipped" / shipped_version()
    recover(folder)
    if not folder.is_dir():
        with building_folder(folder) as temporary:
            write_shipped(temporary)
    return folder


def live(
    recipe: Recipe,
    where: Path,
    job: RunConfig,
    progress: Progress,
    *,
    dry_run: bool,
    stages: Sequence[Stage] = STAGES,
) -> RecipeReport:
    """Run a recipe in a home, and note there which bundle it came to."""
    report = run_recipe(
        with_model(recipe),
        stages,
        where,
        from_stage=job.from_stage or None,
        dry_run=dry_run,
        progress=progress,
        environ=os.environ,
        overrides=job.settings,
    )
    last = report.outcomes.get("finetune") or report.outcomes.get("pretrain")
    if last is not None and not dry_run:
        path = where / "recipe.json"
        write_json(path, {**read_json(path), "bundle": str(last.path / "bundle")})
    return report


def with_model(recipe: Recipe) -> Recipe:
    """The recipe with `[model]` folded into `[pretrain]`, whose plan decides what it leaves open.

    Raises ConfigError for a shape that cannot be, before anything has started.
    """
    shape = recipe.sections.get("model")
    if shape is None:
        return recipe
    try:
        ModelConfig(**shape)
    except ConfigError as error:
        raise ConfigError(problems=[replace(p, name=f"model.{p.name}") for p in error.problems]) from None
    pretrain = recipe.sections.get("pretrain", {})
    folded = {**pretrain, "model": {**shape, **pretrain.get("model", {})}}
    others = {name: section for name, section in recipe.sections.items() if name != "model"}
    return replace(recipe, sections={**others, "pretrain": folded})


# ---------------------------------------------------------------- for people


def recipe_report(command: str, report: RecipeReport) -> Report:
    """The table at the end: every stage with what happened, how long it took, and its main result."""
    if report.dry_run:
        return _plan(command, report)
    columns = tuple(say(f"life.column_{name}") for name in ("stage", "phase", "seconds", "share", "result"))
    whole = sum(row.seconds for row in report.rows) or 1.0
    rows = tuple(_done_row(row, row.seconds / whole) for row in report.rows)
    bundle = read_json(report.path / "recipe.json").get("bundle")
    steps = (f"hanlin chat {report.path}", f"hanlin models info {report.path}") if bundle else ()
    figures = {**report.as_dict(), "bundle": bundle}
    line = say("life.recipe_done", path=report.path, bundle=bundle or "–")
    return Report(command, report.path, figures, (line,), (Table("", columns, rows),), steps)


def _done_row(row: Row, share: float) -> tuple[str, ...]:
    return row.stage, _state(row.state), duration_text(row.seconds), f"{share:.0%}", row.result


def _plan(command: str, report: RecipeReport) -> Report:
    columns = tuple(say(f"life.column_{name}") for name in ("stage", "phase", "why", "time", "memory", "disk"))
    table = Table("", columns, tuple(_plan_row(row) for row in report.rows))
    needed = sum(row.estimate.disk_bytes or 0 for row in report.rows)
    line = say(
        "life.plan_disk",
        needed=f"{needed / 2**30:.2f}",
        free=f"{free_bytes(report.path) / 2**30:.1f}",
        path=report.path,
    )
    origins = Table(
        say("life.settings_not_default"),
        (say("life.column_name"), say("life.column_value"), say("life.column_origin")),
        tuple(_settings(report.settings, report.origins)),
    )
    tables = (table, origins) if origins.rows else (table,)
    return Report(command, report.path, {**report.as_dict(), "origins": dict(report.origins)}, (line,), tables)


def _plan_row(row: Row) -> tuple[str, ...]:
    guess = row.estimate
    seconds = "" if guess.seconds is None else f"~{duration_text(guess.seconds)}"
    memory = "" if guess.memory_bytes is None else f"~{guess.memory_bytes / 2**30:.1f} GiB"
    disk = "" if guess.disk_bytes is None else f"~{guess.disk_bytes / 2**30:.2f} GiB"
    why = row.why or row.result
    return row.stage, _state(row.state), f"{why} ({guess.note})" if guess.note else why, seconds, memory, disk


def _settings(settings: Mapping[str, Any], origins: Mapping[str, str]) -> list[tuple[str, ...]]:
    given = [(name, origin) for name, origin in origins.items() if origin != "default"]
    return [(name, textwrap.shorten(toml_value(settings[name]), 80), origin_text(origin)) for name, origin in given]


def _state(state: str) -> str:
    assert state in STATES, state
    return say(f"life.state_{state}")
