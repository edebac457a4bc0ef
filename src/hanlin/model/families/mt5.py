"""mT5 (Xue 2021): T5 v1.1 in 101 languages, with a class and defaults of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hanlin.model.families import t5
from hanlin.model.families.family import HfConfig


def from_hf(hf: HfConfig) -> dict[str, Any]:
    """Fields of ModelConfig; what a file leaves out takes MT5Config's default. Its states are never scaled."""
    defaults = {"vocab_size": 250112, "d_ff": 1024, "num_layers": 8, "num_heads": 6, "feed_forward_proj": "gated-gelu"}
    return t5.from_hf({**defaults, **hf, "scale_decoder_outputs": False})


TASKS = {kind: replace(task, architecture=f"M{task.architecture}") for kind, task in t5.TASKS.items()}
FAMILY = replace(t5.FAMILY, name="mt5", architecture="MT5ForConditionalGeneration", from_hf=from_hf, tasks=TASKS)
