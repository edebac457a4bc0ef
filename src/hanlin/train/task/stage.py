"""Fine-tuning on a task: a bundle of any shape and labelled rows in, a bundle that does the task out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hanlin.base.errors import BundleError, ConfigError, InputError, Problem
from hanlin.base.files import sha256_file
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.base.seeds import Seeds
from hanlin.bundle.bundle import Bundle, load_bundle, save_bundle
from hanlin.bundle.lineage import record_lineage
from hanlin.data.framing import Framer
from hanlin.model.parts_config import TaskHeadConfig
from hanlin.model.refit import with_dropout, with_task
from hanlin.model.transformer import Transformer
from hanlin.text.tokenizer import Tokenizer
from hanlin.train.leaked import without_leaked_texts
from hanlin.train.loop import Hooks, RunResult, train
from hanlin.train.objectives import Objective, SpanCorruptionLM
from hanlin.train.optimizers import build_optimizer
from hanlin.train.plan import Plan, scaled_rate
from hanlin.train.plot import plot_losses
from hanlin.train.schedules import build_schedule
from hanlin.train.session import ancestry, begin_run, machine, settings_until, stored_config
from hanlin.train.state import Horizon, LoopSettings
from hanlin.train.task import objectives
from hanlin.train.task.config import TaskConfig, TaskName, TaskOptimizerConfig
from hanlin.train.task.examples import (
    Collate,
    Example,
    ExampleLoader,
    Examples,
    collate,
    collate_written,
    make_examples,
)
from hanlin.train.task.rows import TaskRow, check_labels, labels_of, read_rows, split_rows

ROWS, EPOCHS = 16, 3.0
ROWS_WRITTEN, EPOCHS_WRITTEN = 64, 10.0
WRITTEN_RATE = 0.3
"""Of rewriting: sentences are short, and who writes them has more to learn than who judges them; the rate is a share of
pre-training's, as in fine-tuning on conversations."""
RATE, RATE_WIDTH, MOST_RATE = 3e-5, 768, 5e-3
"""Peak learning rate of BERT base (Devlin 2018: 2e-5 to 5e-5), rising as the width to the power -1.5: 1.6e-4 at 256,
1.2e-3 at 64, 3.5e-3 at 32, where the toys of the tests learn in seconds at 3e-3."""

HEADS: Mapping[str, dict[str, Any]] = {
    "classification": {"kind": "sequence"},
    "multilabel": {"kind": "sequence", "problem": "several"},
    "regression": {"kind": "sequence", "problem": "value"},
    "tokens": {"kind": "tokens"},
    "qa": {"kind": "spans"},
}


