"""Examples of good and bad texts, and which of them are held out.

The same text twice would be learned and then found again: copies go, and texts that somebody called good and somebody
else bad go altogether. Near duplicates, and rows that agree in a field on request, stay on one side of the split.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hanlin.base.errors import InputError
from hanlin.base.seeds import Seeds
from hanlin.text.config import NearDupConfig
from hanlin.text.document import Document
from hanlin.text.duplicates.forest import roots_of
from hanlin.text.duplicates.near import near_pairs
from hanlin.text.ledger import place_of
from hanlin.text.split import Splitter

_NEAR = NearDupConfig(action="drop", threshold=0.5, bands=25, rows=3)
"""Nearer than what a corpus calls a near duplicate: a chain letter with another number is the same spam."""


@dataclass(frozen=True)
class Example:
    """One text, and whether it is bad; `group` is the first text of those that must not be parted."""

    document: Document
    is_bad: bool
    group: str = ""

    @property
    def text(self) -> str:
        return self.document.text

    @property
    def lang(self) -> str:
        return self.document.lang


@dataclass(frozen=True)
class Examples:
    """What there is to learn from and to measure on, and what was left out."""

    train: Sequence[Example]
    held_out: Sequence[Example]
    num_copies: int
    num_contradictions: int
    num_groups: int


def labelled(documents: Iterable[Document], bad_labels: Collection[str]) -> Iterator[Example]:
    """Yield rows as examples by their field `label`.

    Raises InputError: a row without a label (E297), a label of `bad_labels` that no row has (E298).
    """
    seen: set[str] = set()
    for document in documents:
        if "label" not in document.meta:
            raise InputError("text.row_without_label", place=place_of(document))
        seen.add(str(document.meta["label"]))
        yield Example(document, str(document.meta["label"]) in bad_labels)
    if unknown := sorted(set(bad_labels) - seen):
        raise InputError("text.unknown_label", labels=", ".join(unknown), known=", ".join(sorted(seen)[:20]))


def split_examples(found: Iterable[Example], *, held_out: float, seed: int, field: str = "") -> Examples:
    """Leave out copies and contradictions, and hold out a share of the groups of examples.

    `field` names a field whose rows belong together. Raises InputError (E295) where no row has it.
    """
    rows = list(found)
    unique = _without_copies(rows)
    agreed = [row for row in unique if row is not None]
    splitter = Splitter(Seeds(seed).derive("split"), held_out, "group")
    chosen: dict[str, list[Example]] = {"train": [], "validation": []}
    groups = _groups(agreed, field)
    for row, group in zip(agreed, groups, strict=True):
        part = splitter.part_of(replace(row.document, meta={"group": group}))
        chosen[part].append(replace(row, group=group))
    return Examples(
        chosen["train"], chosen["validation"], len(rows) - len(unique), len(unique) - len(agreed), len(set(groups))
    )


def _without_copies(rows: Sequence[Example]) -> list[Example | None]:
    """Each text once; None for one that is called both good and bad."""
    found: dict[str, Example | None] = {}
    for row in rows:
        known = found.setdefault(row.text.strip(), row)
        if known is not None and known.is_bad != row.is_bad:
            found[row.text.strip()] = None
    return list(found.values())


def _groups(rows: Sequence[Example], field: str) -> list[str]:
    """The name of each row's group: that of its first row."""
    pairs = [(one, other) for one, other, _ in near_pairs([row.text for row in rows], _NEAR)]
    if field:
        pairs += _pairs_by(field, rows)
    roots = roots_of(np.array(pairs, np.int64).reshape(-1, 2), len(rows))
    return [rows[root].text for root in roots.tolist()]


def _pairs_by(field: str, rows: Sequence[Example]) -> list[tuple[int, int]]:
    """Each row with the first one that agrees in a field."""
    named = [(str(row.document.meta[field]), number) for number, row in enumerate(rows) if field in row.document.meta]
    if not named:
        known = sorted({name for row in rows for name in row.document.meta})
        raise InputError("text.no_such_group", field=field, known=", ".join(known))
    first = dict(reversed(named))
    return [(first[name], number) for name, number in named]
