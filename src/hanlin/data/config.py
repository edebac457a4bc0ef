"""Settings of the data room."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from hanlin.base.config import Config
from hanlin.base.errors import Problem
from hanlin.base.messages import say


class ShardConfig(Config):
    """How documents become token shards."""

    shard_tokens: int = Field(
        default=1 << 28, ge=2, le=1 << 40, description="Tokens per shard file, unless one document alone holds more."
    )
    batch_characters: int = Field(
        default=1 << 20, ge=1, le=1 << 30, description="Characters of text handed to the tokenizer at a time."
    )


class CorruptionConfig(Config):
    """What objectives other than the causal one do to a text. Only the settings of the chosen objective count."""

    share: float = Field(
        default=0.15,
        gt=0,
        le=0.9,
        description="Share of the tokens that is hidden (masked, masked_next_sentence, span_corruption, "
        "blank_infilling).",
    )
    whole_words: bool = Field(
        default=True, description="Hide all tokens of a word together (masked, masked_next_sentence)."
    )
    mean_span: float = Field(
        default=3.0, ge=1, le=100, description="Mean tokens of a hidden span (span_corruption, blank_infilling)."
    )
    one_in: int = Field(
        default=6,
        ge=2,
        le=1000,
        description="One token of so many is guessed, the last of a random order (permutation).",
    )
    sentences: float = Field(
        default=0.3, ge=0, le=1, description="Share of texts of which whole sentences are hidden (blank_infilling)."
    )
    documents: float = Field(
        default=0.2, ge=0, le=1, description="Share of texts of which the whole end is to be written (blank_infilling)."
    )
    rate: float = Field(default=0.5, ge=0, le=1, description="Share of texts turned around (fill_in_the_middle).")
    suffix_first: float = Field(
        default=0.5, ge=0, le=1, description="Share of those that begin with their suffix (fill_in_the_middle)."
    )
    level: Literal["character", "token"] = Field(
        default="character", description="Where a text is cut: between characters or tokens (fill_in_the_middle)."
    )

    def problems(self) -> Iterator[Problem]:
        """Kinds of blank are shares of the same texts."""
        if self.sentences + self.documents > 1:
            rule = say("data.rule_blank_shares", documents=self.documents)
            yield Problem("sentences", self.sentences, rule, say("data.remedy_blank_shares", documents=self.documents))


class SharesConfig(Config):
    """Shares of the tokens, by weight or by size."""

    weights: dict[str, float] = Field(
        default_factory=dict,
        description="Share of the tokens of each source, on any scale; a source that is not named is left out.",
    )
    temperature: float | None = Field(
        default=None,
        ge=0.1,
        le=1000,
        description="Shares proportional to size^(1/T): 1 by size, larger ones bring small sources up.",
    )

    def problems(self) -> Iterator[Problem]:
        """Weights are shares, and come from one place."""
        if any(weight < 0 for weight in self.weights.values()) or (self.weights and not any(self.weights.values())):
            yield Problem("weights", self.weights, say("data.rule_weights"), say("data.remedy_weights"))
        if self.weights and self.temperature is not None:
            yield Problem("temperature", self.temperature, say("data.rule_one_way"), say("data.remedy_one_way"))


class PhaseConfig(SharesConfig):
    """Shares over a part of a run."""

    until: float = Field(default=1.0, gt=0, le=1, description="Share of the run's tokens at which this part ends.")


class MixConfig(SharesConfig):
    """How the sources of a run are mixed, and in which order their documents come."""

    by: Literal["source", "folder", "language"] = Field(
        default="source", description="What a source is: what the corpus named so, a folder of shards, or a language."
    )
    max_epochs: float | None = Field(
        default=None, gt=0, le=1e6, description="Passes after which a source leaves and the others go on; none: never."
    )
    epochs: dict[str, float] = Field(
        default_factory=dict, description="The same for single sources, as poetry=4; these come before max_epochs."
    )
    phases: tuple[PhaseConfig, ...] = Field(
        default=(), description="Parts of the run, each with shares of its own, in order; the last is until 1."
    )
    order: Literal["shuffled", "length", "difficulty"] = Field(
        default="shuffled", description="Order within each epoch: shuffled, short documents first, or easy ones first."
    )
    levels: int = Field(default=8, ge=2, le=255, description="Steps of that order; within a step all is shuffled.")

    @property
    def is_on(self) -> bool:
        """Whether anything is to be mixed otherwise than by size."""
        return bool(self.weights or self.temperature or self.max_epochs or self.epochs or self.phases)

    def problems(self) -> Iterator[Problem]:
        """Phases follow each other to the end; nothing is set that has no effect."""
        yield from super().problems()
        if any(number <= 0 for number in self.epochs.values()):
            yield Problem("epochs", self.epochs, say("data.rule_epochs"), say("data.remedy_epochs"))
        if self.phases and (self.weights or self.temperature is not None):
            yield Problem("phases", len(self.phases), say("data.rule_phase_shares"), say("data.remedy_phase_shares"))
        ends = [phase.until for phase in self.phases]
        if ends and (ends[-1] != 1 or any(first >= second for first, second in itertools.pairwise(ends))):
            yield Problem("phases", ends, say("data.rule_phases"), say("data.remedy_phases"))
        if self.by != "source" and not self.is_on:
            yield Problem("by", self.by, say("data.rule_not_mixed"), say("data.remedy_not_mixed"))
        if self.order == "shuffled" and self.levels != type(self).model_fields["levels"].default:
            yield Problem("levels", self.levels, say("data.rule_levels"), say("data.remedy_levels"))
