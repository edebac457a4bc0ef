"""Settings of the commands that make models which judge texts, and ask them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from hanlin.base.config import Config
from hanlin.base.errors import Problem
from hanlin.base.messages import say
from hanlin.text.config import Measure


class TrainNgramConfig(Config):
    """`hanlin ngram train`: what is counted, how far n-grams reach, and where the model goes."""

    section: ClassVar[str] = "ngram"

    data: tuple[str, ...] = Field(min_length=1, description="A built corpus, or files and folders of text.")
    out: Path = Field(default=Path("model.ngram"), description="File of the model.")
    order: int = Field(default=5, ge=1, le=8, description="Units of the longest n-gram that is counted.")
    tokenizer: Path | None = Field(
        default=None, description="Folder of a tokenizer or bundle, to count its tokens; none: characters."
    )
    max_bytes: int | None = Field(
        default=None, ge=1000, le=10**15, description="Of more text an even share is taken; none takes all."
    )
    max_memory: int | None = Field(
        default=None, ge=10**6, le=10**15, description="Bytes that counting may need; none: what the machine has free."
    )


class ScoreNgramConfig(Config):
    """`hanlin ngram score`: by which model, which texts, and where the scores go."""

    section: ClassVar[str] = "ngram_score"

    model: Path = Field(description="File of an n-gram model.")
    data: tuple[str, ...] = Field(min_length=1, description="A built corpus, or files and folders of text.")
    part: Literal["train", "validation"] = Field(default="train", description="Which part of a built corpus.")
    out: Path | None = Field(default=None, description="File for the scores of all documents, as JSON lines.")
    head: float = Field(default=30.0, gt=0, lt=100, description="Share of each language's documents that is its head.")
    middle: float = Field(default=60.0, gt=0, lt=100, description="Share up to which its middle goes; then its tail.")
    most: int = Field(default=10, ge=0, le=10**6, description="Documents shown, the least likely first.")

    def problems(self) -> Iterator[Problem]:
        """The middle begins where the head ends."""
        if self.middle < self.head:
            remedy = say("life.remedy_middle", head=self.head)
            yield Problem("middle", self.middle, say("life.rule_middle"), remedy)


class TrainQualityConfig(Config):
    """`hanlin quality train`: examples of good and bad texts, and the classifier that is learned from them."""

    section: ClassVar[str] = "quality"

    measure: Measure = Field(default="quality", description="What the classifier measures: quality, spam or toxic.")
    good: tuple[str, ...] = Field(default=(), description="Files and folders of good texts.")
    bad: tuple[str, ...] = Field(default=(), description="Files and folders of bad texts.")
    data: tuple[str, ...] = Field(default=(), description="Files of rows that have a label: good ones and bad ones.")
    bad_labels: tuple[str, ...] = Field(default=(), description="Labels of the bad rows in data.")
    clean: tuple[str, ...] = Field(
        default=(), description="Good texts like those to be filtered, on which lost ones are counted; never learned."
    )
    out: Path = Field(description="File of the classifier.")
    split_by: str = Field(
        default="", max_length=200, description="Rows that agree in this field stay together; near copies always do."
    )
    held_out: float = Field(default=0.2, gt=0, le=0.5, description="Share of the examples kept to measure on.")
    most_lost: float = Field(
        default=0.01, ge=0, le=0.5, description="Share of good examples that the proposed threshold may lose."
    )
    passage: int = Field(
        default=500, ge=20, le=100_000, description="Characters judged at once; a longer text is judged by the mean."
    )
    bits: int = Field(default=18, ge=8, le=24, description="2 to this many buckets; each takes 4 bytes of the file.")
    strength: float = Field(default=10.0, gt=0, le=10**6, description="How far weights may grow: lower fits less.")
    seed: int = Field(default=1, ge=0, le=2**63 - 1, description="Seed of the choice of rows to measure on.")

    def problems(self) -> Iterator[Problem]:
        """There must be both sorts of examples, and labels only where there are rows for them."""
        if not (self.data or (self.good and self.bad)):
            yield Problem("good", list(self.good), say("life.rule_examples"), say("life.remedy_examples"))
        if bool(self.data) != bool(self.bad_labels):
            yield Problem("bad_labels", list(self.bad_labels), say("life.rule_labels"), say("life.remedy_labels"))


class ScoreQualityConfig(Config):
    """`hanlin quality score`: by which classifier, which texts, and where the scores go."""

    section: ClassVar[str] = "quality_score"

    model: Path = Field(description="File of a classifier.")
    data: tuple[str, ...] = Field(min_length=1, description="A built corpus, or files and folders of text.")
    part: Literal["train", "validation"] = Field(default="train", description="Which part of a built corpus.")
    bad_labels: tuple[str, ...] = Field(
        default=(), description="Labels of bad rows: then precision and recall are told too."
    )
    out: Path | None = Field(default=None, description="File for the scores of all documents, as JSON lines.")
    most: int = Field(default=10, ge=0, le=10**6, description="Documents shown, the worst first.")
