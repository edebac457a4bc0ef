"""What pre-training and fine-tuning share around the loop: the run's folder, its parts, the bundle at its end."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from hanlin.base.config import resolve, to_toml
from hanlin.base.device import compute_dtype, describe_machine, keep_freed_memory, pick_device, set_threads
from hanlin.base.errors import ConfigError, Problem
from hanlin.base.log import Run
from hanlin.base.messages import say
from hanlin.base.origin import describe_origin
from hanlin.base.progress import Progress
from hanlin.base.seeds import Seeds
from hanlin.bundle.bundle import Bundle, save_bundle
from hanlin.bundle.lineage import Lineage, record_lineage
from hanlin.data.forms.parts import Form
from hanlin.data.loader import Loader
from hanlin.data.sources import Source
from hanlin.model.transformer import Transformer
from hanlin.text.chat import Template
from hanlin.text.tokenizer import Tokenizer
from hanlin.train.config import LoopConfig, TrainingConfig
from hanlin.train.loop import Hooks, RunResult, train
from hanlin.train.mixing import Mix, realised, realised_lines
from hanlin.train.objectives import TokenPrediction
from hanlin.train.optimizers import build_optimizer
from hanlin.train.plan import Plan
from hanlin.train.plot import plot_bits_per_byte, plot_losses
from hanlin.train.schedules import build_schedule
from hanlin.train.state import Horizon, LoopSettings
from hanlin.train.validation import measured_positions, validation_loss

C = TypeVar("C", bound=LoopConfig)

MAY_CHANGE = ("resume", "runs", "epochs", "steps", "tokens", "budget", "save_steps", "save_minutes", "keep_checkpoints")
"""Settings that a resumed run may be given anew: how long it goes on and what it saves, not what it computes."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """All that a run trains with. `data` and `parents` name what it came from by SHA-256.

    form: how the sources' documents become rows, None for causal ones. accuracy: what the share of targets that are
    told right is called in the log; "" where it is not measured.
    """

    model: Transformer
    tokenizer: Tokenizer
    template: Template
    objective: TokenPrediction
    mix: Mix
    validation: Sequence[Source]
    data: Mapping[str, str]
    parents: Mapping[str, str]
    earlier: Sequence[Lineage] = ()
    form: Form | None = None
    accuracy: str = ""
    facts: Mapping[str, float | int | str] = dataclasses.field(default_factory=dict)


def ancestry(parent: Bundle | None) -> dict[str, Any]:
    """The part of Material that says which bundle a run goes on from."""
    if parent is None:
        return {"parents": {}}
    earlier = () if parent.lineage is None else (*parent.lineage.earlier, parent.lineage)
    return {"parents": {parent.path.name: parent.info.fingerprint}, "earlier": earlier}


def stored_config(config: C) -> C:
    """The config a resumed run began with, with a new end where one is given.

    Raises ConfigError for any other setting that differs from both the stored one and the default, InputError where
    the folder is no run.
    """
    if config.resume is None:
        return config
    stored = resolve(type(config), file=config.resume / "config.toml").value
    fresh = type(config)()
    given = {name for name in type(config).model_fields if getattr(config, name) != getattr(fresh, name)}
    changed = {name for name in given if getattr(config, name) != getattr(stored, name)}
    if problems := [_fixed(name, config, stored) for name in sorted(changed - set(MAY_CHANGE))]:
        raise ConfigError(problems=problems)
    return stored.replaced(**{name: getattr(config, name) for name in changed | {"resume"}})


def _fixed(name: str, config: LoopConfig, stored: LoopConfig) -> Problem:
    rule = say("train.rule_resume", stored=getattr(stored, name))
    return Problem(name, getattr(config, name), rule, say("train.remedy_resume"))


def machine(config: LoopConfig) -> tuple[torch.device, torch.dtype]:
    """Set the threads and how memory is kept; return device and compute dtype. Raises MachineError."""
    set_threads(config.threads)
    keep_freed_memory()
    device = pick_device(config.device)
    return device, compute_dtype(device, config.compute_dtype)


def open_run(command: str, config: TrainingConfig, plan: Plan, material: Material, progress: Progress) -> Run:
    """The run's folder, new or the one to go on with, its plan told to whoever watches."""
    name = next(iter(material.data), command)
    return begin_run(command, config, plan, progress, name, material.data, material.parents)


def begin_run(
    command: str,
    config: LoopConfig,
    plan: Plan,
    progress: Progress,
    name: str,
    data: Mapping[str, str],
    parents: Mapping[str, str],
) -> Run:
    """The same for a run on other material. `name` counts where the settings give none."""
    for line in plan.lines():
        progress.note(line)
    if config.resume is not None:
        run = Run.open(config.resume)
    else:
        origin = describe_origin(seed=config.seed, data=data, parents=parents)
        text = to_toml(config, origins=plan.origins())
        run = Run.create(config.runs, command, config.name or name, text, {**origin, "machine": describe_machine()})
    run.log("\n".join(plan.lines()))
    return run


