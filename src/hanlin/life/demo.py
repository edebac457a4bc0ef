"""`hanlin demo`: from text that is already on the machine to a model in the browser, in ten minutes on two cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from hanlin.base.device import return_freed_memory
from hanlin.base.files import read_json
from hanlin.base.messages import say
from hanlin.base.progress import Progress, duration_text
from hanlin.bundle.bundle import Bundle, annotate_bundle
from hanlin.evaluate.report import Sample
from hanlin.life.browser import open_page
from hanlin.life.chat import open_session
from hanlin.life.config import ChatConfig, DemoConfig, RunConfig, ServeJob
from hanlin.life.evaluate import evaluation_report
from hanlin.life.guide import guide
from hanlin.life.open import open_bundle
from hanlin.life.places import home, is_bundle
from hanlin.life.report import Report, Served
from hanlin.life.run import live, recipe_report, variables
from hanlin.life.serve import open_server, until_stopped
from hanlin.life.settings import Given, settled
from hanlin.life.skills import SCORES, skills_lines, skills_of, skills_table
from hanlin.life.stages import STAGES
from hanlin.life.talk import Session, Talk
from hanlin.model.compiled import library
from hanlin.recipe.graph import Job, Outcome, Stage
from hanlin.recipe.recipe import read_recipe

OTHER_SECONDS = 67.0  # cleaning, tokenising, measuring and opening take about as long whatever the budget
UNCOMPILED_SECONDS = 25.0  # more than that without compiled kernels, nearly all of it answers to the evaluation
PRETRAIN_SHARE, FINETUNE_SHARE = 0.25, 0.75  # of what is left
CASES_PER_SECOND = 0.2  # of the budget: 120 cases of each skill in ten minutes, 24 in two


def demo(
    config: Given[DemoConfig] = None,
    *,
    progress: Progress | None = None,
    dry_run: bool = False,
    **settings: Any,
) -> Served | Talk | Report:
    """Train, tune, measure, talk. A finished demo is opened at once; one that was cut goes on where it stopped."""
    resolved, progress = settled(DemoConfig, config, settings), progress or Progress("none")
    job = resolved.value
    where = job.home or home() / "demo"
    if not (job.fresh or job.settings or dry_run) and (found := finished(where)):
        lines = [say("life.demo_found", path=found)]
        if resolved.origins.get("budget", "default") != "default":
            lines.append(say("life.demo_budget", budget=duration_text(job.budget)))
        known = Report("demo", where, {"bundle": str(found)}, tuple(lines))
        return _opened(known, found, job, progress)
    with resources.as_file(resources.files("hanlin.recipe").joinpath("texts", "demo.toml")) as path:
        recipe = read_recipe(path, environ=variables(path))
    options = RunConfig(
        recipe=path, from_stage="pretrain" if job.fresh else "", settings={**shares(job.budget), **job.settings}
    )
    progress.note(say("life.demo_begins", duration=duration_text(job.budget), path=where))
    report = live(recipe, where, options, progress, dry_run=dry_run, stages=[told(stage) for stage in STAGES])
    summary = recipe_report("demo", report)
    if dry_run:
        return summary
    out, bundle = report.outcomes["evaluate"].path, Path(summary.report["bundle"])
    skills = skills_of(read_json(out / "evaluation.json")["scores"], read_json(out / "answers.json")["answers"])
    annotate_bundle(bundle, scores={SCORES: skills})
    summary = _with_skills(summary, skills, open_bundle(str(bundle)), out)
    return _opened(summary, bundle, job, progress)


def shares(budget: float) -> dict[str, str]:
    """Settings that follow from the time for all of it: seconds of both trainings, cases of the evaluation."""
    others = OTHER_SECONDS + (0 if library() else UNCOMPILED_SECONDS)
    left = max(budget - others, 0.4 * budget)
    cases = min(120, max(10, round(CASES_PER_SECOND * budget)))
    return {
        "pretrain.budget": f"{PRETRAIN_SHARE * left:g}",
        "finetune.budget": f"{FINETUNE_SHARE * left:g}",
        "evaluate.max_cases": f"{cases}",
    }


def told(stage: Stage) -> Stage:
    """The stage, telling before it begins what it does, why, and what to look at."""
    return replace(stage, run=_telling(stage.name, stage.run))


def _telling(name: str, run: Callable[[Job], Outcome]) -> Callable[[Job], Outcome]:
    def tell_and_run(job: Job) -> Outcome:
        job.progress.note(say(f"life.story_{name}", guide=guide()))
        return run(job)

    return tell_and_run


def finished(where: Path) -> Path | None:
    """The bundle of a demo that came to its end."""
    path = where / "recipe.json"
    bundle = read_json(path).get("bundle") if path.is_file() else None
    return Path(bundle) if bundle and is_bundle(Path(bundle)) else None


def _opened(report: Report, bundle: Path, job: DemoConfig, progress: Progress) -> Served | Talk:
    """The finished model, on its page or in the terminal."""
    return_freed_memory()  # without a compiler a server that has just trained held 2.6 GB
    if job.terminal:
        return Talk(report, _session(bundle))
    server = open_server(ServeJob(model=str(bundle), port=job.port), progress=progress)
    return Served(report, _shown(until_stopped(server, progress), job, progress))


def _shown(rows: Iterator[Mapping[str, Any]], job: DemoConfig, progress: Progress) -> Iterator[Mapping[str, Any]]:
    """The rows of a server, whose page is opened as soon as it answers."""
    for row in rows:
        yield row
        if row["state"] == "ready" and not (job.browser and open_page(row["address"])):
            progress.note(say("life.open_yourself", address=row["address"]))


def _session(bundle: Path) -> Session:
    """A conversation without dice: the skills have one right answer, and copying is no repetition to be punished."""
    return open_session(ChatConfig(model=str(bundle), temperature=0.0, repetition_penalty=1.0), Progress("none"))


def _with_skills(summary: Report, skills: Mapping[str, Any], bundle: Bundle, out: Path) -> Report:
    """The table of stages, then skills, text and samples."""
    figures = read_json(out / "evaluation.json")["scores"]
    samples = [Sample(**row) for row in read_json(out / "answers.json")["samples"]]
    measured = evaluation_report(bundle, {**figures, "tasks": []}, samples, out)
    return replace(
        summary,
        report={**summary.report, "scores": figures, SCORES: skills},
        lines=(*summary.lines, *measured.lines, *skills_lines(skills)),
        tables=(*summary.tables, skills_table(skills), *measured.tables),
    )
