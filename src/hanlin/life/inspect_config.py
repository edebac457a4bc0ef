"""Settings of `hanlin inspect`: which model, which text, which view of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hanlin.base.config import Config
from hanlin.base.errors import Problem
from hanlin.base.messages import say

Number = Annotated[int, Field(ge=0, le=100_000)]

_OF_VIEWS = {
    "layers": ("attention", "lens"),
    "heads": ("attention",),
    "parts": ("attention",),
    "top": ("lens", "tokens"),
    "position": ("attribution",),
    "token": ("attribution",),
    "label": ("attribution",),
    "score": ("attribution",),
    "baseline": ("attribution",),
    "tolerance": ("attribution",),
    "max_steps": ("attribution",),
}


class InspectConfig(Config):
    """`hanlin inspect`: which model, which text, what is looked at, and where the report goes."""

    section: ClassVar[str] = "inspect"

    model: str = Field(
        default="", max_length=4096, description="Bundle, run, recipe or name; if empty, the newest model."
    )
    text: str = Field(max_length=10_000_000, description="The text that the model reads.")
    what: Literal["attention", "rollout", "lens", "tokens", "attribution"] = Field(
        default="tokens",
        description="Attention maps, their rollout, what each layer would say, token probabilities, or attribution.",
    )
    target: str = Field(
        default="",
        max_length=10_000_000,
        description="What an encoder-decoder or prefix model says to the text; if empty, it writes that itself.",
    )
    question: bool = Field(
        default=False, description="The text is a question, read in the model's chat template; next comes its answer."
    )
    control: bool = Field(
        default=False, description="Names of control tokens in the text mean those tokens; for encoders they always do."
    )
    layers: tuple[Number, ...] = Field(
        default=(), description="Layers to show, from 1; 0 is the stream before the first (lens); none: all."
    )
    heads: tuple[Number, ...] = Field(default=(), description="Heads to show, from 1; none: all.")
    parts: tuple[Literal["self", "encoder", "cross"], ...] = Field(
        default=(), description="Attention of an encoder-decoder to show: self, encoder, cross; none: all."
    )
    top: int = Field(default=5, ge=1, le=100, description="Likeliest tokens to show at each place.")
    position: int | None = Field(
        default=None,
        ge=1,
        le=16_777_216,
        description="Number of the token that is explained; none: the next one, or the first mask.",
    )
    token: str = Field(
        default="", max_length=1000, description="Token that is explained; if empty, the one there or the likeliest."
    )
    label: str = Field(
        default="", max_length=1000, description="Label of a classifier that is explained; if empty, the likeliest."
    )
    score: Literal["logit", "logprob", "probability"] = Field(
        default="logit", description="What of the explained token is shared out among the tokens read."
    )
    baseline: Literal["pad", "zero"] = Field(
        default="pad", description="Where tokens begin to count: as the padding token, or as a vector of zeros."
    )
    tolerance: float = Field(
        default=1e-3, gt=0, le=1, description="How far shares may miss the score, of 1 or of the score's change."
    )
    max_steps: int = Field(default=4096, ge=8, le=10**7, description="Most gradients taken on the way to tolerance.")
    out: Path = Field(default=Path("inspect"), description="Folder of the page, the pictures and the numbers.")
    device: str = Field(default="auto", min_length=1, max_length=40, description="auto, cpu, cuda, cuda:1 or mps.")
    pickles: bool = Field(default=False, description="Read the tensors of pickled weights where a model has no others.")

    def problems(self) -> Iterator[Problem]:
        """Settings of another view would have no effect."""
        for name, views in _OF_VIEWS.items():
            if self.what not in views and getattr(self, name) != type(self).model_fields[name].default:
                rule = say("life.rule_other_view", views=", ".join(views))
                yield Problem(name, getattr(self, name), rule, say("life.remedy_other_view", name=name))
