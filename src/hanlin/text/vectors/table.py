"""A table of words with a vector each: nearest words, analogies, the mean of a text; on disk and back.

V words, D numbers of a vector.

    vectors.safetensors   "vectors" (V, D) float32, "counts" (V,) int64
    vectors.json          words in the order of the rows, settings, where they come from, checksum
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from hanlin.base.errors import InputError
from hanlin.base.files import building_folder, read_json, sha256_file, write_atomic, write_json
from hanlin.text.segment import segment

Floats = NDArray[np.float32]
WEIGHTS, WORDS = "vectors.safetensors", "vectors.json"
_RARE = 1e-3  # a of Arora et al. 2017


@dataclass(frozen=True)
class Near:
    """A word and its cosine to what was asked for."""

    word: str
    similarity: float


@dataclass(frozen=True)
class WordVectors:
    """words (V,), vectors (V, D), counts (V,) in the training text; `info` tells how they were made."""

    words: tuple[str, ...]
    vectors: Floats
    counts: NDArray[np.int64]
    info: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        object.__setattr__(self, "_units", self.vectors / np.maximum(lengths, 1e-12))
        object.__setattr__(self, "_rows", {word: row for row, word in enumerate(self.words)})

    _units: Floats = field(init=False, repr=False)
    _rows: Mapping[str, int] = field(init=False, repr=False)

    def __contains__(self, word: str) -> bool:
        return word in self._rows

    def __getitem__(self, word: str) -> Floats:
        """The vector of a word (D,). Raises KeyError."""
        return self.vectors[self._rows[word]]

    def neighbours(self, word: str, number: int) -> list[Near]:
        """Return the words nearest by cosine, the word itself left out. Raises KeyError."""
        return self._nearest(self._units[self._rows[word]], {self._rows[word]}, number)

    def analogy(self, a: str, b: str, c: str, number: int) -> list[Near]:
        """Return what is to `c` as `b` is to `a`: nearest to b - a + c, the three left out (Mikolov et al. 2013).

        Raises KeyError.
        """
        rows = [self._rows[word] for word in (a, b, c)]
        first, second, third = self._units[rows]
        wanted = second - first + third
        return self._nearest(wanted / max(float(np.linalg.norm(wanted)), 1e-12), set(rows), number)

    def _nearest(self, unit: Floats, without: set[int], number: int) -> list[Near]:
        similarities = self._units @ unit
        similarities[list(without)] = -np.inf
        best = np.argsort(-similarities, kind="stable")[: max(0, min(number, len(self.words) - len(without)))]
        return [Near(self.words[row], float(similarities[row])) for row in best]

    def mean(self, text: str, lang: str = "", *, is_smooth: bool = False) -> Floats:
        """Return the mean vector of a text's words (D,), zero where none is known.

        `is_smooth` weighs a word by a / (a + its share of the training text): common words say little (Arora et al.
        2017, "A simple but tough-to-beat baseline", without its removal of the first component).
        """
        rows = [self._rows[word] for word in words_of(text, lang) if word in self._rows]
        if not rows:
            return np.zeros(self.vectors.shape[1], np.float32)
        shares = self.counts[rows] / max(1, int(self.counts.sum()))
        weights = _RARE / (_RARE + shares) if is_smooth else np.ones(len(rows))
        mean: Floats = (weights[:, None] * self.vectors[rows]).sum(0).astype(np.float32) / np.float32(weights.sum())
        return mean

    def unknown_share(self, texts: Sequence[str]) -> float:
        """Return the share of all words of some texts that have no vector."""
        words = [word for text in texts for word in words_of(text)]
        return sum(word not in self._rows for word in words) / len(words) if words else 0.0

    def save(self, folder: Path, info: Mapping[str, Any]) -> None:
        """Write both files to a new folder, or over an older one, whole or not at all. Raises DiskFull."""
        with building_folder(folder, known_by=WORDS) as place:
            write_atomic(place / WEIGHTS, save({"vectors": self.vectors, "counts": self.counts}))
            table = {**info, "sha256": sha256_file(place / WEIGHTS), "words": list(self.words)}
            write_json(place / WORDS, table)

    @classmethod
    def load(cls, folder: Path) -> WordVectors:
        """Read a table back. Raises InputError E233 where there is none, or where it is damaged."""
        try:
            if not (folder / WORDS).is_file():
                raise FileNotFoundError(folder / WORDS)
            info = read_json(folder / WORDS)
            if sha256_file(folder / WEIGHTS) != info["sha256"]:
                raise ValueError(f"{WEIGHTS}: SHA-256")
            tensors = load_file(folder / WEIGHTS)
            words = tuple(info.pop("words"))
            if len(words) != len(tensors["vectors"]):
                raise ValueError(f"{len(words)} / {len(tensors['vectors'])}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
            raise InputError("text.no_vectors", path=folder, reason=f"{type(error).__name__}: {error}") from None
        return cls(words, tensors["vectors"], tensors["counts"], info)


def words_of(text: str, lang: str = "") -> list[str]:
    """Return the words as vectors are learned of them: by the segmenter, in lower case."""
    return [word.lower() for word in segment(text, lang)]
