"""Documents as an objective other than the causal one reads them: parts of their text, each whole in one row.

A causal row may be cut anywhere. What is corrupted, framed or turned around may not: so documents lose their bos and
eos, are cut into parts that fit a row, and each part counts the positions that its form takes. All that is drawn for a
part follows from one number, its key, so the same stream gives the same batches however often it is begun anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hanlin.data.batches import RowPiece, TokenBatch
from hanlin.data.sources import Concatenation, Ids, Source, digest

Sizes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """Text of one document, and where it is from.

    ids: (n,) without control tokens. ends: the document ends here. key: seed of all that is drawn for it.
    """

    ids: Ids
    ends: bool
    key: tuple[int, int]
    source: Parts
    number: int

    def draw(self) -> np.random.Generator:
        """The random numbers of this part in this place of the stream."""
        return np.random.default_rng(self.key)


class Form(Protocol):
    """How parts of documents become the rows of one objective.

    name: changes when the same key would give another batch.
    """

    @property
    def name(self) -> str: ...

    def positions(self, sizes: Sizes) -> Sizes:
        """Positions of a row that parts of so many tokens take at most."""

    def batch(self, rows: Sequence[Sequence[Part]], *, seq_len: int) -> TokenBatch:
        """Rows of parts, left to right, as one batch."""


class Parts:
    """The parts of a source's documents, as a source of its own."""

    num_truncated = 0

    def __init__(self, whole: Source, form: Form, *, seq_len: int) -> None:
        self.whole, self.name = whole, whole.name
        most = room(form, seq_len)
        sizes = np.asarray(whole.lengths, np.int64) - 1  # of the text between bos and eos
        number = np.maximum(-(-sizes // most), 0)
        self.documents: Sizes = np.repeat(np.arange(len(sizes)), number)
        firsts = np.repeat(np.cumsum(number) - number, number)
        self.starts: Sizes = (np.arange(len(self.documents)) - firsts) * most
        self.sizes: Sizes = np.minimum(most, sizes[self.documents] - self.starts)
        self.ends: npt.NDArray[np.bool_] = self.starts + self.sizes == sizes[self.documents]
        self.lengths: Sizes = form.positions(self.sizes)
        self.fingerprint = digest([whole.fingerprint, f"{form.name} {most}"])

    def slice(self, document: int, start: int, length: int) -> tuple[Ids, Ids]:
        """See Source; what a form lays out is read by `ids`."""
        raise NotImplementedError("parts are laid out by their form")

    def ids(self, number: int) -> Ids:
        """Text of one part."""
        return self.whole.slice(int(self.documents[number]), 1 + int(self.starts[number]), int(self.sizes[number]))[0]

    def elsewhere(self, number: int, rng: np.random.Generator) -> int | None:
        """A part of another document, each document as likely; None where there is no other."""
        first, last = self.documents[0], self.documents[-1]
        if first == last:
            return None
        document = rng.integers(first, last)
        document += document >= self.documents[number]
        low = np.searchsorted(self.documents, document)
        high = np.searchsorted(self.documents, document, side="right")
        return int(rng.integers(low, high)) if high > low else self.elsewhere(number, rng)


def parts_of(rows: Sequence[Sequence[RowPiece]], sources: Sequence[Source], keys: Sequence[int]) -> list[list[Part]]:
    """The parts that rows of pieces name; `keys` holds a number for each row."""
    return [list(_row(pieces, sources, key)) for pieces, key in zip(rows, keys, strict=True)]


def _row(pieces: Sequence[RowPiece], sources: Sequence[Source], key: int) -> Iterator[Part]:
    for place, piece in enumerate(pieces):
        source, number = sources[piece.source], piece.document
        while isinstance(source, Concatenation):
            source, number = source.locate(number)
        assert isinstance(source, Parts), "a form reads parts"
        yield Part(source.ids(number), bool(source.ends[number]), (key, place), source, number)


def room(form: Form, seq_len: int) -> int:
    """Most tokens of text that a row holds in this form."""
    sizes = np.arange(1, 2 * seq_len + 1)
    fitting = sizes[form.positions(sizes) <= seq_len]
    assert len(fitting), f"{form.name} does not fit into {seq_len} positions"
    return int(fitting.max())


# ---- laying out ----


@dataclass(frozen=True)
class Piece:
    """What one part came to: inputs and targets of equal length, and further columns by name."""

    tokens: Ids
    targets: Ids
    columns: Mapping[str, Ids]


def lay_out(rows: Sequence[Sequence[Piece]], *, width: int, fill: dict[str, int]) -> dict[str, npt.NDArray[np.int64]]:
    """Pieces side by side: columns (len(rows), width), with `segments` 1, 2, 3 .. by piece; `fill` says what stands
    where no piece is."""
    columns = {name: np.full((len(rows), width), value, np.int64) for name, value in fill.items()}
    columns["segments"] = np.zeros((len(rows), width), np.int64)
    for row, pieces in enumerate(rows):
        at = 0
        for segment, piece in enumerate(pieces, start=1):
            span = slice(at, at + len(piece.tokens))
            for name, values in {"tokens": piece.tokens, "targets": piece.targets, **piece.columns}.items():
                columns[name][row, span] = values
            columns["segments"][row, span] = segment
            at += len(piece.tokens)
    return columns
