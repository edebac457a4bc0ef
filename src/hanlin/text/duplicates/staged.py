"""Documents set down on disk while the corpus is not yet known as a whole: read in order, or any one by its number."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from hanlin.base.files import disk_errors
from hanlin.text.document import Document


class Staged:
    """Documents with a word beside each (the part of the corpus it is meant for), numbered from 0.

    Takes the room of the text on disk and 8 bytes a document in memory. `add` raises DiskFull. As a context it
    removes its file at the end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ends = array("Q", [0])
        self._file, self._reader = path.open("wb"), path.open("rb")

    def add(self, label: str, document: Document) -> int:
        """Set a document down; return its number."""
        line = (json.dumps([label, asdict(document)], ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
        with disk_errors(self.path):
            self._file.write(line)
        self._ends.append(self._ends[-1] + len(line))
        return len(self) - 1

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> tuple[str, Document]:
        self._flush()
        start = self._ends[number]
        self._reader.seek(start)
        return _read(self._reader.read(self._ends[number + 1] - start))

    def __iter__(self) -> Iterator[tuple[str, Document]]:
        self._flush()
        with self.path.open("rb") as file:
            yield from map(_read, file)

    def _flush(self) -> None:
        with disk_errors(self.path):
            self._file.flush()

    def __enter__(self) -> Staged:
        return self

    def __exit__(self, *error: object) -> None:
        """Give the disk its room back."""
        self._file.close()
        self._reader.close()
        self.path.unlink(missing_ok=True)


def _read(line: bytes) -> tuple[str, Document]:
    label, fields = json.loads(line.decode("utf-8", "surrogatepass"))
    return label, Document(**fields)
