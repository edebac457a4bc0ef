"""XLM-RoBERTa (Conneau 2019): RoBERTa's layout under another name; most multilingual embedding models are of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hanlin.model.config import ModelConfig
from hanlin.model.families import roberta


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """Settings of XLMRobertaConfig."""
    settings = roberta.to_hf(config)
    return {**settings, "architectures": [name.replace("Roberta", "XLMRoberta") for name in settings["architectures"]]}


TASKS = {kind: replace(task, architecture=f"XLM{task.architecture}") for kind, task in roberta.TASKS.items()}
FAMILY = replace(roberta.FAMILY, name="xlm-roberta", architecture="XLMRobertaForMaskedLM", to_hf=to_hf, tasks=TASKS)
