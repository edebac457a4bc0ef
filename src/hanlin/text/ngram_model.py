"""An n-gram model as users meet it: trained on documents, kept in one file, asked how likely a text is.

    documents -> units (characters or tokens) -> Kneser-Ney counts (`ngram.py`) -> one file, mapped when it is opened
    text      -> units -> bits of every unit -> bits a byte, bits a character, perplexity

A model has no opinion on a language that it never read: its perplexities there would say how foreign the language is,
not how good the text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hanlin.base.errors import InputError, MachineError
from hanlin.text.arrays import read_arrays, write_arrays
from hanlin.text.dedup import text_digest
from hanlin.text.document import Document
from hanlin.text.ngram import KneserNey
from hanlin.text.ngram_units import CharacterUnits, TokenUnits, Units, units_of
from hanlin.text.tokenizer import Tokenizer

KIND = "hanlin n-gram model"
FORMAT = 1
LEAST_SHARE = 0.01
"""Of the documents of a training, from which on a language counts as read."""
_BATCH_CHARS = 1 << 20

Read = Callable[[], Iterable[Document]]
"""Gives the documents from the first on, every time it is called."""


@dataclass(frozen=True)
class Score:
    """How likely a text is: bits in all, over `units` predicted ones (the end of the text is one)."""

    bits: float
    units: int
    characters: int
    bytes: int

    @property
    def perplexity(self) -> float:
        """Of one unit: 2 to the bits it takes on average."""
        return float(2 ** min(1000.0, self.bits / self.units))

    @property
    def bits_per_byte(self) -> float:
        return self.bits / max(1, self.bytes)

    @property
    def bits_per_character(self) -> float:
        return self.bits / max(1, self.characters)

    def __add__(self, other: Score) -> Score:
        return Score(
            self.bits + other.bits,
            self.units + other.units,
            self.characters + other.characters,
            self.bytes + other.bytes,
        )


@dataclass(frozen=True)
class Origin:
    """What a model was trained on: documents by language, characters, and the share of the text that was taken."""

    documents: Mapping[str, int] = field(default_factory=dict)
    characters: int = 0
    share: float = 1.0


class NgramModel:
    """Counts, and the units that are counted."""

    def __init__(self, units: Units, counts: KneserNey, origin: Origin) -> None:
        self.units, self.counts, self.origin = units, counts, origin

    @property
    def languages(self) -> frozenset[str]:
        """Those that the model has read enough of."""
        total = sum(self.origin.documents.values())
        return frozenset(lang for lang, number in self.origin.documents.items() if number >= LEAST_SHARE * total)

    def score(self, text: str) -> Score:
        """Return how likely one text is."""
        return next(self.scores([text]))

    def scores(self, texts: Iterable[str]) -> Iterator[Score]:
        """Yield how likely each text is; about a million characters are held at a time."""
        for batch in _batches(texts):
            encoded = self.units.encode(batch)
            lengths = [len(ids) - 1 for ids in encoded]
            bits = -self.counts.log2probs(encoded)
            for text, ids, part in zip(batch, encoded, np.split(bits, np.cumsum(lengths)[:-1]), strict=True):
                unknown = int((ids == self.units.unknown).sum())
                total = float(part.sum()) + unknown * self.units.unknown_bits
                yield Score(total, len(part), len(text), len(text.encode("utf-8", "surrogatepass")))

    def save(self, path: Path) -> None:
        """Write the model to one file. Raises DiskFull."""
        about = {
            "kind": KIND,
            "format": FORMAT,
            "order": self.counts.order,
            "units": self.units.name,
            "vocab_size": self.units.vocab_size,
            "origin": vars(self.origin),
        }
        write_arrays(path, {**self.counts.arrays(), **self.units.arrays()}, about)

    @classmethod
    def load(cls, path: Path) -> NgramModel:
        """Open a model; its counts stay on disk until they are asked for. Raises InputError (E255, E256)."""
        arrays, about = read_arrays(path, KIND)
        if about["format"] != FORMAT:
            raise InputError("text.model_damaged", path=path, reason=f"format {about['format']}")
        counts = KneserNey.of_arrays(arrays, order=about["order"], vocab_size=about["vocab_size"])
        return cls(units_of(about["units"], arrays), counts, Origin(**about["origin"]))


def train_ngram_model(
    read: Read, *, order: int = 5, tokenizer: Tokenizer | None = None, most_bytes: int | None = None, memory: int = 0
) -> NgramModel:
    """Count the n-grams of documents: of characters, or of a tokenizer's tokens.

    Of more than `most_bytes` of text a share is taken by the hash of each document. Raises InputError (E228) without
    any text, MachineError (E257) where counting needs more than `memory` bytes; 0 lets it try.
    """
    sizes = _Sizes.of(read())
    share = min(1.0, most_bytes / max(1, sizes.bytes)) if most_bytes else 1.0

    def chosen() -> Iterator[Document]:
        return (document for document in read() if share == 1.0 or _place(document.text) < share)

    units: Units = TokenUnits(tokenizer) if tokenizer else CharacterUnits.learn(document.text for document in chosen())
    ids = _encoded(units, (document.text for document in chosen()), order, memory)
    kept = Counter(document.lang for document in chosen()) if share < 1.0 else sizes.documents
    counts = KneserNey(order, vocab_size=units.vocab_size).train(ids)
    return NgramModel(units, counts, Origin(dict(kept), sum(map(len, ids)), share))


def training_bytes(num_units: int, order: int) -> int:
    """Return the memory that counting takes at its peak, n-grams at their most: every one different.

    Measured at order 5: 122 bytes a unit where three of four 5-grams are different, 89 where one of three is.
    """
    return num_units * (_BYTES_OF_A_UNIT + _BYTES_OF_AN_NGRAM * order)


_BYTES_OF_A_UNIT, _BYTES_OF_AN_NGRAM = 110, 20


@dataclass
class _Sizes:
    """Bytes and documents by language, from a first look."""

    bytes: int
    documents: Counter[str]

    @classmethod
    def of(cls, documents: Iterable[Document]) -> _Sizes:
        sizes = cls(0, Counter())
        for document in documents:
            sizes.bytes += len(document.text.encode("utf-8", "surrogatepass"))
            sizes.documents[document.lang] += 1
        return sizes


def _place(text: str) -> float:
    """A number from 0 to 1 that is the same for the same text, and like chance between texts."""
    return int.from_bytes(text_digest(text)[:8], "big") / 2**64


def _encoded(units: Units, texts: Iterable[str], order: int, memory: int) -> list[NDArray[np.int32]]:
    """The ids of all texts; of more than fit, only their number is still counted, for the sentence."""
    kept: list[NDArray[np.int32]] = []
    num_units = 0
    for batch in _batches(texts):
        encoded = units.encode(batch)
        num_units += sum(map(len, encoded))
        if not memory or training_bytes(num_units, order) <= memory:
            kept += encoded
        else:
            kept.clear()
    if memory and (needed := training_bytes(num_units, order)) > memory:
        raise MachineError("text.ngram_too_large", units=num_units, order=order, needed=needed / 1e9, free=memory / 1e9)
    return kept


def _batches(texts: Iterable[str]) -> Iterator[Sequence[str]]:
    """Texts in lists of about a million characters."""
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= _BATCH_CHARS:
            yield held
            held, size = [], 0
    if held:
        yield held
