"""Settings of the infer room: how an engine is laid out, how one request is sampled, how beams search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from hanlin.base.config import Config
from hanlin.base.errors import Problem
from hanlin.base.messages import say

StopString = Annotated[str, Field(min_length=1, max_length=1000)]


class SamplingParams(Config):
    """What one request wants: how many tokens, drawn how, ended by what."""

    section = "sampling"

    max_tokens: int = Field(
        default=256,
        ge=1,
        le=16_777_216,
        description="Most tokens to generate; fewer where the model's max_seq_len comes first.",
    )
    temperature: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="Logits are divided by this before drawing; 0 takes the most likely token.",
    )
    top_k: int = Field(default=0, ge=0, le=10_000_000, description="Draw among the k most likely tokens; 0 keeps all.")
    top_p: float = Field(
        default=1.0, gt=0, le=1, description="Draw among the fewest likely tokens that hold this share of probability."
    )
    min_p: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Drop tokens less likely than this share of the most likely one; 0 keeps all.",
    )
    repetition_penalty: float = Field(
        default=1.0,
        gt=0,
        le=100,
        description="Logits of tokens already read or written are made this much smaller; 1 is off.",
    )
    stop: tuple[StopString, ...] = Field(
        default=(), max_length=64, description="Texts that end the answer; the text is cut before the first one."
    )
    stop_ids: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] = Field(
        default=(), max_length=64, description="Token ids that end the answer besides the end tokens; not shown."
    )
    seed: int | None = Field(
        default=None,
        ge=-(2**63),
        le=2**63 - 1,
        description="Seed of this request's draws; none takes the engine's next one.",
    )
    logprobs: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description="Report log-probabilities, with this many alternatives; none reports none.",
    )
    ignore_eos: bool = Field(default=False, description="Go on after a token that ends the text, until max_tokens.")

    def without_effect(self) -> tuple[str, ...]:
        """Names of settings that differ from their defaults but change nothing, for whoever talks to the user."""
        if self.temperature > 0:
            return ()
        defaults = type(self).model_fields
        return tuple(n for n in ("top_k", "top_p", "min_p", "seed") if getattr(self, n) != defaults[n].default)


class BeamParams(Config):
    """How wide and how far to search."""

    section = "beams"

    num_beams: int = Field(default=4, ge=1, le=256, description="Continuations kept at every step.")
    length_penalty: float = Field(
        default=1.0, ge=-10, le=10, description="Scores are divided by the length to this power; above 0 favours long."
    )
    max_tokens: int = Field(default=256, ge=1, le=16_777_216, description="Most tokens to write.")


class EngineConfig(Config):
    """How much an engine takes on at once."""

    section = "engine"

    max_batch: int = Field(
        default=16, ge=1, le=4096, description="Requests that run at the same time; others wait in line."
    )
    step_tokens: int = Field(
        default=512,
        ge=1,
        le=1_000_000,
        description="Most tokens of one step; long prompts are read in pieces of this size.",
    )
    cache_tokens: int | None = Field(
        default=None,
        ge=1,
        le=2**40,
        description="Tokens the key-value cache holds; none: max_batch full sequences, 65536 at most, one at least.",
    )
    seed: int = Field(
        default=0, ge=0, le=2**63 - 1, description="Seeds of requests that bring none are derived from this."
    )
    native: bool = Field(default=True, description="Use the compiled decoder where the machine and the model allow it.")

    def problems(self) -> Iterator[Problem]:
        """Every running request gets its token in every step, so a step must have room for all of them."""
        if self.step_tokens < self.max_batch:
            rule = say("infer.rule_step_tokens", max_batch=self.max_batch)
            yield Problem("step_tokens", self.step_tokens, rule, say("infer.remedy_step_tokens"))

    def cache_size(self, max_seq_len: int) -> int:
        """Tokens to make room for, given the longest sequence of the model."""
        if self.cache_tokens is not None:
            return self.cache_tokens
        return max(max_seq_len, min(self.max_batch * max_seq_len, 65_536))
