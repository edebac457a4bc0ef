"""`hanlin task train | eval | predict`: teach a model a task, measure it, let it work through files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hanlin.base.errors import UsageError
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.bundle.bundle import Bundle, annotate_bundle, read_info
from hanlin.bundle.sentence import read_sentence
from hanlin.evaluate.report import write_card
from hanlin.life.classify import opened, rewrites
from hanlin.life.judge_task import judge, judge_task
from hanlin.life.open import find_model, open_bundle
from hanlin.life.predict_file import beside, check_suffix, read_texts, write_rows
from hanlin.life.pretrain import plan_as_report, training_report
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.life.task_config import EvaluateTaskConfig, PredictTaskConfig
from hanlin.train.forecast import forecast_task
from hanlin.train.task import stage
from hanlin.train.task.config import TaskConfig, TaskName
from hanlin.train.task.rows import check_labels, read_rows


def train_task(
    config: Given[TaskConfig] = None, *, progress: Progress | None = None, dry_run: bool = False, **settings: Any
) -> Report:
    """Fine-tune a bundle of any shape on labelled rows; the report's path is the run, with figures, chance and error
    bars on the rows kept out. Raises ConfigError, InputError, RequestTooLong, BundleError, MachineError."""
    job, progress = settled(TaskConfig, config, settings, first="from_bundle").value, progress or Progress("none")
    if job.from_bundle is not None:
        job = job.replaced(from_bundle=find_model(job.from_bundle, pickles=job.pickles))
    if dry_run and job.from_bundle is not None:
        material = stage.prepare(job, progress)
        return plan_as_report("task train", material.plan, forecast_task(material), budget=material.config.budget)
    result = stage.train_task(job, judge=judge(), progress=progress)
    assert result.bundle is not None
    info = read_info(result.bundle)
    annotate_bundle(result.bundle, card=write_card(info, info.scores))
    figures: Mapping[str, Any] = info.scores.get("task", {})
    told = {name: value for name, value in result.report.items() if name not in figures}
    steps = (f"hanlin task eval {result.path} test.csv", f"hanlin task predict {result.path} texts.csv")
    report = training_report("task train", replace(result, report=told), next_steps=steps)
    return Report("task train", report.path, {**report.report, **figures}, (*report.lines, *calibration_lines(figures)),
                  (*report.tables, *task_tables(figures)), steps)  # fmt: skip


def evaluate_task(
    config: Given[EvaluateTaskConfig] = None, *, progress: Progress | None = None, **settings: Any
) -> Report:
    """Measure a fine-tuned model on labelled rows, with chance and error bars; kept in the bundle and on its card.

    Raises InputError (also for a label that training did not have, with its line), RequestTooLong, UsageError E885.
    """
    job, progress = settled(EvaluateTaskConfig, config, settings, first="model").value, progress or Progress("none")
    bundle = open_bundle(job.model, device=job.device, pickles=job.pickles)
    assert bundle.tokenizer is not None
    task = task_of(bundle)
    told = TaskConfig(task=task, data=job.data, format=job.format, columns=job.columns, overflow=job.overflow)
    told = told.replaced(max_target_tokens=bundle.info.resolved.get("max_target_tokens"))
    rows = read_rows(job.data, told, progress)[1]
    check_labels(rows, task, bundle.config.head.task.labels)
    figures = judge_task(bundle.model, bundle.tokenizer, told.replaced(seed=job.seed), rows)
    if bundle.lineage is not None:
        scores = {**read_info(bundle.path).scores, "task": {**figures, "data": list(job.data)}}
        annotate_bundle(bundle.path, scores=scores, card=write_card(bundle.info, scores))
    lines = (say("life.task_judged", num_rows=f"{len(rows):,}", path=bundle.path),)
    return Report("task eval", bundle.path, figures, lines, task_tables(figures))


def predict_task(
    config: Given[PredictTaskConfig] = None, *, progress: Progress | None = None, **settings: Any
) -> Report:
    """Let a fine-tuned model work through files of texts: a row for each, with what it says and how sure it is.

    Raises InputError, RequestTooLong.
    """
    job, progress = settled(PredictTaskConfig, config, settings, first="model").value, progress or Progress("none")
    check_suffix(job.out)
    face = opened(open_bundle(job.model, device=job.device, pickles=job.pickles))
    asked, dropped = read_texts(job.data, columns=job.columns, on_read=lambda one: progress.note(one.sentence()))
    num_rows = write_rows(job.out, beside(asked, face.said([one.text for one in asked], job.overflow)))
    figures = {"num_rows": num_rows, "num_dropped": len(dropped), "out": str(job.out)}
    lines = (say("life.task_predicted", path=job.out, num_rows=f"{num_rows:,}", num_dropped=f"{len(dropped):,}"),)
    return Report("task predict", job.out, figures, lines)


def task_of(bundle: Bundle) -> TaskName:
    """What a bundle was fine-tuned for. Raises UsageError E885 where that was nothing."""
    task = bundle.config.head.task
    if task.kind == "sequence":
        problems: Mapping[str, TaskName] = {"one": "classification", "several": "multilabel", "value": "regression"}
        return problems[task.problem]
    kinds: Mapping[str, TaskName] = {"tokens": "tokens", "spans": "qa"}
    if task.kind in kinds:
        return kinds[task.kind]
    if rewrites(bundle):
        return "seq2seq"
    if read_sentence(bundle.path) is not None:
        return "embedding"
    raise UsageError("life.no_task", path=bundle.path)


# ---------------------------------------------------------------- for people


def task_tables(figures: Mapping[str, Any]) -> tuple[Table, ...]:
    """Figures beside chance, labels one by one, what was taken for what."""
    if not figures:
        return ()
    columns = tuple(say(f"life.column_{name}") for name in ("measure", "value", "interval", "chance"))
    rows = tuple(_figure_row(name, one) for name, one in figures["figures"].items())
    tables = [Table(say("life.task_title", num_rows=f"{figures['num_rows']:,}"), columns, rows)]
    if by_label := figures.get("by_label"):
        names = tuple(say(f"life.column_{name}") for name in ("label", "precision", "recall", "f1", "num_rows"))
        each = ((label, *(f"{part:.3f}" for part in parts[:3]), f"{parts[3]:,}") for label, parts in by_label.items())
        tables.append(Table(say("life.task_labels"), names, tuple(each)))
    if table := figures.get("confusion"):
        labels = figures["labels"]
        names = (say("life.column_true"), *labels)
        tables.append(Table(say("life.task_confusion"), names, tuple(
            (label, *(f"{number:,}" for number in row)) for label, row in zip(labels, table, strict=True)
        )))  # fmt: skip
    return tuple(tables)


def _figure_row(name: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    chance = "–" if one["chance"] is None else f"{one['chance']:.3f}"
    return say(f"evaluate.figure_{name}"), f"{one['value']:.3f}", f"{one['low']:.3f}–{one['high']:.3f}", chance


def calibration_lines(figures: Mapping[str, Any]) -> tuple[str, ...]:
    """What the temperature came to."""
    found = figures.get("calibration")
    return (say("life.task_calibrated", **found),) if found else ()
