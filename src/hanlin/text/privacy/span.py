"""Where personal data stands in a text, and what to do where two findings overlap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hanlin.text.config import PERSONAL_KINDS

_RANK: dict[str, int] = {kind: rank for rank, kind in enumerate(PERSONAL_KINDS)}


@dataclass(frozen=True)
class Span:
    """One finding: `text[start:end]` of the searched text, in characters."""

    kind: str
    start: int
    end: int
    text: str


def settled(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order of place, none overlapping: of two that do, the kind named first in PERSONAL_KINDS stays.

    That order is the one of evidence: a key or a checksum says more than eleven digits do.
    """
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if kept and span.start < kept[-1].end and _RANK[span.kind] < _RANK[kept[-1].kind]:
            kept.pop()
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept
