"""What an n-gram model counts: the characters of a text, or the tokens of a vocabulary.

Both open a document with a begin mark and close it with an end mark. A character that training saw once or never is
the unknown one; which of all remaining code points it is costs extra bits, the same for each, so that probabilities
still add up to one over all of Unicode and bits a byte of two models can be compared.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hanlin.text.tokenizer import Tokenizer

Codes = NDArray[np.uint32]

_BEGIN, _END, _UNKNOWN = range(3)
_NUM_CONTROL = 3
_NUM_CODES = 0x110000
_NUM_SURROGATES = 0x800
_FILE = "file:"


class Units(Protocol):
    """How a text becomes ids."""

    name: str
    vocab_size: int
    unknown: int
    unknown_bits: float

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return the ids of each text, begin and end marks included."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that has to be stored."""


class CharacterUnits:
    """Every character is a unit; `codes` (C,), sorted, are the known ones."""

    name = "characters"
    unknown = _UNKNOWN

    def __init__(self, codes: Codes) -> None:
        self.codes = codes
        self.vocab_size = _NUM_CONTROL + len(codes)
        self.unknown_bits = math.log2(_NUM_CODES - _NUM_SURROGATES - len(codes))

    @classmethod
    def learn(cls, texts: Iterable[str]) -> CharacterUnits:
        """Know every character that stands in the texts twice or more."""
        counts = np.zeros(_NUM_CODES, np.int64)
        for text in texts:
            codes, number = np.unique(_codes(text), return_counts=True)
            counts[codes] += number
        return cls(np.flatnonzero(counts > 1).astype(np.uint32))

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return the ids of each text."""
        return [self._ids(text) for text in texts]

    def _ids(self, text: str) -> NDArray[np.int32]:
        codes = _codes(text)
        ids = np.full(len(codes) + 2, _UNKNOWN, np.int32)
        if len(self.codes):
            rows = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
            ids[1:-1] = np.where(self.codes[rows] == codes, rows + _NUM_CONTROL, _UNKNOWN)
        ids[0], ids[-1] = _BEGIN, _END
        return ids

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the known characters."""
        return {"codes": self.codes}


class TokenUnits:
    """Tokens of a byte-level vocabulary are the units, so nothing is unknown."""

    name = "tokens"
    unknown = -1
    unknown_bits = 0.0

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.vocab_size = tokenizer.vocab_size

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return the ids of each text."""
        special = self.tokenizer.special
        return [np.array([special.bos, *ids, special.eos], np.int32) for ids in self.tokenizer.encode_batch(texts)]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the files of the vocabulary, so that a model is one file."""
        with tempfile.TemporaryDirectory() as folder:
            self.tokenizer.save(folder)
            return {f"{_FILE}{path.name}": np.fromfile(path, np.uint8) for path in sorted(Path(folder).iterdir())}


def units_of(name: str, arrays: Mapping[str, NDArray[Any]]) -> Units:
    """Return the units that a file tells of. Raises KeyError where it lacks them, InputError for a bad vocabulary."""
    if name == CharacterUnits.name:
        return CharacterUnits(arrays["codes"])
    with tempfile.TemporaryDirectory() as folder:
        for key in (key for key in arrays if key.startswith(_FILE)):
            arrays[key].tofile(Path(folder) / Path(key.removeprefix(_FILE)).name)
        return TokenUnits(Tokenizer.load(folder))


def _codes(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
