"""A pre-trained model with the head of a task in place of the one it had."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from hanlin.model.config import ModelConfig
from hanlin.model.families.family import TaskClass
from hanlin.model.families.registry import choose_family
from hanlin.model.init import initialise_task
from hanlin.model.parts_config import TaskHeadConfig
from hanlin.model.transformer import Transformer, assemble


def with_task(parent: Transformer, task: TaskHeadConfig, *, seed: int) -> Transformer:
    """A model that does `task`: the weights of `parent`, a fresh head drawn from `seed`.

    Its config names the family whose class holds such a head, else our own layout ("hanlin").
    """
    found = _class_for(parent.config, task)
    model = assemble(task_config(parent.config, task), compute_dtype=parent.compute_dtype)
    initialise_task(model, seed=seed)
    known = dict(parent.named_parameters())
    if found is not None and found.encoder:
        known |= {name.replace("encoder.", "stack.", 1): p for name, p in known.items() if name.startswith("encoder.")}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in known:
                parameter.copy_(known[name])
    return model.to(parent.embeddings.tokens.weight.device)


def task_config(config: ModelConfig, task: TaskHeadConfig) -> ModelConfig:
    """The shape of `config` with the head of a task. A head without scores of tokens counts as tied."""
    family = choose_family(config)
    found = _class_for(config, task)
    pooler = found.pooler if found else config.head.pooler and task.kind == "sequence" and task.pooling != "mean"
    head = config.head.replaced(kind="none", next_sentence=False, pooler=pooler, task=task)
    shape: dict[str, Any] = {"family": family.name if found else "hanlin", **_encoder_of(config, found)}
    return config.replaced(head=head, embeddings=config.embeddings.replaced(tied=True), **shape)


def _class_for(config: ModelConfig, task: TaskHeadConfig) -> TaskClass | None:
    """The class of transformers that does a task as it is asked for."""
    return None if task.pooling == "mean" else choose_family(config).tasks.get(task.kind)


def _encoder_of(config: ModelConfig, found: TaskClass | None) -> dict[str, Any]:
    if found is None or not found.encoder:
        return {}
    return {"arch": "encoder", "num_layers": config.num_encoder_layers, "num_encoder_layers": 0}


def with_dropout(model: Transformer, share: float | None) -> Transformer:
    """The model, its dropout set in place in all layers but the head of the task, which has its own; None: as it is."""
    if share is not None:
        for name, part in model.named_modules():
            if isinstance(part, nn.Dropout) and not name.startswith("task."):
                part.p = share
    return model
