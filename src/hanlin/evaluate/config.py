"""Settings of an evaluation."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from hanlin.base.config import Config


class EvaluateConfig(Config):
    """What is measured, and on how much."""

    section: ClassVar[str] = "evaluate"

    max_bytes: int = Field(
        default=1 << 20, ge=1000, le=1 << 40, description="Bytes of held-out text per language that are scored."
    )
    tasks: tuple[str, ...] = Field(default=(), description="Task files (JSONL) or folders of them.")
    max_cases: int | None = Field(
        default=200, ge=1, le=10**7, description="Cases of each task, evenly spread; none: all."
    )
    max_answer_tokens: int = Field(default=32, ge=1, le=100_000, description="Longest answer to a case, in tokens.")
    baselines: bool = Field(default=True, description="Compare with xz, a Kneser-Ney 5-gram and the untrained model.")
    max_baseline_bytes: int = Field(
        default=64 << 20, ge=1000, le=1 << 40, description="Bytes of training text the baselines learn from, at most."
    )
    forgetting: bool = Field(default=True, description="Compare a fine-tuned model with its parent on held-out text.")
    prompts: tuple[str, ...] = Field(default=(), description="Beginnings of texts to continue as samples.")
    sample_tokens: int = Field(default=60, ge=1, le=100_000, description="Tokens of each sample.")
    batch_tokens: int = Field(default=8192, ge=16, le=1 << 26, description="Positions the model reads at once.")
    seed: int = Field(default=1, ge=0, le=2**63 - 1, description="Seed of the samples.")
