"""Settings of the commands that ask a model about texts: vectors, scores, blanks, masks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from hanlin.base.config import Config
from hanlin.base.errors import Problem
from hanlin.base.messages import say
from hanlin.infer.config import SamplingParams


class AskedConfig(Config):
    """Which model is asked, and where it runs."""

    model: str = Field(
        default="", max_length=4096, description="Bundle, run, recipe or name; if empty, the newest model."
    )
    device: str = Field(default="auto", min_length=1, max_length=40, description="auto, cpu, cuda, cuda:1 or mps.")
    pickles: bool = Field(default=False, description="Read the tensors of pickled weights where a model has no others.")
    exact: bool = Field(default=False, description="Compute in float32 even where the processor has something faster.")


class TextsConfig(AskedConfig):
    """Which texts a model is asked about."""

    texts: tuple[str, ...] = Field(default=(), max_length=1_000_000, description="Texts, each in quotes.")
    data: tuple[str, ...] = Field(default=(), description="Files and folders of text, or a built corpus.")

    def problems(self) -> Iterator[Problem]:
        """Texts are given in one way."""
        if self.texts and self.data:
            yield Problem("texts", len(self.texts), say("life.rule_texts"), say("life.remedy_texts"))


class EmbedConfig(TextsConfig):
    """`hanlin embed`: texts to vectors."""

    section: ClassVar[str] = "embed"

    out: Path | None = Field(default=None, description="File for the vectors: .npy (N, D) float32, or .jsonl.")
    overflow: Literal["error", "cut", "windows"] = Field(
        default="error", description="A text that is too long: an error, its beginning, or the mean of its parts."
    )


class ScoreConfig(TextsConfig):
    """`hanlin score`: how likely a model finds texts."""

    section: ClassVar[str] = "score"

    sources: tuple[str, ...] = Field(
        default=(),
        max_length=1_000_000,
        description="For each text what it is written after; encoder-decoders need it.",
    )
    out: Path | None = Field(default=None, description="File for the scores of all texts, as JSON lines.")


class FillMaskConfig(AskedConfig):
    """`hanlin fill-mask`: the likeliest words for every mask."""

    section: ClassVar[str] = "fill_mask"

    text: str = Field(min_length=1, max_length=10_000_000, description="Text with [MASK] or <mask> in it.")
    top: int = Field(default=5, ge=1, le=1000, description="Words told for each mask.")


class InfillConfig(SamplingParams):
    """`hanlin infill`: the blanks of a text filled, or what stands between two texts."""

    section: ClassVar[str] = "infill"

    model: str = Field(
        default="", max_length=4096, description="Bundle, run, recipe or name; if empty, the newest model."
    )
    text: str = Field(min_length=1, max_length=10_000_000, description="Text with blanks, or the text before the gap.")
    suffix: str | None = Field(default=None, max_length=10_000_000, description="Text behind the gap, if it is one.")
    blank: str = Field(default="____", min_length=1, max_length=100, description="How a blank is written.")
    device: str = Field(default="auto", min_length=1, max_length=40, description="auto, cpu, cuda, cuda:1 or mps.")
    pickles: bool = Field(default=False, description="Read the tensors of pickled weights where a model has no others.")
    exact: bool = Field(default=False, description="Compute in float32 even where the processor has something faster.")
    temperature: float = Field(
        default=0.0, ge=0, le=100, description="0 always takes the likeliest token; higher is wilder."
    )

    def sampling(self) -> SamplingParams:
        """The part of the settings that the engine reads."""
        return SamplingParams(**{name: getattr(self, name) for name in SamplingParams.model_fields})
