"""The table of stages that recipes are run by: what each needs, reads, makes and costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hanlin.base.config import Resolved
from hanlin.base.files import sha256_bytes
from hanlin.base.log import list_runs
from hanlin.base.messages import say
from hanlin.base.progress import value_text
from hanlin.bundle.bundle import read_info
from hanlin.evaluate.config import EvaluateConfig
from hanlin.life.baselines import compute_baselines
from hanlin.life.config import EvaluateJob
from hanlin.life.evaluate import evaluate, main_score
from hanlin.life.finetune import finetune
from hanlin.life.prepare import TEXT_STAGES, fields_of, tokens_of
from hanlin.life.pretrain import main_result, memory_needed, pretrain
from hanlin.life.report import Report
from hanlin.model.config import parse_size
from hanlin.recipe.graph import Estimate, Job, Outcome, Stage
from hanlin.text.config import TokenizerConfig
from hanlin.train import estimate as training
from hanlin.train.config import FinetuneConfig, PretrainConfig, TrainingConfig
from hanlin.train.sketch import sketch

TYPICAL_PARAMETERS = 8_000_000


def run_pretrain(job: Job) -> Outcome:
    """Shards to a model that continues texts."""
    config: PretrainConfig = job.configs["pretrain"].value
    shards = job.needs["shards"].path
    validation = shards / "validation"
    return _trained(
        job,
        pretrain,
        config.replaced(
            data=config.data or (shards / "train",),
            validation=config.validation or ((validation,) if validation.is_dir() else ()),
            tokenizer=job.needs["tokenizer"].path,
        ),
    )


def run_finetune(job: Job) -> Outcome:
    """Conversations to a model that answers; part of each step is text it knows already, so that it keeps it."""
    config: FinetuneConfig = job.configs["finetune"].value
    bundle, known = job.needs["pretrain"].path / "bundle", job.needs["shards"].path / "train"
    return _trained(job, finetune, config.replaced(from_bundle=bundle, replay=config.replay or (known,)))


def _trained(job: Job, train: Any, config: TrainingConfig) -> Outcome:
    """Run a training under the stage's own folder, going on with the run that an earlier attempt left there."""
    job.claim(job.out)
    cut = list_runs(job.out)
    settings = type(config)(resume=cut[-1].folder) if cut else config.replaced(runs=job.out, name=job.recipe.name)
    report: Report = train(settings, progress=job.progress)
    assert report.path is not None
    fingerprint = read_info(report.path / "bundle").fingerprint
    return Outcome(report.path, fingerprint, main_result(report.report), report.report)


def run_baselines(job: Job) -> Outcome:
    """What a compressor and an n-gram make of the same text."""
    config: EvaluateConfig = job.configs["evaluate"].value
    if not config.baselines:
        return Outcome(job.home, "none", baselines_result({}))
    figures = compute_baselines(
        job.needs["corpus"].path, job.needs["tokenizer"].path, config, out=job.out, progress=job.progress
    )
    return Outcome(job.out, sha256_bytes(repr(figures).encode()), baselines_result(figures), figures)


def baselines_result(figures: Mapping[str, Any]) -> str:
    """Baselines in one phrase, for the table of a recipe."""
    best = ", ".join(f"{lang} {row['kneser_ney']:.3f}" for lang, row in figures.items())
    return say("life.baselines_result", figures=best) if best else say("life.baselines_off")


def run_evaluate(job: Job) -> Outcome:
    """The finished model, measured."""
    config: EvaluateConfig = job.configs["evaluate"].value
    last = job.needs.get("finetune", job.needs["pretrain"])
    made = EvaluateJob(
        **fields_of(config),
        model=str(last.path / "bundle"),
        data=(str(job.needs["corpus"].path),),
        known_baselines=job.needs["baselines"].path / "baselines.json" if config.baselines else None,
        parent=str(job.needs["pretrain"].path / "bundle") if "finetune" in job.needs else "",
        out=job.out,
    )
    report = evaluate(made, progress=job.progress)
    return Outcome(job.out, sha256_bytes(repr(report.report).encode()), main_score(report.report), report.report)


# ---------------------------------------------------------------- what a stage reads and costs


def _conversation_paths(configs: Mapping[str, Resolved[Any]]) -> Sequence[str]:
    config: FinetuneConfig = configs["finetune"].value
    return (*config.data, *config.validation)


def _task_paths(configs: Mapping[str, Resolved[Any]]) -> Sequence[str]:
    tasks: tuple[str, ...] = configs["evaluate"].value.tasks
    return tasks


def estimate_pretrain(job: Job) -> Estimate:
    """As `hanlin pretrain --dry-run` says it of as much text as the sources hold."""
    config: PretrainConfig = job.configs["pretrain"].value
    planned = _planned(job)
    if planned is None:
        return _by_parameters(config, parse_size(config.size) if config.size != "auto" else TYPICAL_PARAMETERS)
    parameters, made = planned
    ends = [seconds for seconds in (config.budget, made.seconds) if seconds is not None]
    return Estimate(min(ends, default=None), made.memory.total, made.disk, value_text(parameters))


def estimate_finetune(job: Job) -> Estimate:
    """Of the model that was planned before it: the conversations are not counted."""
    config: FinetuneConfig = job.configs["finetune"].value
    planned = _planned(job) if "pretrain" in job.configs else None
    return _by_parameters(config, planned[0] if planned else TYPICAL_PARAMETERS)


def _planned(job: Job) -> tuple[int, training.Estimate] | None:
    """The parameters and needs of pre-training on the recipe's own text; None where it names none."""
    if not {"corpus", "tokenizer"} <= job.configs.keys():
        return None
    config: PretrainConfig = job.configs["pretrain"].value
    vocabulary: TokenizerConfig = job.configs["tokenizer"].value
    plan, _, made = sketch(config, vocab_size=vocabulary.vocab_size, num_positions=tokens_of(job))
    return next(int(str(row.value)) for row in plan.rows if row.name == "parameters"), made


def _by_parameters(config: TrainingConfig, parameters: int) -> Estimate:
    """By the budget, and a model of so many."""
    checkpoints = 12 * parameters * (config.keep_checkpoints + 1)
    return Estimate(config.budget, memory_needed(parameters), checkpoints, value_text(parameters))


STAGES: tuple[Stage, ...] = (
    *TEXT_STAGES,
    Stage(
        "pretrain",
        {"pretrain": PretrainConfig},
        run_pretrain,
        needs=("tokenizer", "shards"),
        estimate=estimate_pretrain,
        describe=main_result,
    ),
    Stage(
        "finetune",
        {"finetune": FinetuneConfig},
        run_finetune,
        needs=("pretrain", "shards"),
        optional=True,
        version=2,
        reads=_conversation_paths,
        estimate=estimate_finetune,
        describe=main_result,
    ),
    Stage(
        "baselines",
        {"evaluate": EvaluateConfig},
        run_baselines,
        needs=("corpus", "tokenizer"),
        version=2,
        describe=baselines_result,
    ),
    Stage(
        "evaluate",
        {"evaluate": EvaluateConfig},
        run_evaluate,
        needs=("corpus", "baselines", "pretrain", "finetune"),
        reads=_task_paths,
        describe=main_score,
    ),
)
"""A whole life, in order. `[model]` of a recipe is folded into `[pretrain]` before these are looked at."""
