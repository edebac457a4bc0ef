"""`hanlin runs`: what is running, what has run, and its figures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hanlin.base.log import FINAL_PHASES, RunInfo, read_events, read_metrics, read_samples, read_status
from hanlin.base.messages import say
from hanlin.base.progress import Progress, duration_text, value_text
from hanlin.life.places import every_run, find_run, home
from hanlin.life.report import Report, Table
from hanlin.life.runs_config import ListRunsConfig, ShowRunConfig, TailRunConfig
from hanlin.life.settings import Given, settled

SHOWN_METRICS = 8
FOLLOW_SECONDS = 0.5


def show_runs(
    config: Given[ListRunsConfig] = None,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Report:
    """All runs of a folder and of HANLIN_HOME, and what each is doing."""
    job = settled(ListRunsConfig, config, settings).value
    infos = every_run(job.runs)
    columns = tuple(say(f"life.column_{name}") for name in ("run", "phase", "step", "eta"))
    table = Table("", columns, tuple(_row(info) for info in infos))
    lines = () if infos else (say("life.no_runs_yet", runs=job.runs, home=home()),)
    figures = {"runs": [{**vars(info), "folder": str(info.folder)} for info in infos]}
    return Report("runs ls", job.runs, figures, lines, (table,) if infos else ())


def _row(info: RunInfo) -> tuple[str, ...]:
    step = f"{info.step:,}" + (f"/{info.total:,}" if info.total else "")
    return info.folder.name, _phase(info.phase), step, duration_text(info.eta_s) if info.eta_s else ""


def _phase(phase: str) -> str:
    known = ("finished", "failed", "interrupted", "lost")
    return say(f"life.phase_{phase}") if phase in known else phase


def show_run(config: Given[ShowRunConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """One run: its state, its last figures, its last samples."""
    job = settled(ShowRunConfig, config, settings, first="run").value
    folder = find_run(job.run, job.runs)
    status, metrics, samples = read_status(folder), read_metrics(folder), read_samples(folder)
    rows = tuple(_metric_row(row) for row in metrics[-SHOWN_METRICS:])
    lines = [say("life.run_is", run=folder, phase=_phase(str(status.get("phase", "lost"))))]
    if metrics.num_damaged:
        lines.append(say("life.torn_lines", number=metrics.num_damaged))
    lines += [f"{sample['prompt']}|{sample['text']}" for sample in samples[-2:]]
    figures = {
        "status": status,
        "metrics": list(metrics[-SHOWN_METRICS:]),
        "samples": list(samples[-2:]),
        "events": list(read_events(folder)),
        "num_damaged_lines": metrics.num_damaged,
    }
    table = Table("", (say("life.column_step"), say("life.column_figures")), rows)
    return Report("runs show", folder, figures, tuple(lines), (table,) if rows else ())


def _metric_row(row: dict[str, Any]) -> tuple[str, str]:
    figures = {name: value for name, value in row.items() if name not in ("step", "time") and value is not None}
    return f"{row['step']:,}", " ".join(f"{name}={value_text(value)}" for name, value in figures.items())


def tail_run(
    config: Given[TailRunConfig] = None, *, progress: Progress | None = None, **settings: Any
) -> Iterator[dict[str, Any]]:
    """The figures of a run, row by row as they come; ends with the run."""
    job = settled(TailRunConfig, config, settings, first="run").value
    folder = find_run(job.run, job.runs)
    return _follow(folder, job)


def _follow(folder: Path, job: TailRunConfig) -> Iterator[dict[str, Any]]:
    seen = max(0, len(read_metrics(folder)) - job.lines)
    while True:
        ended = read_status(folder).get("phase", "lost") in (*FINAL_PHASES, "lost")
        rows = read_metrics(folder)
        yield from rows[seen:]
        seen = max(seen, len(rows))
        if ended or not job.follow:
            return
        time.sleep(FOLLOW_SECONDS)
