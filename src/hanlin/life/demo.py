"""`hanlin demo`: from text that is already on the machine to a model that talks, in ten minutes on two cores."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from hanlin.base.files import read_json
from hanlin.base.messages import say
from hanlin.base.progress import Progress, duration_text
from hanlin.evaluate.report import Sample
from hanlin.life.chat import open_session
from hanlin.life.config import ChatConfig, DemoConfig, RunConfig
from hanlin.life.evaluate import evaluation_report
from hanlin.life.places import home, is_bundle
from hanlin.life.report import Report
from hanlin.life.run import live, recipe_report, variables
from hanlin.life.settings import Given, settled
from hanlin.life.talk import Session, Talk
from hanlin.recipe.recipe import read_recipe

OTHER_SECONDS = 75.0  # cleaning, tokenising, measuring and opening take about as long whatever the budget
PRETRAIN_SHARE, FINETUNE_SHARE = 0.75, 0.2  # of what is left


def demo(
    config: Given[DemoConfig] = None,
    *,
    progress: Progress | None = None,
    dry_run: bool = False,
    **settings: Any,
) -> Talk | Report:
    """Train, tune, measure, talk. A finished demo is opened at once; one that was cut goes on where it stopped."""
    resolved, progress = settled(DemoConfig, config, settings), progress or Progress("none")
    job = resolved.value
    where = job.home or home() / "demo"
    if not (job.fresh or job.settings or dry_run) and (found := finished(where)):
        lines = [say("life.demo_found", path=found)]
        if resolved.origins.get("budget", "default") != "default":
            lines.append(say("life.demo_budget", budget=duration_text(job.budget)))
        return Talk(Report("demo", where, {"bundle": str(found)}, tuple(lines)), _session(found))
    with resources.as_file(resources.files("hanlin.recipe").joinpath("texts", "demo.toml")) as path:
        recipe = read_recipe(path, environ=variables(path))
    left = max(job.budget - OTHER_SECONDS, 0.4 * job.budget)
    shares = {"pretrain.budget": PRETRAIN_SHARE * left, "finetune.budget": FINETUNE_SHARE * left}
    options = RunConfig(
        recipe=path,
        from_stage="pretrain" if job.fresh else "",
        settings={**{name: f"{value:g}" for name, value in shares.items()}, **job.settings},
    )
    progress.note(say("life.demo_begins", duration=duration_text(job.budget), path=where))
    report = live(recipe, where, options, progress, dry_run=dry_run)
    told = recipe_report("demo", report)
    if dry_run:
        return told
    session = _session(Path(told.report["bundle"]))
    return Talk(_with_scores(told, session, report.outcomes["evaluate"].path), session)


def finished(where: Path) -> Path | None:
    """The bundle of a demo that came to its end."""
    path = where / "recipe.json"
    bundle = read_json(path).get("bundle") if path.is_file() else None
    return Path(bundle) if bundle and is_bundle(Path(bundle)) else None


def _session(bundle: Path) -> Session:
    return open_session(ChatConfig(model=str(bundle)), Progress("none"))


def _with_scores(told: Report, session: Session, out: Path) -> Report:
    """The table of stages, then scores and samples."""
    scores = read_json(out / "evaluation.json")["scores"]
    samples = [Sample(**row) for row in read_json(out / "answers.json")["samples"]]
    measured = evaluation_report(session.bundle, scores, samples, out)
    return replace(
        told,
        report={**told.report, "scores": scores},
        lines=(*told.lines, *measured.lines),
        tables=(*told.tables, *measured.tables),
    )
