"""`hanlin pretrain`: train on token shards, or on plain text, which becomes shards first."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hanlin.base.errors import UsageError
from hanlin.base.messages import say
from hanlin.base.progress import Progress, duration_text, value_text
from hanlin.life.held_out import decoded
from hanlin.life.hooks import filling_hooks, writing_hooks
from hanlin.life.measure import CURVE_BYTES, held_out
from hanlin.life.open import find_model
from hanlin.life.prepare import BYTES_PER_TOKEN, is_shards, prepare_text, text_bytes
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.recipe.cache import input_files
from hanlin.text.tokenizer import Tokenizer
from hanlin.train import pretrain as training
from hanlin.train.config import PretrainConfig
from hanlin.train.estimate import Estimate
from hanlin.train.forecast import forecast
from hanlin.train.kinds import KINDS
from hanlin.train.loop import Hooks, RunResult
from hanlin.train.plan import Plan, suggest_vocabulary
from hanlin.train.session import stored_config
from hanlin.train.sketch import sketch


def pretrain(
    config: Given[PretrainConfig] = None,
    *,
    progress: Progress | None = None,
    dry_run: bool = False,
    **settings: Any,
) -> Report:
    """Train a model on shards or plain text, from fresh weights or on from a bundle; the report's path is the run.

    Plain text is cleaned, tokenised and kept beside the runs, so that a second run on it begins at once.
    Raises ConfigError, InputError, MachineError, TrainingStopped; Interrupted after a checkpoint.
    """
    job, progress = settled(PretrainConfig, config, settings, first="data").value, progress or Progress("none")
    if job.from_bundle is not None:
        job = job.replaced(from_bundle=find_model(job.from_bundle, pickles=job.pickles))
    if dry_run:
        return plan_report(job)
    job = with_shards(job, progress)
    result = training.pretrain(job, hooks=_hooks(job), progress=progress)
    return training_report("pretrain", result, next_steps=next_steps(job, result.path))


def next_steps(job: PretrainConfig, run: Path) -> tuple[str, ...]:
    """What a model of this shape is good for."""
    archs = KINDS[job.objective].archs
    if "decoder" in archs:
        return f'hanlin ask {run} "…"', f"hanlin finetune {run} conversations.jsonl"
    call = f"hanlin.load({str(run)!r})"
    return (
        (f'{call}.fill_mask("… [MASK] …")', f'{call}.embed("…")') if "encoder" in archs else (f'{call}.generate("…")',)
    )


def with_shards(job: PretrainConfig, progress: Progress) -> PretrainConfig:
    """The settings with shards in place of plain text. Raises UsageError E855 where shards and text are mixed."""
    paths = [Path(path) for path in job.data]
    if job.resume is not None or not paths or all(is_shards(path) for path in paths):
        return job
    if any(is_shards(path) for path in paths) or isinstance(job.data, dict):
        raise UsageError("life.text_and_shards", text=", ".join(str(path) for path in paths if not is_shards(path)))
    prepared = prepare_text([str(path) for path in paths], job, progress)
    validation = job.validation or ((prepared.shards.validation,) if prepared.shards.validation else ())
    name = job.name or paths[0].stem
    return job.replaced(
        data=(prepared.shards.train,), validation=validation, tokenizer=prepared.tokenizer, name=name[:80]
    )


def _hooks(job: PretrainConfig) -> Hooks:
    """Texts and scores as training goes on; none where the settings are wrong, which `train` then says."""
    settings = stored_config(job) if job.resume else job
    folder = settings.tokenizer or settings.from_bundle
    if folder is None:
        return Hooks()
    tokenizer = Tokenizer.load(folder)
    if settings.objective not in ("causal", "fill_in_the_middle"):
        return filling_hooks(tokenizer, settings.objective)
    documents = (one for path in settings.validation if is_shards(path) for one in decoded(path, tokenizer))
    return writing_hooks(tokenizer, held_out(documents, CURVE_BYTES))


def plan_report(job: PretrainConfig) -> Report:
    """What a run would be, without running it; for plain text by what its size tells."""
    text = [str(path) for path in job.data if not is_shards(Path(path))]
    if not text or job.resume is not None:
        plan, settled_job, material = training.prepare(job)
        return plan_as_report("pretrain", plan, forecast(settled_job, material), budget=settled_job.budget)
    size = text_bytes(input_files(text))
    tokens = round(size / BYTES_PER_TOKEN)
    line = say("life.plan_text", megabytes=f"{size / 1e6:.1f}", tokens=f"{tokens:,}")
    plan, settled_job, estimate = sketch(job, vocab_size=suggest_vocabulary(size), num_positions=tokens)
    report = plan_as_report("pretrain", plan, estimate, budget=settled_job.budget)
    figures = {**report.report, "bytes": size, "tokens": tokens}
    return dataclasses.replace(report, report=figures, lines=(line, *report.lines))


def plan_as_report(command: str, plan: Plan, estimate: Estimate, *, budget: float | None = None) -> Report:
    """Every setting of a plan with its reason, and what it takes of the machine; `budget` seconds to train."""
    columns = tuple(say(f"life.column_{name}") for name in ("name", "value", "why"))
    rows = tuple((row.name, shown(row.value), row.origin) for row in plan.rows)
    lines = (*estimate_lines(estimate, budget), *plan.warnings)
    figures = {
        "dry_run": True,
        "plan": {row.name: row.value for row in plan.rows},
        "memory_bytes": estimate.memory.total,
        "disk_bytes": estimate.disk,
        "memory": dataclasses.asdict(estimate.memory),
        "update_operations": dataclasses.asdict(estimate.operations),
        "row": dataclasses.asdict(estimate.row),
        "updates": estimate.updates,
        "flops_per_second": estimate.flops_per_second,
        "seconds": estimate.seconds if budget is None else min(budget, estimate.seconds or budget),
    }
    return Report(command, None, figures, lines, (Table("", columns, rows),))


def estimate_lines(estimate: Estimate, budget: float | None) -> tuple[str, ...]:
    """Operations with their parts, memory with its parts, and time, as far as each is known."""
    parts, memory = estimate.operations, estimate.memory
    shares = {name: value / parts.total for name, value in vars(parts).items() if value}
    told = ", ".join(f"{say(f'life.plan_part_{name}')} {share:.0%}" for name, share in shares.items())
    places = {"scored": round(estimate.row.scored), "places": round(estimate.row.written)}
    held = {name: _gibibytes(value) for name, value in vars(memory).items()}
    lines = [
        say("life.plan_operations", operations=f"{parts.total / 1e12:.3g}", parts=told, **places),
        say("life.plan_needs", memory=_gibibytes(memory.total), disk=_gibibytes(estimate.disk), **held),
    ]
    if estimate.flops_per_second:
        lines.append(_time_line(estimate, budget))
    return tuple(lines)


def _time_line(estimate: Estimate, budget: float | None) -> str:
    """How long it takes; where the clock ends it first, how far it comes."""
    speed = f"{estimate.flops_per_second / 1e9:.3g}"
    if estimate.seconds is not None and (budget is None or estimate.seconds <= budget):
        updates = f"{estimate.updates:,.0f}"
        return say("life.plan_time", time=duration_text(estimate.seconds), updates=updates, speed=speed)
    assert budget is not None, "a run ends by its data or by the clock"
    reached = budget * estimate.flops_per_second / estimate.operations.total
    return say("life.plan_reach", time=duration_text(budget), updates=f"{reached:,.0f}", speed=speed)


def _gibibytes(number: float) -> str:
    return f"{number / 2**30:.2g}"


def memory_needed(num_parameters: int) -> int:
    """About what a training takes: weights, gradients and two moments in float32, activations, and torch itself."""
    return 16 * num_parameters + (1 << 30)


def training_report(command: str, result: RunResult, *, next_steps: tuple[str, ...] = ()) -> Report:
    """A training for people: how long, how far, how good."""
    figures: dict[str, Any] = {
        "steps": result.steps,
        "tokens": result.tokens,
        "bundle": str(result.bundle) if result.bundle else None,
        **result.report,
    }
    columns = (say("life.column_name"), say("life.column_value"))
    mixture = figures.get("mixture", {})
    rows = tuple((name, shown(value)) for name, value in figures.items() if value is not None and value is not mixture)
    tables = (Table("", columns, rows), *mixture_tables(mixture))
    return Report(command, result.path, figures, (say("life.trained", path=result.path),), tables, next_steps)


def mixture_tables(mixture: Mapping[str, Mapping[str, float]]) -> tuple[Table, ...]:
    """What each source of a run came to, where there were several."""
    if not mixture:
        return ()
    columns = tuple(say(f"life.column_{name}") for name in ("source", "tokens", "share", "planned", "passes"))
    rows = tuple(
        (name, value_text(row["tokens"]), f"{row['share']:.2%}", f"{row['planned']:.2%}", f"{row['epochs']:.2f}")
        for name, row in mixture.items()
    )
    return (Table(say("life.mixture"), columns, rows),)


def shown(value: object) -> str:
    """A value as a cell."""
    return value_text(value) if isinstance(value, int | float) else str(value)


def main_result(figures: Mapping[str, Any]) -> str:
    """A training in one phrase, for the table of a recipe."""
    loss = figures.get("validation_loss") or figures.get("loss")
    return say(
        "life.training_result",
        steps=f"{figures['steps']:,}",
        tokens=f"{figures['tokens']:,}",
        seconds=duration_text(figures.get("seconds") or 0),
        loss="–" if loss is None else f"{loss:.3f}",
    )
