"""Heads of tasks in config.json: `id2label`, `label2id`, `problem_type`, `classifier_dropout`, as transformers' classes
write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanlin.model.config import ModelConfig

_PROBLEMS = {
    "one": "single_label_classification",
    "several": "multi_label_classification",
    "value": "regression",
}
_OURS = {theirs: ours for ours, theirs in _PROBLEMS.items()}


def task_settings(config: ModelConfig) -> dict[str, Any]:
    """Labels and problem; nothing for spans, whose class knows what it has."""
    task = config.head.task
    if task.kind == "spans":
        return {**_start(config), **_dropout(config)}
    names = {str(number): label for number, label in enumerate(task.labels)}
    numbers = {label: number for number, label in enumerate(task.labels)}
    problem = {"problem_type": _PROBLEMS[task.problem]} if task.kind == "sequence" else {}
    return {"id2label": names, "label2id": numbers, **problem, **_start(config), **_dropout(config)}


def _dropout(config: ModelConfig) -> dict[str, Any]:
    """Said only where it differs from the model's: not every class of transformers has a word for it."""
    dropout = config.head.task.dropout
    return {} if dropout < 0 else {"classifier_dropout": dropout}


def _start(config: ModelConfig) -> dict[str, Any]:
    return {"decoder_start_token_id": config.head.task.start} if config.arch == "encoder_decoder" else {}


def task_fields(kind: str, hf: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of TaskHeadConfig. A file that names no labels has two, as transformers would call them."""
    said_too = {"start": hf["decoder_start_token_id"]} if hf.get("decoder_start_token_id") else {}
    if hf.get("classifier_dropout") is not None:
        said_too["dropout"] = hf["classifier_dropout"]
    if kind == "spans":
        return {"kind": kind, **said_too}
    said = hf.get("id2label") or {str(number): f"LABEL_{number}" for number in range(hf.get("num_labels") or 2)}
    labels = [str(said[name]) for name in sorted(said, key=int)]
    default = "regression" if len(labels) == 1 else "single_label_classification"
    problem = {"problem": _OURS[hf.get("problem_type") or default]} if kind == "sequence" else {}
    return {"kind": kind, "labels": labels, **problem, **said_too}
