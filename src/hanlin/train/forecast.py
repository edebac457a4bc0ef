"""The estimate of a run whose settings and data are known, its speed measured on its own first batch."""

from __future__ import annotations

import torch

from hanlin.model import kernels
from hanlin.model.config import ModelConfig
from hanlin.model.counts import Passage
from hanlin.model.transformer import Transformer
from hanlin.train.config import LoopConfig, TrainingConfig
from hanlin.train.estimate import Estimate, training_memory, update_operations
from hanlin.train.passages import passage, task_passage, written_passage
from hanlin.train.probe import fastest_step
from hanlin.train.session import Material, loader_of, loop_settings, stream_positions
from hanlin.train.task.stage import TaskMaterial

MOST_PROBED = 2e12
"""Operations of a micro-batch that is tried: three of them take under a minute where a core does 1e11 a second."""


def forecast(config: TrainingConfig, material: Material, *, probe: bool = True) -> Estimate:
    """What a run of pre-training or fine-tuning will take. `config` is settled; `probe` tries three micro-batches."""
    assert config.seq_len and config.batch_size and config.tokens_per_step
    row = passage(material.model.config, material.form, config.seq_len)
    loader = loader_of(config, material)
    horizon = loop_settings(config, num_positions=stream_positions(config, loader)).horizon
    operations = update_operations(material.model.config, row, rows=config.batch_size).total
    speed = 0.0
    if probe and operations <= MOST_PROBED and (batch := loader.next_batch()) is not None:
        model = material.model.train()
        with torch.random.fork_rng():
            speed = operations / fastest_step(model, material.objective, batch.to(_device(material.model)), seconds=0.5)
    rows = config.tokens_per_step // config.seq_len
    return _of_model(config, material.model, row, rows=rows, updates=horizon.updates, speed=speed)


def forecast_task(material: TaskMaterial) -> Estimate:
    """The same of a task, whose rows are as long as the longest example; its speed is not tried."""
    config, examples = material.config, material.loader.examples
    assert config.batch_size
    longest = max(len(one.ids) for one in examples)
    if config.task == "seq2seq":
        row = written_passage(longest, max(len(one.target) for one in examples))
    else:
        row = task_passage(material.model.config, longest)
    updates = float(config.steps) if config.steps else None
    if config.epochs:
        passes = config.epochs * len(examples) / config.batch_size
        updates = passes if updates is None else min(updates, passes)
    return _of_model(config, material.model, row, rows=config.batch_size, updates=updates, speed=0.0)


def _of_model(
    config: LoopConfig, model: Transformer, row: Passage, *, rows: int, updates: float | None, speed: float
) -> Estimate:
    dtype, device = model.compute_dtype, _device(model)
    return estimated(config, model.config, row, rows=rows, dtype=dtype, device=device, updates=updates, speed=speed)


def estimated(
    config: LoopConfig,
    shape: ModelConfig,
    row: Passage,
    *,
    rows: int,
    dtype: torch.dtype,
    device: torch.device,
    updates: float | None,
    speed: float,
) -> Estimate:
    """What updates of so many rows take; `config` is settled, `speed` in operations per second, 0 where not known."""
    assert config.batch_size
    fused = device.type != "cpu" or kernels.library() is not None
    memory = training_memory(
        shape, row, rows=config.batch_size, optimizer=config.optimizer, item=dtype.itemsize, fused=fused
    )
    saved = memory.state - 4 * shape.num_parameters()  # all but the gradients
    disk = (config.keep_checkpoints + 1) * saved
    return Estimate(
        update_operations(shape, row, rows=rows), row, memory, disk, updates=updates, flops_per_second=speed
    )


def _device(model: Transformer) -> torch.device:
    return next(model.parameters()).device
