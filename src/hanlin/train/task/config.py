"""Settings of fine-tuning on a task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from hanlin.base.errors import Problem
from hanlin.base.messages import say
from hanlin.text.config import FormatName
from hanlin.train.config import LoopConfig, OptimizerConfig, ScheduleConfig

TaskName = Literal["classification", "multilabel", "regression", "tokens", "qa", "embedding", "seq2seq"]

_ONLY_OF: Mapping[str, tuple[TaskName, ...]] = {
    "balance": ("classification", "multilabel", "tokens"),
    "head_dropout": ("classification", "multilabel", "regression", "tokens", "qa"),
    "temperature": ("embedding",),
    "max_target_tokens": ("seq2seq",),
}
"""Tasks that go by a setting, where not all do."""


class TaskOptimizerConfig(OptimizerConfig):
    """The same, left to the task where nothing is said."""

    name: Literal["auto", "muon", "adamw", "adam", "sgd"] = Field(  # type: ignore[assignment]
        default="auto", description="muon, adamw, adam or sgd; auto: muon for seq2seq, adamw for all other tasks."
    )
    weight_decay: float = Field(
        default=0.01, ge=0, le=1, description="Decoupled weight decay of the blocks' matrices; all else has none."
    )


class TaskConfig(LoopConfig):
    """Teach a bundle a task: labels of texts or of their parts, numbers, answers in passages, vectors, rewriting."""

    section: ClassVar[str] = "task"

    from_bundle: Path | None = Field(default=None, description="Bundle to fine-tune, of any shape.")
    pickles: bool = Field(default=False, description="Read the tensors of pickled weights where a model has no others.")
    data: tuple[str, ...] = Field(
        default=(), description="Files of labelled texts, pairs, tagged texts or questions: CSV, JSON lines, Parquet."
    )
    task: TaskName | Literal["auto"] = Field(
        default="auto",
        description="What is learned; auto finds it in the rows (numbers are labels, pairs are compared).",
    )
    format: FormatName | Literal["auto"] = Field(
        default="auto", description="Format to read them as; auto finds it in the rows."
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="Columns of other names, as text=review,label=stars: our name = yours."
    )
    labels: tuple[str, ...] = Field(
        default=(), description="Labels in the order of the scores; none: as found, sorted."
    )
    validation: tuple[str, ...] = Field(default=(), description="Files of the same kind to measure on.")
    validation_share: float = Field(
        default=0.1, ge=0, le=0.5, description="Share of the groups kept out to measure on, without validation."
    )
    group: str = Field(
        default="", max_length=200, description="Column whose equal values stay on one side; empty: equal texts do."
    )
    overflow: Literal["error", "windows", "cut"] = Field(
        default="error", description="What becomes of a text longer than the model: refused, read in parts, or cut."
    )
    max_tokens: int | None = Field(
        default=None, ge=8, le=16_777_216, description="Tokens of a row, control tokens included; none: all it reads."
    )
    max_target_tokens: int | None = Field(
        default=None,
        ge=2,
        le=16_777_216,
        description="seq2seq: tokens of what is written, end included; none: all.",
    )
    dropout: float | None = Field(
        default=None, ge=0, lt=1, description="Share of activations zeroed in every layer; none: as the bundle has it."
    )
    pooling: Literal["published", "mean"] = Field(
        default="published",
        description="What labels of a text are told by: the state that transformers' class takes, or the mean of all.",
    )
    balance: bool = Field(default=False, description="Weigh labels by the inverse of how often they occur.")
    head_dropout: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="Share of what the new head reads that is zeroed in training; none: as the bundle's layers.",
    )
    temperature: float = Field(
        default=0.05, gt=0, le=10, description="embedding: cosines are divided by this before they are compared."
    )
    calibrate: bool = Field(
        default=True, description="Fit a temperature on the rows kept out, so that probabilities mean what they say."
    )
    evaluation: tuple[str, ...] = Field(
        default=(), description="Evaluation sets (files or folders) whose rows must not be among the texts."
    )
    leaked: Literal["refuse", "drop", "allow"] = Field(
        default="refuse", description="What happens where texts hold rows of them: refuse, drop those or allow."
    )
    optimizer: TaskOptimizerConfig = Field(
        default=TaskOptimizerConfig(), description="Which rule turns gradients into steps."
    )
    schedule: ScheduleConfig = Field(
        default=ScheduleConfig(kind="linear", warmup=0.1), description="How the learning rate moves."
    )

    def problems(self) -> Iterator[Problem]:
        """Nothing can have leaked where no evaluation set is named; not every setting is one of every task."""
        yield from super().problems()
        for name, tasks in _ONLY_OF.items():
            value = getattr(self, name)
            if self.task not in ("auto", *tasks) and value != type(self).model_fields[name].default:
                yield Problem(name, value, say("train.rule_idle_task", task=self.task), say("train.remedy_idle_task"))
        if self.leaked != "refuse" and not self.evaluation and self.resume is None:
            yield Problem("leaked", self.leaked, say("train.rule_leaked"), say("train.remedy_leaked"))
