"""A document between reading and the corpus: a step takes `Work` and may alter it or give a `Refusal`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hanlin.text.document import Document
from hanlin.text.reading import Draft


@dataclass(frozen=True)
class Refusal:
    """Why a step lets a document go: the rule, and for bounds the value, the bound and who set it."""

    reason: str
    example: str = ""
    value: float | None = None
    limit: float | None = None
    origin: str = ""


@dataclass
class Work:
    """One document on its way through the steps: as it was read, as it is now, and what was learned of it."""

    draft: Draft
    document: Document
    edits: Mapping[str, int]
    measures: Mapping[str, float] | None

    @property
    def read(self) -> Document:
        """The document before any step."""
        return self.draft.document


@dataclass(frozen=True)
class Outcome:
    """A document after a step that looks at others, the refusal if it goes, and how many pieces of each kind were cut
    out of it."""

    document: Document
    refusal: Refusal | None = None
    cuts: Mapping[str, int] = field(default_factory=dict)
