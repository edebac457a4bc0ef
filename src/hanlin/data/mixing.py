"""Shares before a run: which documents make a source, what share of the tokens it gets, and what that comes to.

    shards -> divided by folder, source or language -> shares by weight or temperature -> phases -> forecast

Everything here is a pure function of the shards and the settings, so a plan can be printed before the first step, and
what a run realised can be held against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hanlin.data.forms.parts import Form, Parts
from hanlin.data.mixture import Phase
from hanlin.data.shards import ShardSet
from hanlin.data.sources import Concatenation, Selection, ShardSource, Source

Division = Literal["folder", "source", "language"]
Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[np.uint8]
STRETCH = 1 << 20
"""Tokens looked at together where all are counted."""


@dataclass(frozen=True)
class Named:
    """The documents that go by one name; `scores` where they have an order from easy to hard."""

    source: Source
    scores: Floats | None = None
    groups: npt.NDArray[np.uint8] | None = None

    @property
    def positions(self) -> int:
        return int(self.source.lengths.sum())

    def formed(self, form: Form, seq_len: int) -> Named:
        """The same documents in the parts that a form makes of them."""
        parts = Parts(self.source, form, seq_len=seq_len)
        scores = None if self.scores is None else self.scores[parts.documents]
        return Named(parts, scores, None if self.groups is None else self.groups[parts.documents])

    def levels(self, number: int) -> Levels | None:
        """Levels of equal positions, by score within each language."""
        if self.scores is None or self.groups is None:
            return None
        return levels_of(self.scores, self.source.lengths, self.groups, number)


def divided(
    folders: Sequence[ShardSet], by: Division, *, measure: Callable[[ShardSet], Floats] | None = None
) -> list[Named]:
    """Return the documents of some folders by name, in order of their first appearance.

    Raises InputError for shards that do not say which document is of which source.
    """
    pieces: dict[str, list[Named]] = {}
    languages: dict[str, int] = {}
    for shards in folders:
        whole = ShardSource(shards)
        scores = None if measure is None else measure(shards)
        codes = [languages.setdefault(lang, len(languages)) for lang in shards.manifest.languages]
        groups = np.array(codes, np.uint8)[shards.languages]
        names, numbers = _names_of(shards, by)
        for number, name in enumerate(names):
            documents = np.flatnonzero(numbers == number)
            is_all = len(documents) == shards.num_documents
            source = ShardSource(shards, name=name) if is_all else Selection(whole, documents, name=name)
            part = Named(source, None if scores is None else scores[documents], groups[documents])
            pieces.setdefault(name, []).append(part)
    return [_joined(name, parts) for name, parts in pieces.items()]


def _names_of(shards: ShardSet, by: Division) -> tuple[list[str], npt.NDArray[np.integer[Any]]]:
    if by == "folder":
        return [str(shards.path)], np.zeros(shards.num_documents, np.uint8)
    if by == "language":
        return list(shards.manifest.languages), shards.languages
    return list(shards.manifest.sources), shards.document_sources()


def _joined(name: str, parts: Sequence[Named]) -> Named:
    if len(parts) == 1:
        return parts[0]
    source = Concatenation([part.source for part in parts], name=name)
    scores = [part.scores for part in parts if part.scores is not None]
    groups = [part.groups for part in parts if part.groups is not None]
    return Named(source, np.concatenate(scores) if scores else None, np.concatenate(groups))


# ---------------------------------------------------------------- shares


def temperature_shares(sizes: Sequence[int], temperature: float) -> list[float]:
    """Shares proportional to n^(1/T): T = 1 by size, larger ones bring small sources up to equal shares.

    Devlin's multilingual BERT took T = 1.43; Conneau et al. 2020 (XLM-R) took 3.33, as 1/T = 0.3.
    """
    raised = [(size / max(sizes)) ** (1 / temperature) if size else 0.0 for size in sizes]
    return [value / sum(raised) for value in raised]


@dataclass(frozen=True)
class Forecast:
    """What a mixture comes to: positions of each source, in all and by phase; fewer in all than asked for where the
    sources may not be seen often enough."""

    positions: tuple[float, ...]
    by_phase: tuple[tuple[float, ...], ...]

    @property
    def total(self) -> float:
        return sum(self.positions)


def forecast(sizes: Sequence[int], phases: Sequence[Phase], limits: Sequence[float | None], total: float) -> Forecast:
    """Work out what each source contributes to a run over `total` positions.

    `limits` are the epochs after which a source leaves; the others then share its part. Exact but for the last document
    of each source and phase, since documents are drawn whole.
    """
    drawn = [0.0] * len(sizes)
    rooms = [float("inf") if limit is None else limit * size for limit, size in zip(limits, sizes, strict=True)]
    by_phase, at = [], 0.0
    for phase in phases:
        end = total if phase.until is None else min(float(phase.until), total)
        before = list(drawn)
        at = _run_phase(phase.weights, drawn, rooms, at, end)
        by_phase.append(tuple(now - then for now, then in zip(drawn, before, strict=True)))
        if at < end:
            break
    return Forecast(tuple(drawn), tuple(by_phase))


def _run_phase(weights: Sequence[float], drawn: list[float], rooms: Sequence[float], at: float, end: float) -> float:
    """Draw until `end`, source after source leaving as it is used up; return where that came to a stop."""
    used_up: set[int] = set()
    while at < end - 1e-6:
        open_sources = [i for i, weight in enumerate(weights) if weight > 0 and i not in used_up]
        together = sum(weights[i] for i in open_sources)
        if not open_sources:
            return at
        lasting = {i: (rooms[i] - drawn[i]) * together / weights[i] for i in open_sources}
        first = min(open_sources, key=lambda i: lasting[i])
        step = min(end - at, max(0.0, lasting[first]))
        for i in open_sources:
            drawn[i] += step * weights[i] / together
        if lasting[first] <= end - at:
            used_up.add(first)
        at += step
    return end


# ---------------------------------------------------------------- from easy to hard


def lengths_in_tokens(shards: ShardSet) -> Floats:
    """(num_documents,) how long each document is."""
    return shards.lengths.astype(np.float64)


def difficulty(shards: ShardSet) -> Floats:
    """(num_documents,) bits per byte that a model without context pays for each document: rare words make it hard.

    The model is the frequency of each token in these shards, half a count added to each entry of the vocabulary.
    """
    counts = np.full(shards.manifest.vocab_size, 0.5)
    for tokens, _ in shards.stretches(STRETCH):
        counts += np.bincount(tokens, minlength=len(counts))
    bits = (np.log2(counts.sum()) - np.log2(counts)).astype(np.float32)
    sums = [np.add.reduceat(bits[tokens], starts) for tokens, starts in shards.stretches(STRETCH)]
    return np.concatenate(sums).astype(np.float64) / np.maximum(shards.bytes, 1)


MEASURES: Mapping[str, Callable[[ShardSet], Floats]] = {"length": lengths_in_tokens, "difficulty": difficulty}
"""By what documents can be put in order."""


def levels_of(scores: Floats, lengths: npt.NDArray[np.int64], groups: npt.NDArray[np.uint8], number: int) -> Levels:
    """(num_documents,) level of each document: within each group by score, `number` levels of equal positions.

    By group, which is the language, since otherwise one language would come before the other.
    """
    levels = np.zeros(len(scores), np.uint8)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        ordered = members[np.argsort(scores[members], kind="stable")]
        before = np.cumsum(lengths[ordered]) - lengths[ordered]
        levels[ordered] = np.minimum(before * number // max(1, int(lengths[ordered].sum())), number - 1)
    return levels
