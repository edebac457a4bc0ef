"""Precision and recall of what is found, against places that are known."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from tests.text.privacy.cases import Case

from hanlin.text.config import CERTAIN_KINDS
from hanlin.text.privacy.find import find_personal

Place = tuple[str, int, int]


@dataclass
class Score:
    """Right, wrong and missed places of one kind; a place is right only where its both ends are."""

    right: int = 0
    wrong: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Share of what was found that is there; 1 where nothing was found."""
        return self.right / max(1, self.right + len(self.wrong)) if self.right or self.wrong else 1.0

    @property
    def recall(self) -> float:
        """Share of what is there that was found."""
        return self.right / max(1, self.right + len(self.missed))


def scores(cases: Iterable[Case], kinds: Collection[str] = CERTAIN_KINDS) -> dict[str, Score]:
    """Return a score for each kind."""
    found: dict[str, Score] = {kind: Score() for kind in kinds}
    for case in cases:
        got: set[Place] = {(span.kind, span.start, span.end) for span in find_personal(case.text, kinds)}
        wanted = {place for place in case.spans if place[0] in kinds}
        for kind, _, _ in got & wanted:
            found[kind].right += 1
        for kind, start, end in got - wanted:
            found[kind].wrong.append(f"{case.text[start:end]} in {case.text[:80]}")
        for kind, start, end in wanted - got:
            found[kind].missed.append(f"{case.text[start:end]} in {case.text[:80]}")
    return found