def run_training(
    config: TrainingConfig, material: Material, *, run: Run, hooks: Hooks, progress: Progress
) -> RunResult:
    """Put the parts together, train, draw the curve. `config` is settled."""
    model, loader = material.model, loader_of(config, material)
    _compile(model, config)
    torch.manual_seed(Seeds(config.seed).derive("dropout"))
    result = train(
        model,
        optimizer=build_optimizer(model, config.optimizer),
        schedule=build_schedule(config.schedule),
        objective=material.objective,
        loader=loader,
        config=loop_settings(config, num_positions=stream_positions(config, loader)),
        run=run,
        hooks=_with_validation(hooks, material, config),
        progress=progress,
    )
    plot_losses(run.folder)
    plot_bits_per_byte(run.folder)
    facts: dict[str, Any] = {"fill": round(loader.packed.fill, 4), "truncated_tokens": loader.num_truncated}
    facts.update(material.facts)
    progress.note(say("train.packed", fill=loader.packed.fill, truncated=loader.num_truncated))
    if mixture := realised(loader, material.mix.planned):
        facts["mixture"] = mixture
        for line in realised_lines(mixture):
            progress.note(line)
            run.log(line)
    return dataclasses.replace(result, report={**result.report, **facts})


def loader_of(config: TrainingConfig, material: Material) -> Loader:
    """The stream of batches that a run reads. `config` is settled."""
    assert config.batch_size and config.seq_len
    return Loader(
        material.mix.sources,
        rows=config.batch_size,
        seq_len=config.seq_len,
        seed=Seeds(config.seed).derive("data"),
        pad=material.tokenizer.special.pad,
        phases=material.mix.phases,
        ends_with_limited=material.mix.ends_with_limited,
        form=material.form,
    )


def loop_settings(config: TrainingConfig, *, num_positions: int | None) -> LoopSettings:
    """What the loop is told. `num_positions`: of the whole stream, None where it has no end of its own."""
    assert config.batch_size and config.seq_len and config.tokens_per_step and config.learning_rate
    tokens = min((n for n in (config.tokens, num_positions) if n is not None), default=None)
    horizon = Horizon(tokens_per_step=config.tokens_per_step, steps=config.steps, tokens=tokens, seconds=config.budget)
    told = settings_until(horizon, config, micro_batches=config.tokens_per_step // (config.batch_size * config.seq_len))
    return dataclasses.replace(told, sample_steps=config.sample_steps)


def settings_until(horizon: Horizon, config: LoopConfig, *, micro_batches: int = 1) -> LoopSettings:
    """What every loop is told, whatever it trains on. `config` is settled."""
    assert config.learning_rate is not None
    return LoopSettings(
        horizon=horizon,
        learning_rate=config.learning_rate,
        micro_batches=micro_batches,
        clip_norm=config.clip_norm,
        save_steps=config.save_steps,
        save_minutes=config.save_minutes,
        keep_checkpoints=config.keep_checkpoints,
        eval_steps=config.eval_steps,
        early_stop=config.early_stop,
    )


def stream_positions(config: TrainingConfig, loader: Loader) -> int | None:
    """Positions until the data end. A mixture whose sources may go on without each other ends, where epochs are given,
    after as many as they hold that many times."""
    mixture = loader.mixture
    positions = mixture.num_positions()
    if config.epochs is None or (positions is not None and mixture.ends_with_limited):
        return positions
    passes = round(config.epochs * sum(int(source.lengths.sum()) for source in mixture.sources))
    return passes if positions is None else min(positions, passes)


def keep_bundle(stage: str, config: TrainingConfig, material: Material, result: RunResult) -> Path:
    """Save model, tokenizer, template and lineage as the run's bundle."""
    lineage = record_lineage(
        stage, seed=config.seed, data=material.data, parents=material.parents, earlier=material.earlier
    )
    return save_bundle(
        result.path / "bundle",
        model=material.model,
        tokenizer=material.tokenizer,
        template=material.template,
        lineage=lineage,
        scores={"training": dict(result.report)},
        resolved=config.model_dump(mode="json"),
    )


def _compile(model: Transformer, config: TrainingConfig) -> None:
    """Compile the blocks in place; shapes are fixed, so that a resumed run gets the same code."""
    on_cuda = next(model.parameters()).device.type == "cuda"
    if config.compile == "true" or (config.compile == "auto" and on_cuda):
        model.stack.compile(dynamic=False)


def _with_validation(hooks: Hooks, material: Material, config: TrainingConfig) -> Hooks:
    """The caller's evaluation behind our own validation loss, where there are data for one."""
    if not material.validation:
        return hooks
    assert config.batch_size and config.seq_len
    available = sum(int(part.source.lengths.sum()) for part in material.mix.sources)
    measure = validation_loss(
        material.objective,
        material.validation,
        rows=config.batch_size,
        seq_len=config.seq_len,
        most=measured_positions(available),
        form=material.form,
        accuracy=material.accuracy,
    )

    def evaluate(model: Transformer) -> dict[str, float]:
        return {**measure(model), **(hooks.evaluate(model) if hooks.evaluate else {})}

    return dataclasses.replace(hooks, evaluate=evaluate)
