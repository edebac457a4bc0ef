"""Settings of training. A setting that is none is derived from size, budget and data; the plan says how and prints it.

`docs/training-arguments.md` lists them beside the names of transformers' TrainingArguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from hanlin.base.config import Config
from hanlin.base.errors import Problem
from hanlin.base.messages import say
from hanlin.data.config import CorruptionConfig, MixConfig
from hanlin.text.config import FormatName

Setting = int | float | bool | str
Table = dict[str, Setting | tuple[str, ...] | dict[str, Setting | tuple[str, ...]]]
"""Settings of a part of a model, and of a part of that."""


class OptimizerConfig(Config):
    """Which rule turns gradients into steps."""

    name: Literal["muon", "adamw", "adam", "sgd"] = Field(
        default="muon", description="muon (matrices of the blocks; AdamW for the rest), adamw, adam or sgd."
    )
    embedding_rate: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="Rate of embeddings and head as a multiple of learning_rate; none: 7 with muon, else 1.",
    )
    weight_decay: float = Field(
        default=0.1, ge=0, le=1, description="Decoupled weight decay of the blocks' matrices; all else has none."
    )
    beta1: float = Field(default=0.9, ge=0, lt=1, description="Memory of the gradient's mean in adam and adamw.")
    beta2: float = Field(default=0.95, ge=0, lt=1, description="Memory of its square in adam and adamw.")
    eps: float = Field(default=1e-8, gt=0, le=1e-2, description="Added to the root of the square in adam and adamw.")
    momentum: float = Field(default=0.95, ge=0, lt=1, description="Memory of the gradient in muon and sgd.")


class ScheduleConfig(Config):
    """How the learning rate moves over the run."""

    kind: Literal["wsd", "cosine", "linear", "constant"] = Field(
        default="wsd", description="wsd (warm-up, stable, decay), cosine, linear or constant, each after a warm-up."
    )
    warmup: float = Field(default=0.02, ge=0, lt=1, description="Share of the run during which the rate rises.")
    decay: float = Field(default=0.8, ge=0, le=1, description="Share of the run, its last, in which wsd decays.")
    final: float = Field(default=0.0, ge=0, le=1, description="Rate at the end, as a share of the peak.")

    def problems(self) -> Iterator[Problem]:
        """Warm-up and decay must fit into one run."""
        if self.kind == "wsd" and self.warmup + self.decay > 1:
            remedy = say("train.remedy_warmup", most=round(1 - self.decay, 6))
            yield Problem("warmup", self.warmup, say("train.rule_warmup", decay=self.decay), remedy)


def read_duration(value: Any) -> Any:
    """Seconds of "90", "90s", "10min", "2h", "1h30m"; anything else is left for the validation to name."""
    if not isinstance(value, str):
        return value
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*(h|min|m|s|)", value.strip().lower())
    if not parts or re.sub(r"(\d+(?:\.\d+)?)\s*(h|min|m|s|)|\s+", "", value.strip().lower()):
        return value
    units = {"h": 3600.0, "min": 60.0, "m": 60.0, "s": 1.0, "": 1.0}
    return sum(float(number) * units[unit] for number, unit in parts)


Duration = Annotated[float, BeforeValidator(read_duration)]
DURATIONS = ["90", "10min", "1h30m"]


class LoopConfig(Config):
    """The settings of the loop that mean the same whatever is trained."""

    runs: Path = Field(default=Path("runs"), description="Folder in which the run gets its own.")
    name: str = Field(default="", max_length=80, description="Name of the run; if empty, that of its data.")
    resume: Path | None = Field(default=None, description="Run folder to go on with, exactly where it stopped.")
    seed: int = Field(default=1, ge=0, le=2**63 - 1, description="One seed for first weights, order and dropout.")
    epochs: float | None = Field(default=None, gt=0, le=1e6, description="Passes over the data.")
    steps: int | None = Field(default=None, ge=1, le=10**12, description="Updates of the weights.")
    budget: Duration | None = Field(
        default=None,
        gt=0,
        le=10**8,
        examples=DURATIONS,
        description="Time to train, in seconds or as 10min; the schedule ends with it.",
    )
    batch_size: int | None = Field(default=None, ge=1, le=1_000_000, description="Rows of a forward pass.")
    learning_rate: float | None = Field(
        default=None, gt=0, le=10, description="Peak learning rate, on AdamW's scale for muon too."
    )
    optimizer: OptimizerConfig = Field(default=OptimizerConfig(), description="Which rule turns gradients into steps.")
    schedule: ScheduleConfig = Field(default=ScheduleConfig(), description="How the learning rate moves.")
    clip_norm: float | None = Field(
        default=1.0, gt=0, le=1e6, description="Longest gradient, in L2 norm; a longer one is shortened."
    )
    save_steps: int | None = Field(default=None, ge=1, le=10**9, description="Steps between checkpoints.")
    save_minutes: float = Field(default=5.0, gt=0, le=1e5, description="Minutes between checkpoints at most.")
    keep_checkpoints: int = Field(default=2, ge=1, le=1000, description="Last checkpoints to keep, the best apart.")
    eval_steps: int | None = Field(
        default=None, ge=1, le=10**9, description="Steps between evaluations; none: ten in the run."
    )
    early_stop: int | None = Field(
        default=None, ge=1, le=1000, description="End after so many evaluations without a better validation loss."
    )
    device: str = Field(default="auto", min_length=1, max_length=40, description="auto, cpu, cuda, cuda:1 or mps.")
    threads: int | None = Field(default=None, ge=1, le=4096, description="Threads of the processor; none: all cores.")
    compute_dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="Type of matrix products; weights are float32. auto: bfloat16 where it is native."
    )


class TrainingConfig(LoopConfig):
    """What pre-training and fine-tuning on running text have in common."""

    tokens: int | None = Field(default=None, ge=1, le=10**15, description="Tokens to train on.")
    seq_len: int | None = Field(default=None, ge=2, le=16_777_216, description="Positions of a row.")
    tokens_per_step: int | None = Field(
        default=None, ge=2, le=10**10, description="Positions of an update: a multiple of batch_size x seq_len."
    )
    sample_steps: int | None = Field(
        default=None, ge=1, le=10**9, description="Steps between sample texts; none: with every evaluation."
    )
    compile: Literal["auto", "true", "false"] = Field(
        default="auto", description="Compile the model; auto: on CUDA, where it pays."
    )

    def problems(self) -> Iterator[Problem]:
        """Steps are whole micro-batches."""
        if self.batch_size and self.seq_len and self.tokens_per_step:
            unit = self.batch_size * self.seq_len
            if self.tokens_per_step % unit:
                near = max(unit, round(self.tokens_per_step / unit) * unit)
                rule = say("train.rule_tokens_per_step", batch_size=self.batch_size, seq_len=self.seq_len, unit=unit)
                yield Problem(
                    "tokens_per_step", self.tokens_per_step, rule, say("train.remedy_tokens_per_step", near=near)
                )


Objective = Literal[
    "causal",
    "masked",
    "masked_next_sentence",
    "permutation",
    "span_corruption",
    "blank_infilling",
    "fill_in_the_middle",
]
CORRUPTIONS: dict[Objective, tuple[str, ...]] = {
    "causal": (),
    "masked": ("share", "whole_words"),
    "masked_next_sentence": ("share", "whole_words"),
    "permutation": ("one_in",),
    "span_corruption": ("share", "mean_span"),
    "blank_infilling": ("share", "mean_span", "sentences", "documents"),
    "fill_in_the_middle": ("rate", "suffix_first", "level"),
}
"""Fields of CorruptionConfig that an objective goes by."""


class PretrainConfig(TrainingConfig):
    """Train a model from scratch, or on from a bundle, on token shards."""

    section: ClassVar[str] = "pretrain"

    data: dict[str, float] | tuple[Path, ...] = Field(
        default=(), description="Folders of token shards; as a table, each with its share of the tokens."
    )
    objective: Objective = Field(
        default="causal",
        description="What is learned: causal, masked, masked_next_sentence, permutation, span_corruption, "
        "blank_infilling or fill_in_the_middle; see docs/objectives.md.",
    )
    corruption: CorruptionConfig = Field(
        default=CorruptionConfig(), description="What the objective hides or turns around."
    )
    mix: MixConfig = Field(default=MixConfig(), description="Shares of the sources, and the order of their documents.")
    validation: tuple[Path, ...] = Field(default=(), description="Folders of token shards to measure on.")
    tokenizer: Path | None = Field(default=None, description="Tokenizer folder; none: the bundle's.")
    from_bundle: Path | None = Field(default=None, description="Bundle to go on from, instead of fresh weights.")
    pickles: bool = Field(default=False, description="Read the tensors of pickled weights where a model has no others.")
    size: str = Field(
        default="auto",
        pattern=r"^(auto|\d+(\.\d+)?[kmbKMB])$",
        examples=["800k", "10m"],
        description="Parameters, as 800k or 10m; auto: by the plan.",
    )
    model: dict[str, Setting | Table] = Field(
        default_factory=dict, description="Fields of the model's shape to set by hand; the others follow from size."
    )
    init: Literal["normal", "copying"] = Field(
        default="normal", description="First weights: drawn at random, or copying, with heads that can already repeat."
    )

    def problems(self) -> Iterator[Problem]:
        """Shares are stated once."""
        yield from super().problems()
        if self.mix.is_on and isinstance(self.data, dict):
            yield Problem("data", self.data, say("train.rule_shares_twice"), say("train.remedy_shares_twice"))
        for name, field in CorruptionConfig.model_fields.items():
            value = getattr(self.corruption, name)
            if value != field.default and name not in CORRUPTIONS[self.objective]:
                rule = say("train.rule_idle_corruption", objective=self.objective)
                yield Problem(f"corruption.{name}", value, rule, say("train.remedy_idle_corruption"))


class FinetuneConfig(TrainingConfig):
    """Teach a bundle to converse."""

    section: ClassVar[str] = "finetune"

    from_bundle: Path | None = Field(default=None, description="Bundle to fine-tune.")
    pickles: bool = Field(default=False, description="Read the tensors of pickled weights where a model has no others.")
    data: tuple[str, ...] = Field(
        default=(), description="Files of conversations: OpenAI messages, ShareGPT, Alpaca, prompt and response."
    )
    format: FormatName | Literal["auto"] = Field(
        default="auto", description="Format to read them as; auto finds it in the rows."
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="Columns of other names, as prompt=q,response=a: our name = yours."
    )
    validation: tuple[str, ...] = Field(default=(), description="Files of conversations to measure on.")
    validation_share: float = Field(
        default=0.05, ge=0, le=0.5, description="Share of the conversations kept out to measure on, without validation."
    )
    too_long: Literal["drop", "truncate", "refuse"] = Field(
        default="drop", description="What happens to a conversation longer than a row: each is counted."
    )
    replay: tuple[Path, ...] = Field(
        default=(), description="Token shards of pre-training, mixed in against forgetting; a recipe takes its own."
    )
    replay_share: float = Field(default=0.1, ge=0, lt=1, description="Share of the tokens that are replayed; 0: none.")
    evaluation: tuple[str, ...] = Field(
        default=(), description="Evaluation sets (files or folders) whose rows must not be among the conversations."
    )
    leaked: Literal["refuse", "drop", "allow"] = Field(
        default="refuse", description="What happens where conversations hold rows of them: refuse, drop those or allow."
    )

    def problems(self) -> Iterator[Problem]:
        """Nothing can have leaked where no evaluation set is named."""
        yield from super().problems()
        if self.leaked != "refuse" and not self.evaluation and self.resume is None:
            yield Problem("leaked", self.leaked, say("train.rule_leaked"), say("train.remedy_leaked"))
