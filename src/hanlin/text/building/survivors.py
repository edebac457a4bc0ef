"""What a task of cleaning leaves of the documents that stay so far, for the steps that look at all of them.

    documents.zst .index   everything that was read: its row of the ledger, the text as it is now, the text as it was
                           read (an empty line where that is the same)
    fates.npy              (records, 6) int64, see `FATE` and the like
    ids.txt ids.ends       ids of the survivors, to be looked up by number
    ranks                  (survivors,) int64, signed (survivors, length + 1) uint32
    exact, bands, repeated, boilerplate, windows     records by key (`parts.py`)

A survivor is numbered within its piece; `Numbering` knows where each piece begins among all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hanlin.base.files import disk_errors
from hanlin.text.building.parts import write_by_key
from hanlin.text.config import CorpusConfig
from hanlin.text.dedup import text_digest
from hanlin.text.document import Document
from hanlin.text.duplicates.candidates import Signed, band_records, signed_rows
from hanlin.text.duplicates.minhash import signature
from hanlin.text.duplicates.near import rank_of, shingling_of
from hanlin.text.duplicates.repeated import boilerplate_records, repeated_records, window_records
from hanlin.text.folding import Hashes
from hanlin.text.readers import source_name

GONE, TRAIN, VALIDATION = -1, 0, 1
FATE, CHARACTERS, BYTES, LANGUAGE, SOURCE, EDITED = range(6)
"""Columns of fates.npy; language and source by their place in the counters' lists of names."""

Ints = npt.NDArray[np.int64]


class Survivors:
    """Takes the documents that stay so far, one after the other, and writes what the later steps ask for."""

    def __init__(self, config: CorpusConfig, folder: Path, num_parts: int) -> None:
        self.config, self.folder, self.num_parts = config, folder, num_parts
        self._ids: list[str] = []
        self._digests: list[bytes] = []
        self._ranks: list[int] = []
        self._signed: list[tuple[Hashes, int, int]] = []
        self._records: dict[str, list[Hashes]] = {}
        self._shingling = shingling_of(config.near_dup)
        self._order = {source_name(source): place for place, source in reversed(list(enumerate(config.sources)))}

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, document: Document) -> None:
        """Take the next document."""
        config, number = self.config, len(self)
        self._ids.append(document.id)
        if config.dedup:
            self._digests.append(text_digest(document.text))
        if config.near_dup.action != "off":
            shingles = self._shingling.of(document.text)
            self._signed.append((*signature(shingles, config.near_dup.bands * config.near_dup.rows), len(shingles)))
            self._ranks.append(rank_of(config.near_dup, document.text, self._order[document.source]))
        if config.lines.repeated != "off":
            self._put("repeated", repeated_records(config.lines, number, document.text))
        if config.lines.boilerplate is not None:
            self._put("boilerplate", boilerplate_records(config.lines, number, document.source, document.text))
        if config.lines.passages is not None:
            self._put("windows", window_records(config.lines.passages, number, document.text))

    def _put(self, name: str, records: Hashes) -> None:
        self._records.setdefault(name, []).append(records)

    def write(self) -> None:
        """Write everything. Raises DiskFull."""
        numbers = np.arange(len(self), dtype=np.uint64)
        with disk_errors(self.folder):
            write_names(self.folder / "ids", self._ids)
            if self.config.dedup:
                digests = np.frombuffer(b"".join(self._digests), ">u8").astype(np.uint64).reshape(-1, 2)
                write_by_key(self.folder / "exact", np.column_stack((digests, numbers)), self.num_parts)
            if self.config.near_dup.action != "off":
                self._write_signatures(numbers)
        for name in asked_of_lines(self.config):
            records = np.concatenate([np.empty((0, 2), np.uint64), *self._records.get(name, ())])
            write_by_key(self.folder / name, records, self.num_parts)

    def _write_signatures(self, numbers: Hashes) -> None:
        bands, length = self.config.near_dup.bands, self.config.near_dup.bands * self.config.near_dup.rows
        signatures = np.array([one for one, _, _ in self._signed], np.uint64).reshape(-1, length)
        signed_rows(signatures, np.array([filled for _, filled, _ in self._signed], np.uint32)).tofile(
            self.folder / "signed"
        )
        np.array(self._ranks, np.int64).tofile(self.folder / "ranks")
        lengths = np.array([num for _, _, num in self._signed], np.uint64)
        write_by_key(self.folder / "bands", band_records(signatures, numbers, lengths, bands), self.num_parts)


def asked_of_lines(config: CorpusConfig) -> list[str]:
    """Return which records of lines and passages a build looks at."""
    asked = {
        "repeated": config.lines.repeated != "off",
        "boilerplate": config.lines.boilerplate is not None,
        "windows": config.lines.passages is not None,
    }
    return [name for name, is_asked in asked.items() if is_asked]


# ---------------------------------------------------------------- looked up by number


def write_names(path: Path, names: Sequence[str]) -> None:
    """Write names to be looked up by their place."""
    texts = [name.encode("utf-8", "surrogatepass") for name in names]
    path.with_suffix(".txt").write_bytes(b"".join(texts))
    np.cumsum([0, *map(len, texts)], dtype=np.uint64).tofile(path.with_suffix(".ends"))


def read_names(path: Path, places: Sequence[int]) -> list[str]:
    """Return the names at some places."""
    ends = np.fromfile(path.with_suffix(".ends"), np.uint64)
    found = []
    with path.with_suffix(".txt").open("rb") as file:
        for place in places:
            file.seek(int(ends[place]))
            found.append(file.read(int(ends[place + 1] - ends[place])).decode("utf-8", "surrogatepass"))
    return found


class Numbering:
    """Survivors of all pieces in one row: `bases` (pieces + 1) is where each piece begins."""

    def __init__(self, bases: Sequence[int]) -> None:
        self.bases = np.array(bases, np.int64)

    @property
    def num_pieces(self) -> int:
        """How many pieces there are."""
        return len(self.bases) - 1

    def __len__(self) -> int:
        return int(self.bases[-1])

    def pieces(self, numbers: npt.NDArray[np.integer]) -> Ints:
        """Return the piece of each number."""
        return np.searchsorted(self.bases, numbers.astype(np.int64), "right") - 1

    def by_piece(self, numbers: Ints) -> list[tuple[int, Ints, Ints]]:
        """Return for each piece that numbers lie in: the piece, where they stand among those given, their places."""
        pieces = self.pieces(numbers)
        found = []
        for piece in np.unique(pieces).tolist():
            where = np.flatnonzero(pieces == piece)
            found.append((piece, where, numbers[where] - self.bases[piece]))
        return found


def rows_of_numbers(paths: Sequence[Path], numbering: Numbering, numbers: Ints, width: int) -> Signed:
    """Return (n, width) uint32 rows of some survivors from the files of their pieces."""
    found = np.empty((len(numbers), width), np.uint32)
    for piece, where, places in numbering.by_piece(numbers):
        # A map of its own for each look: what was read of the file does not stay in memory.
        found[where] = np.memmap(paths[piece], np.uint32, "r").reshape(-1, width)[places]
    return found
