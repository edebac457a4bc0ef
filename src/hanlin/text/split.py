"""Training or validation: by the hash of a document, or of the group it belongs to, never by chance or order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from hanlin.base.errors import InputError
from hanlin.text.dedup import text_digest
from hanlin.text.document import Document
from hanlin.text.families import FAMILY
from hanlin.text.folding import Hashes
from hanlin.text.ledger import KEPT


class Splitter:
    """Gives each document its part, the same in every build that has it; whole groups where `field` names one.

    A document without the field is a group of its own, or one with those that it was made from and that were made from
    it (`families.py`). `site` is the host of its `url` where it has no such field.
    Memory: 16 bytes and a set's entry for each group of a piece.
    """

    def __init__(self, seed: int, validation_fraction: float, field: str = "") -> None:
        self._seed, self._fraction, self._field = seed, validation_fraction, field
        self._groups: dict[str, set[bytes]] = {part: set() for part in KEPT}
        self._num_documents, self._fields = 0, set[str]()

    def part_of(self, document: Document) -> str:
        """Return "train" or "validation"."""
        group = self._group(document.meta) if self._field else None
        kin = document.meta.get(FAMILY, document.text) if group is None else group
        digest = text_digest(f"{self._seed}\n{kin}")
        part = "validation" if int.from_bytes(digest[:8], "big") / 2**64 < self._fraction else "train"
        if group is not None:
            self._groups[part].add(digest)
        self._num_documents += 1
        self._fields |= document.meta.keys()
        return part

    def table(self) -> dict[str, Any]:
        """Return what was seen, as plain data for `take`; nothing without a field."""
        return {"documents": self._num_documents, "fields": sorted(self._fields)} if self._field else {}

    def records(self) -> Hashes:
        """Return (n, 3): the digest of each group in two numbers, and its part by its place among the parts."""
        rows = [
            (*np.frombuffer(digest, ">u8").tolist(), place)
            for place, part in enumerate(KEPT)
            for digest in sorted(self._groups[part])
        ]
        return np.array(rows, np.uint64).reshape(-1, 3)

    def take(self, table: Mapping[str, Any]) -> None:
        """Add what the splitter of another part of the corpus saw."""
        self._num_documents += table.get("documents", 0)
        self._fields.update(table.get("fields", ()))

    def checked(self, groups: Mapping[str, int]) -> dict[str, int]:
        """Return how many groups each part got. Raises InputError where no document has the field."""
        if self._num_documents and not any(groups.values()):
            raise InputError("text.no_such_group", field=self._field, known=", ".join(sorted(self._fields)))
        return dict(groups)

    def _group(self, meta: Mapping[str, str | int | float]) -> str | None:
        if self._field in meta:
            return str(meta[self._field])
        if self._field == "site" and "url" in meta:
            return urlsplit(str(meta["url"])).hostname
        return None
