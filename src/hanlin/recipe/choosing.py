"""Which family, size and objective suit a task: ways as data (choosing.toml), and what was measured of each.

A way is judged by arithmetic alone: does it fit into the memory, does the text feed it, are there examples to learn
from. `measured.json` holds figures that benchmarks/proofs/render.py took over from whole runs; what is not there has
not been measured, and nothing is said of it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from hanlin.recipe.config import Task
from hanlin.train.plan import TOKENS_PER_PARAMETER, smallest_for, suggest_vocabulary

Kind = Literal["count", "open", "pretrain"]

BYTES_PER_TRAINED = 16
"""Weights, gradient and two moments in float32 for each parameter."""
BYTES_PER_SERVED = 2
"""Weights in bfloat16."""
BASE_MEMORY = 1 << 30
"""Activations of a batch, and torch itself."""


@dataclass(frozen=True)
class Way:
    """One way to do some tasks; see the head of choosing.toml."""

    name: str
    kind: Kind
    tasks: tuple[Task, ...]
    because: str
    source: str
    family: str = ""
    objective: str = ""
    example: str = ""
    parameters: int = 0
    figures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Means:
    """What there is: bytes of memory, tokens of text (None: not told), labelled rows (None: not told)."""

    memory: int
    tokens: float | None
    rows: int | None


@dataclass(frozen=True)
class Choice:
    """A way for given means. `lacks` says what stands in its way: memory, text, rows; empty where it fits."""

    way: Way
    parameters: int = 0
    lacks: str = ""
    needed: int = 0

    @property
    def training_memory(self) -> int:
        """Bytes to train or tune it; 0 where nothing is trained but counts."""
        return BASE_MEMORY + BYTES_PER_TRAINED * self.parameters if self.parameters else 0

    @property
    def serving_memory(self) -> int:
        """Bytes of its weights when it works."""
        return BYTES_PER_SERVED * self.parameters


@dataclass(frozen=True)
class Figure:
    """A measured number: how a method did on what was asked, and its 95 % interval."""

    row: str
    column: str
    value: float
    low: float | None = None
    high: float | None = None


def ways() -> list[Way]:
    """All of choosing.toml."""
    return [_way(row) for row in tomllib.loads(_file("choosing.toml"))["way"]]


def _way(row: dict[str, Any]) -> Way:
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Way(**fields)


def choose(task: Task, means: Means) -> list[Choice]:
    """The ways of a task: those that fit, then those that do not, each with what it lacks.

    Those that were measured side by side stand by their scores at so many labelled rows, all others as in the file.
    """
    found = [_judged(way, means) for way in ways() if task in way.tasks]
    return sorted(_by_score(found, means.rows), key=lambda one: bool(one.lacks))


def _by_score(found: list[Choice], rows: int | None) -> list[Choice]:
    """The places of the ways that were measured, taken by the better ones first."""
    scores = {place: score for place, one in enumerate(found) if (score := score_at(one.way, rows)) is not None}
    best = iter(sorted(scores, key=lambda place: -scores[place]))
    return [found[next(best)] if place in scores else one for place, one in enumerate(found)]


def score_at(way: Way, rows: int | None) -> float | None:
    """What a way reached in its learning curve with at most so many rows; None where that was not measured."""
    for _, figures in measured(way):
        steps = [
            one for one in figures if one.row == way.name and one.column.isdigit() and int(one.column) <= (rows or 0)
        ]
        if steps:
            return max(steps, key=lambda one: int(one.column)).value
    return None


def _judged(way: Way, means: Means) -> Choice:
    if way.kind == "count":
        return Choice(way)
    if way.kind == "open":
        choice = Choice(way, way.parameters)
        is_small = choice.training_memory <= means.memory
        return choice if is_small else Choice(way, way.parameters, "memory", choice.training_memory)
    return _pretrained(way, means)


def _pretrained(way: Way, means: Means) -> Choice:
    """As large as text and memory allow; both must allow the smallest that its vocabulary makes sense for."""
    if means.tokens is None:
        return Choice(way, 0, "text", least_tokens())
    vocabulary = suggest_vocabulary(round(means.tokens * 3))
    smallest, fed = smallest_for(vocabulary), means.tokens / TOKENS_PER_PARAMETER
    housed = (means.memory - BASE_MEMORY) / BYTES_PER_TRAINED
    if fed < smallest:
        return Choice(way, smallest, "text", least_tokens())
    if housed < smallest:
        return Choice(way, smallest, "memory", BASE_MEMORY + BYTES_PER_TRAINED * smallest)
    return Choice(way, round(min(fed, housed)))


def least_tokens() -> int:
    """Tokens that feed the smallest model of the smallest vocabulary."""
    return round(smallest_for(suggest_vocabulary(0)) * TOKENS_PER_PARAMETER)


def measured(way: Way) -> Iterator[tuple[str, list[Figure]]]:
    """The tables that a way's figures stand in, as far as they were measured."""
    known: dict[str, Any] = json.loads(_file("measured.json"))["tables"]
    for place in way.figures:
        if place in known:
            yield place, [Figure(**row) for row in known[place]["figures"]]


def _file(name: str) -> str:
    return resources.files("hanlin.recipe").joinpath(name).read_text("utf-8")
