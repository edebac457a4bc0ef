"""Where rows come from: numbered documents that can be sliced by position."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hanlin.data.shards import ShardSet

IGNORE = -100
"""Target of a position that carries no loss."""

Ids = npt.NDArray[np.integer[Any]]


class Source(Protocol):
    """Documents to cut rows from. A position is one (input token, target token) pair."""

    @property
    def name(self) -> str:
        """Names the source in reports and in the random stream that shuffles it."""

    @property
    def fingerprint(self) -> str:
        """Changes when the documents do: a run resumes only on the data it began with."""

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """(num_documents,) positions of each document."""

    @property
    def num_truncated(self) -> int:
        """Tokens that were cut off before they came here; 0 unless an option asked for it."""

    def slice(self, document: int, start: int, length: int) -> tuple[Ids, Ids]:
        """Inputs and targets, (length,) each, of the positions from `start` on."""


class ShardSource:
    """The documents of a folder of token shards; every token but a document's first is a target."""

    num_truncated = 0

    def __init__(self, shards: ShardSet, *, name: str | None = None) -> None:
        self.shards = shards
        self.name = name or shards.path.name
        self.fingerprint = shards.fingerprint
        self.lengths = shards.lengths - 1

    def slice(self, document: int, start: int, length: int) -> tuple[Ids, Ids]:
        tokens = self.shards.document(document)
        return tokens[start : start + length], tokens[start + 1 : start + length + 1]


class Selection:
    """Some documents of a source, under a name of their own."""

    num_truncated = 0

    def __init__(self, whole: Source, documents: Ids, *, name: str) -> None:
        self.whole, self.documents, self.name = whole, documents, name
        self.fingerprint = digest([whole.fingerprint, documents.astype("<i8").tobytes()])
        self.lengths = whole.lengths[documents]

    def slice(self, document: int, start: int, length: int) -> tuple[Ids, Ids]:
        return self.whole.slice(int(self.documents[document]), start, length)


class Concatenation:
    """Several sources as one, shuffled together: the mixture without weights, every document once per epoch."""

    def __init__(self, sources: Sequence[Source], *, name: str | None = None) -> None:
        self.sources = tuple(sources)
        self.name = name or "+".join(source.name for source in sources)
        self.fingerprint = digest(source.fingerprint for source in sources)
        self.lengths = np.concatenate([source.lengths for source in sources])
        self.num_truncated = sum(source.num_truncated for source in sources)
        self._starts = np.cumsum([0, *(len(source.lengths) for source in sources)])

    def slice(self, document: int, start: int, length: int) -> tuple[Ids, Ids]:
        source, number = self.locate(document)
        return source.slice(number, start, length)

    def locate(self, document: int) -> tuple[Source, int]:
        """The source that holds a document, and its number there."""
        which = int(np.searchsorted(self._starts, document, side="right")) - 1
        return self.sources[which], document - int(self._starts[which])


def digest(parts: Iterable[str | bytes]) -> str:
    """SHA-256 of several parts, borders included."""
    hashed = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hashed.update(len(data).to_bytes(8, "little") + data)
    return hashed.hexdigest()
