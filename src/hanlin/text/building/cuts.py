"""Lines, paragraphs and passages that stand in many documents: cut out of those of one piece, counted and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from hanlin.base.storage import Storage
from hanlin.text.building.compare import SHOWN_CHARS, Texts
from hanlin.text.building.parts import gathered
from hanlin.text.building.survivors import Numbering
from hanlin.text.config import LinesConfig
from hanlin.text.document import Document
from hanlin.text.duplicates.repeated import PLACE_BITS, Span, line_spans, passages, places_of, twins_of, without
from hanlin.text.folding import Hashes
from hanlin.text.tally import added
from hanlin.text.work import Outcome, Refusal


class Cutter:
    """What was marked in the documents of one piece."""

    def __init__(self, config: LinesConfig, max_examples: int, job: Mapping[str, Any], storage: Storage) -> None:
        self._config, self._most = config, max_examples
        self._base = job["bases"][job["piece"]]
        self._numbering = Numbering(job["bases"])
        self._texts = Texts(storage, self._numbering)
        folders = [storage.folder(f"lines/{task:06}") for task in range(job["num_tasks"].get("lines", 0))]

        def marks(name: str, width: int) -> Hashes:
            paths = [folder / name for folder in folders if (folder / name).is_file()]
            found = gathered(paths, job["piece"], width, self._numbering.num_pieces)
            return found[np.lexsort(found.T[::-1])]

        self._repeated, self._boilerplate = marks("repeated", 1)[:, 0], marks("boilerplate", 1)[:, 0]
        self._windows = marks("windows", 2)
        marked = np.concatenate((self._repeated, self._boilerplate, self._windows[:, 0])) >> PLACE_BITS
        self._marked = frozenset((np.unique(marked).astype(np.int64) - self._base).tolist())
        self._counts: dict[str, dict[str, int]] = {}
        self._examples: dict[str, dict[str, str]] = {}

    def concerns(self, number: int) -> bool:
        """Whether anything is marked in a document of the piece."""
        return number in self._marked

    def cut(self, number: int, document: Document) -> Outcome:
        """Return a document without what it repeats, and how many pieces of each kind that was."""
        found = {kind: spans for kind, spans in self._spans(self._base + number, document.text).items() if spans}
        if not found:
            return Outcome(document)
        for kind, spans in found.items():
            self._count(kind, document, spans)
        text = without(document.text, [span for spans in found.values() for span in spans])
        cuts = {kind: len(spans) for kind, spans in found.items()}
        refusal = None if text.strip() else Refusal("nothing_left", document.text[:80])
        return Outcome(replace(document, text=text), refusal, cuts)

    def _spans(self, number: int, text: str) -> dict[str, list[Span]]:
        repeated, common = places_of(self._repeated, number), places_of(self._boilerplate, number)
        twins = twins_of(self._windows, number)
        return {
            "repeated": line_spans(self._config, text, repeated, []),
            "boilerplate": line_spans(self._config, text, [], common),
            "passages": list(passages(self._config.passages or 0, text, twins, self._texts.text)) if twins else [],
        }

    def _count(self, kind: str, document: Document, spans: list[Span]) -> None:
        counts = self._counts.setdefault(kind, {"documents": 0, "pieces": 0, "characters": 0})
        counts["documents"] += 1
        counts["pieces"] += len(spans)
        counts["characters"] += sum(end - start for start, end in spans)
        examples = self._examples.setdefault(kind, {})
        for start, end in spans:
            if len(examples) < self._most:
                examples.setdefault(document.text[start:end].strip()[:SHOWN_CHARS], document.id)

    def close(self) -> None:
        """Let the texts go that passages were compared with."""
        self._texts.close()

    def counters(self) -> dict[str, Any]:
        """Return what was cut in this piece."""
        return {kind: {**counts, "examples": self._examples[kind]} for kind, counts in self._counts.items()}


def cuts_added(one: Mapping[str, Any], other: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Return what was cut in one part of the corpus and another, with the first examples."""
    both = added(one, other, most)
    return {kind: {**found, "examples": dict(list(found["examples"].items())[:most])} for kind, found in both.items()}


def cut_figures(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was cut in all pieces."""
    return {
        kind: {**counts, "examples": [{"text": text, "id": id} for text, id in counts["examples"].items()]}
        for kind, counts in found.items()
    }