@dataclass(frozen=True, kw_only=True)
class Judge:
    """What measures a model on rows kept out; the floors above know how.

    glance(model, tokenizer, task, rows): numbers for the log, at every evaluation. finish: called once with the best
    weights, before they are saved; may calibrate them in place; its figures stand in the bundle.
    """

    glance: Callable[[Transformer, Tokenizer, TaskConfig, Sequence[TaskRow]], Mapping[str, float]]
    finish: Callable[[Transformer, Tokenizer, TaskConfig, Sequence[TaskRow]], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class TaskMaterial:
    """All that a run on a task trains with; `config` is settled, its task no longer "auto"."""

    config: TaskConfig
    plan: Plan
    parent: Bundle
    tokenizer: Tokenizer
    model: Transformer
    objective: Objective
    loader: ExampleLoader
    measured: Examples
    held_out: Sequence[TaskRow]
    data: Mapping[str, str]
    facts: Mapping[str, Any]


def train_task(config: TaskConfig, *, judge: Judge | None = None, progress: Progress | None = None) -> RunResult:
    """Fine-tune a bundle on labelled rows and save it as `<run>/bundle`.

    Raises ConfigError, InputError (a file, a row, a label: see rows.py), RequestTooLong, BundleError, and what the loop
    raises; whatever stops a run, its folder can be resumed.
    """
    config, progress = stored_config(config), progress or Progress("none")
    _check(config)
    material = prepare(config, progress)
    settled = material.config
    parents = ancestry(material.parent)
    name = next(iter(material.data), "task")
    with begin_run("task", settled, material.plan, progress, name, material.data, parents["parents"]) as run:
        torch.manual_seed(Seeds(settled.seed).derive("dropout"))
        result = train(
            material.model,
            optimizer=build_optimizer(material.model, settled.optimizer),
            schedule=build_schedule(settled.schedule),
            objective=material.objective,
            loader=material.loader,
            config=_loop_settings(settled, material.loader),
            run=run,
            hooks=Hooks(evaluate=_evaluation(material, judge) if material.held_out else None),
            progress=progress,
        )
        plot_losses(run.folder)
        bundle, figures = _keep(material, result, judge)
    return dataclasses.replace(result, bundle=bundle, report={**result.report, **material.facts, **figures})


def prepare(config: TaskConfig, progress: Progress) -> TaskMaterial:
    """Read and split the rows, give the bundle its head, settle every value."""
    device, dtype = machine(config)
    assert config.from_bundle is not None
    parent = load_bundle(config.from_bundle, device=device, compute_dtype=dtype, pickles=config.pickles)
    if parent.tokenizer is None:
        raise BundleError("train.no_tokenizer", path=parent.path)
    task, learned, held_out = _rows(config, progress)
    config = config.replaced(task=task, optimizer=_optimizer(config.optimizer, task))
    labels = labels_of(learned, task, config.labels)
    check_labels(held_out, task, labels)
    model = with_dropout(_model(parent, parent.tokenizer, config, labels), config.dropout)
    if task == "regression":
        _begin_at_mean(model, learned)
    framer = task_framer(parent.tokenizer, model, config)
    framed = partial(make_examples, max_target_tokens=config.max_target_tokens)
    made = framed(learned, task, labels, framer, config.overflow)
    measured = framed(held_out, task, labels, framer, config.overflow)
    plan = _plan(config, model, len(made.examples), len(held_out))
    settled = plan.settled(config)
    facts = {"task": task, "rows": len(learned), "rows_held_out": len(held_out), "labels": len(labels)}
    lost = {"texts_cut": made.num_cut, "texts_split": made.num_split, "spans_lost": made.num_lost}
    progress.note(say("train.task_rows", **facts, **lost))
    assert settled.batch_size is not None
    return TaskMaterial(
        config=settled,
        plan=plan,
        parent=parent,
        tokenizer=parent.tokenizer,
        model=model,
        objective=_objective(settled, learned, labels, made.examples),
        loader=ExampleLoader(
            made.examples,
            size=settled.batch_size,
            seed=Seeds(settled.seed).derive("data"),
            collate=_collate(task, parent.tokenizer),
        ),
        measured=measured,
        held_out=held_out,
        data={Path(path).name: _checksum(Path(path)) for path in (*config.data, *config.validation)},
        facts={**facts, **{name: number for name, number in lost.items() if number}},
    )


def _optimizer(said: TaskOptimizerConfig, task: TaskName) -> TaskOptimizerConfig:
    """After four minutes from random weights, 12,662 pairs of short sentences: 2.3 BLEU by Muon, 0.3 by AdamW after
    eight (T5, 3 + 3 x 256)."""
    return said.replaced(name="muon" if task == "seq2seq" else "adamw") if said.name == "auto" else said


def _collate(task: TaskName, tokenizer: Tokenizer) -> Collate:
    """Batches of rows and their targets, or of what is read and what is written."""
    pad = tokenizer.special.pad
    if task == "seq2seq":
        return partial(collate_written, pad=pad, start=pad)
    return partial(collate, pad=pad, tagged=task == "tokens")


def _check(config: TaskConfig) -> None:
    problems = []
    if config.from_bundle is None:
        problems.append(Problem("from_bundle", None, say("train.rule_bundle"), say("train.remedy_bundle")))
    if not config.data:
        problems.append(Problem("data", (), say("train.rule_data"), say("train.remedy_task_data")))
    if problems:
        raise ConfigError(problems=problems)


def _rows(config: TaskConfig, progress: Progress) -> tuple[TaskName, list[TaskRow], list[TaskRow]]:
    """The task, the rows to learn and those to measure on."""
    task, rows = read_rows(config.data, config, progress)
    rows = without_leaked_texts(
        rows, config, progress, text=lambda row: row.whole, question=lambda row: row.whole, family=lambda row: ""
    )
    if config.validation:
        held_out = read_rows(config.validation, config.replaced(task=task), progress)[1]
        known = {row.group for row in held_out}
        learned = [row for row in rows if row.group not in known]
        if len(learned) < len(rows):
            progress.note(say("train.task_doubled", number=len(rows) - len(learned)))
    else:
        learned, held_out = split_rows(rows, config.validation_share)
    if not learned:
        raise InputError("train.task_nothing_left", number=len(rows))
    return task, learned, held_out


def _model(parent: Bundle, tokenizer: Tokenizer, config: TaskConfig, labels: Sequence[str]) -> Transformer:
    """The bundle's model with the head of the task; for vectors as it is, since those are its states."""
    asked = HEADS.get(config.task, {"kind": "none"})
    if config.pooling == "mean" and asked["kind"] != "sequence":
        rule, remedy = say("model.rule_pooling_unread", kind=config.task), say("model.remedy_pooling_unread")
        raise ConfigError(problems=[Problem("pooling", config.pooling, rule, remedy)])
    if config.task == "seq2seq" and (parent.config.arch != "encoder_decoder" or parent.config.head.kind == "none"):
        raise BundleError("train.writes_nothing", path=parent.path, arch=parent.config.arch)
    if asked["kind"] == "none":
        return parent.model
    start = tokenizer.special.pad if parent.config.arch == "encoder_decoder" else 0
    asked = asked if config.head_dropout is None else {**asked, "dropout": config.head_dropout}
    head = TaskHeadConfig(**asked, pooling=config.pooling, labels=tuple(labels), start=start)
    return with_task(parent.model, head, seed=Seeds(config.seed).derive("init"))


@torch.no_grad()
def _begin_at_mean(model: Transformer, rows: Sequence[TaskRow]) -> None:
    """A head of numbers says their mean before it has learned anything, where it has a bias to say it with."""
    assert model.task is not None
    if model.task.last.bias is not None:
        model.task.last.bias.fill_(sum(row.target for row in rows) / len(rows))


def task_framer(tokenizer: Tokenizer, model: Transformer, config: TaskConfig) -> Framer:
    """What frames texts for a task; parts of a passage overlap, so that an answer stands whole in one."""
    longest = min(config.max_tokens or model.config.max_seq_len, model.config.max_seq_len)
    return Framer(tokenizer, longest, overlap=min(64, longest // 4) if config.task == "qa" else 0)


def suited_rate(width: int) -> float:
    """The peak learning rate at which a model of such a width learns a task, see RATE."""
    return min(RATE * (RATE_WIDTH / width) ** 1.5, MOST_RATE)


def _plan(config: TaskConfig, model: Transformer, num_examples: int, num_held_out: int) -> Plan:
    plan = Plan(config)
    plan.note("task", config.task, say("train.why_task"))
    plan.note(
        "optimizer",
        config.optimizer.name,
        say("train.why_task_optimizer", task=config.task, name=config.optimizer.name),
    )
    plan.note("rows", num_examples, say("train.why_task_rows", held_out=num_held_out))
    width, writes = model.config.hidden_size, config.task == "seq2seq"
    plan.settle("batch_size", min(ROWS_WRITTEN if writes else ROWS, num_examples), say("train.why_task_batch"))
    rate = float(f"{scaled_rate(width, WRITTEN_RATE) if writes else suited_rate(width):.2g}")
    plan.settle("learning_rate", rate, say(f"train.why_{'written' if writes else 'task'}_rate", width=width))
    if config.epochs is None and config.steps is None and config.budget is None:
        plan.settle("epochs", EPOCHS_WRITTEN if writes else EPOCHS, say("train.why_epochs"))
    return plan


def _objective(
    config: TaskConfig, rows: Sequence[TaskRow], labels: Sequence[str], examples: Sequence[Example]
) -> Objective:
    """By the task; with `balance` rare labels weigh more. Raises InputError E520 where half the pairs have a score."""
    weights = label_weights(config.task, labels, examples) if config.balance else None
    if config.task == "embedding":
        scored = sum(row.target is not None for row in rows)
        if 0 < scored < len(rows):
            raise InputError("train.half_scored", number=scored, rows=len(rows))
        return _typed(objectives.Cosent(config.temperature) if scored else objectives.InBatch(config.temperature))
    made: Mapping[str, Callable[[], Any]] = {
        "classification": lambda: objectives.OneLabel(weights),
        "multilabel": lambda: objectives.SeveralLabels(weights),
        "regression": objectives.Numbers,
        "tokens": lambda: objectives.Tags(weights),
        "qa": objectives.Spans,
        "seq2seq": SpanCorruptionLM,
    }
    return _typed(made[config.task]())


def _typed(objective: Any) -> Objective:
    """Our batches are examples, the protocol's are tokens; the loop hands on what its loader gives."""
    made: Objective = objective
    return made


def label_weights(task: str, labels: Sequence[str], examples: Sequence[Example]) -> Tensor | None:
    """(L,) float32: rows / (labels x rows of the label), so that each label counts the same in all; of many labels
    rows without it / rows with it (None for tasks without labels)."""
    if task == "multilabel":
        held = torch.tensor([one.target for one in examples]).sum(dim=0)
        return (len(examples) - held) / held.clamp(min=1)
    if task not in ("classification", "tokens"):
        return None
    targets = torch.tensor(
        [t for one in examples for t in (one.target if task == "tokens" else [one.target]) if t >= 0]
    )
    held = torch.bincount(targets, minlength=len(labels)).float()
    return torch.where(held > 0, len(targets) / (held.clamp(min=1) * (held > 0).sum()), 0.0)


def _loop_settings(config: TaskConfig, loader: ExampleLoader) -> LoopSettings:
    by_epochs = None if config.epochs is None else max(1, math.ceil(config.epochs * loader.batches_per_epoch))
    steps = min((n for n in (config.steps, by_epochs) if n is not None), default=None)
    return settings_until(Horizon(tokens_per_step=1, steps=steps, seconds=config.budget), config)


def _evaluation(material: TaskMaterial, judge: Judge | None) -> Callable[[Transformer], dict[str, float]]:
    """The loss on the rows kept out, which decides on the best weights, and what the judge says of them."""
    config, device = material.config, material.model.embeddings.tokens.weight.device
    assert config.batch_size is not None
    loader = ExampleLoader(
        material.measured.examples,
        size=config.batch_size,
        seed=0,
        collate=material.loader.collate,
    )
    batches = [loader.next_batch() for _ in range(loader.batches_per_epoch)]

    def evaluate(model: Transformer) -> dict[str, float]:
        losses: list[Any] = [material.objective.loss(model, batch.to(device)) for batch in batches]
        loss = sum(float(one.value) for one in losses) / max(1, sum(one.num_tokens for one in losses))
        glance = judge.glance(model, material.tokenizer, config, material.held_out) if judge else {}
        return {"validation_loss": loss, **glance}

    return evaluate


def _keep(material: TaskMaterial, result: RunResult, judge: Judge | None) -> tuple[Path, Mapping[str, Any]]:
    """Judge the best weights, then save them with what was found."""
    config, parent = material.config, material.parent
    material.model.eval()
    figures: Mapping[str, Any] = {}
    if judge and material.held_out:
        figures = judge.finish(material.model, material.tokenizer, config, material.held_out)
    lineage = record_lineage("task", seed=config.seed, data=material.data, **ancestry(parent))
    folder = save_bundle(
        result.path / "bundle",
        model=material.model,
        tokenizer=material.tokenizer,
        template=parent.template,
        lineage=lineage,
        scores={"training": {**result.report, **material.facts}, "task": dict(figures)},
        resolved=config.model_dump(mode="json"),
        pooling="mean" if config.task == "embedding" else None,
    )
    return folder, figures


def _checksum(path: Path) -> str:
    return sha256_file(path) if path.is_file() else "folder"
