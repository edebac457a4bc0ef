"""What the comparison of all documents decided about those of one piece: which go, and which stand for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hanlin.base.storage import Storage
from hanlin.text.building.parts import gathered
from hanlin.text.building.survivors import Numbering, read_names
from hanlin.text.document import TWINS, Document
from hanlin.text.work import Outcome, Refusal

Job = Mapping[str, Any]


class Decided:
    """What the comparison of all documents decided about those of one piece, by their number in it."""

    def __init__(self, job: Job, storage: Storage) -> None:
        self._storage, self._numbering = storage, Numbering(job["bases"])
        piece, base = job["piece"], job["bases"][job["piece"]]
        num = self._numbering.num_pieces

        def decisions(step: str, name: str, width: int) -> Iterable[list[int]]:
            folders = [storage.folder(f"{step}/{task:06}") / name for task in range(job["num_tasks"].get(step, 0))]
            records = gathered(folders, piece, width, num)
            records[:, 0] -= np.uint64(base)
            return records.tolist()

        self._again = {one[0]: one[1] for one in decisions("exact", "again", 2)}
        self._twins = {number: (twin, bits) for number, twin, bits in decisions("clusters", "twins", 3)}
        self._sizes: dict[int, int] = {}
        for number, size in decisions("clusters", "sizes", 2):
            self._sizes[number] = self._sizes.get(number, 0) + size
        self._ids = self._ids_of([*self._again.values(), *(twin for twin, _ in self._twins.values())])

    def _ids_of(self, numbers: Sequence[int]) -> dict[int, str]:
        found: dict[int, str] = {}
        wanted = np.unique(np.array(numbers, np.int64))
        for piece, where, places in self._numbering.by_piece(wanted):
            names = read_names(self._storage.folder(f"clean/{piece:06}") / "ids", places.tolist())
            found.update(zip(wanted[where].tolist(), names, strict=True))
        return found

    def concerns(self, number: int) -> bool:
        """Whether anything was decided about a document."""
        return number in self._again or number in self._twins or number in self._sizes

    def is_gone(self, number: int) -> bool:
        """Whether a document goes, for one that stays."""
        return number in self._again or number in self._twins

    def outcome(self, number: int, document: Document) -> Outcome:
        """Return the document with the number of those it stands for, or why it goes."""
        if number in self._again:
            return Outcome(document, Refusal("duplicate", self._ids[self._again[number]]))
        if number in self._twins:
            twin, bits = self._twins[number]
            similarity = float(np.array([bits], np.uint64).view(np.float64)[0])
            return Outcome(document, Refusal("near_duplicate", f"{similarity:.3f} {self._ids[twin]}"))
        if number in self._sizes:
            document = replace(document, meta={**document.meta, TWINS: self._sizes[number] + 1})
        return Outcome(document)
