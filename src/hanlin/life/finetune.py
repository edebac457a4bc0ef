"""`hanlin finetune`: teach a model to converse."""

from __future__ import annotations

from typing import Any

from hanlin.base.progress import Progress
from hanlin.bundle.bundle import read_info
from hanlin.life.hooks import answering_hooks
from hanlin.life.open import find_model
from hanlin.life.pretrain import plan_as_report, training_report
from hanlin.life.report import Report
from hanlin.life.settings import Given, settled
from hanlin.text.chat import Template
from hanlin.text.tokenizer import Tokenizer
from hanlin.train import finetune as training
from hanlin.train.config import FinetuneConfig
from hanlin.train.forecast import forecast
from hanlin.train.loop import Hooks
from hanlin.train.session import stored_config


def finetune(
    config: Given[FinetuneConfig] = None,
    *,
    progress: Progress | None = None,
    dry_run: bool = False,
    **settings: Any,
) -> Report:
    """Fine-tune a bundle (or the bundle of a run, or of a name) on conversations; the report's path is the run.

    Raises ConfigError, InputError, BundleError, MachineError, TrainingStopped; Interrupted after a checkpoint.
    """
    job, progress = settled(FinetuneConfig, config, settings, first="from_bundle").value, progress or Progress("none")
    if job.from_bundle is not None:
        job = job.replaced(from_bundle=find_model(job.from_bundle, pickles=job.pickles))
    if dry_run and job.from_bundle is not None:
        plan, settled_job, material = training.prepare(job, progress)
        return plan_as_report("finetune", plan, forecast(settled_job, material), budget=settled_job.budget)
    result = training.finetune(job, hooks=_hooks(job), progress=progress)
    return training_report("finetune", result, next_steps=(f"hanlin chat {result.path}", f"hanlin eval {result.path}"))


def _hooks(job: FinetuneConfig) -> Hooks:
    """Answers as training goes on; none where the settings are wrong, which `train` then says."""
    settled = stored_config(job)
    folder = settled.from_bundle
    if folder is None:
        return Hooks()
    read_info(folder, pickles=settled.pickles)
    tokenizer = Tokenizer.load(folder)
    return answering_hooks(tokenizer, Template.default(tokenizer.special))
