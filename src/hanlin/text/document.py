"""The records that travel through the room: a text that was kept, a text that was not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TWINS = "near_duplicates"
"""Number in `meta` of the near duplicates a document stands for, itself among them. No reader takes such a column."""


@dataclass(frozen=True)
class Document:
    """One text of a corpus.

    `id` is stable between builds (file and row, or the row's own id), `source` names the configured source,
    `lang` is "zh", "en", "code" or "other", `meta` holds what leads back to the original (path, line, licence).
    """

    text: str
    id: str
    source: str
    lang: str
    meta: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Dropped:
    """Something that was read and not kept: `reason` is a name with a sentence `text.drop_<reason>` or
    `text.row_<reason>`, `location` is file:line, `example` its first characters or the broken rule in detail."""

    reason: str
    id: str
    source: str
    location: str
    example: str = ""
