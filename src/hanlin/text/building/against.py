"""Rows of evaluation sets in training text: what is done about them, and what is told."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Any

from hanlin.text.config import AgainstConfig
from hanlin.text.document import Document, Dropped
from hanlin.text.duplicates.repeated import Span, without
from hanlin.text.families import FAMILY
from hanlin.text.overlap.index import Overlap, OverlapIndex, index_of
from hanlin.text.overlap.rows import evaluation_files, evaluation_rows
from hanlin.text.tally import count
from hanlin.text.work import Outcome, Refusal

SHOWN_CHARS = 120
NOTHING_FOUND: Mapping[str, Any] = {
    "rows": {}, "documents": {}, "examples": {}, "cut": 0, "spared": {}, "sayings": {},
}  # fmt: skip
_SENTENCE_END = re.compile(r"[。！？；\n]|[.!?;](?=\s)")


Stamp = tuple[tuple[str, int, int], ...]


def evaluation_stamp(config: AgainstConfig) -> Stamp:
    """Return the files of the evaluation sets with size and time. Raises InputError (E290) for one that is missing."""
    stats = [(str(path), path.stat()) for name in config.paths for path in evaluation_files(name)]
    return tuple((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats)


def evaluation_index(config: AgainstConfig) -> tuple[OverlapIndex, tuple[str, ...]]:
    """Return the index of the evaluation sets, and the places of rows that cannot be read; once in a process.

    Raises InputError, CheckFailed.
    """
    return _index(config, evaluation_stamp(config))


@functools.lru_cache(maxsize=2)
def _index(config: AgainstConfig, stamp: Stamp) -> tuple[OverlapIndex, tuple[str, ...]]:
    dropped: list[Dropped] = []
    rows = evaluation_rows(config.paths, fields=config.fields, on_drop=dropped.append)
    return index_of(rows, config), tuple(one.location for one in dropped)


def overlaps_of(index: OverlapIndex, document: Document) -> list[Overlap]:
    """Return the passages of a document that stand in evaluation rows, or all of it where it was made from one."""
    return index.find(document.text) or index.kin(str(document.meta.get(FAMILY, "")), document.text)


class Against:
    """Looks for evaluation rows in the documents of one piece; runs that are `common` prove nothing alone."""

    def __init__(self, config: AgainstConfig, max_examples: int, common: Set[int] = frozenset()) -> None:
        self.config, self._most, self._common = config, max_examples, common
        self.index = evaluation_index(config)[0]
        self._spared: dict[str, int] = {}
        self._sayings: dict[str, list[dict[str, str]]] = {}
        self._rows: dict[str, dict[str, int]] = {}
        self._documents: dict[str, int] = {}
        self._examples: dict[str, list[dict[str, str]]] = {}
        self._num_cut = 0

    def outcome(self, so_far: Outcome) -> Outcome:
        """Return the outcome of a document of the training part, which must hold no rows of evaluation sets."""
        document, action = so_far.document, self.config.action
        found = self._look(document)
        if not found or action == "report":
            return so_far
        first = found[0]
        if action == "drop":
            passage = document.text[first.start : first.end]
            return replace(so_far, refusal=Refusal("evaluation", f"{first.row.place}: {passage}"[:SHOWN_CHARS]))
        spans = [_whole_sentences(document.text, one.start, one.end) for one in found]
        left = without(document.text, spans)
        if not left.strip():
            return replace(so_far, refusal=Refusal("nothing_left", document.text[:80]))
        self._num_cut += len(document.text) - len(left)
        return Outcome(replace(document, text=left), cuts={**so_far.cuts, "evaluation": len(spans)})

    def _look(self, document: Document) -> list[Overlap]:
        """The overlaps of a document that prove something, counted."""
        met = overlaps_of(self.index, document)
        found = self.index.proven(met, self._common)
        if met and not found:
            self._spare(document, met)
        for name in dict.fromkeys(one.row.set for one in found):
            count(self._documents, name)
        for one in found:
            self._rows.setdefault(one.row.set, {})[one.row.place] = 1
            examples = self._examples.setdefault(one.row.set, [])
            if len(examples) < self._most:
                passage = document.text[one.start : one.end][:SHOWN_CHARS]
                examples.append({"row": one.row.place, "id": document.id, "passage": passage})
        return found

    def _spare(self, document: Document, met: list[Overlap]) -> None:
        """Count a document that shares only with a row what many do."""
        for name in dict.fromkeys(one.row.set for one in met):
            count(self._spared, name)
        for one in met[: self._most]:
            passage = document.text[one.start : one.end][:SHOWN_CHARS]
            self._sayings.setdefault(one.row.set, []).append({"row": one.row.place, "passage": passage})

    def counters(self) -> dict[str, Any]:
        """Return what was found in this piece."""
        return {
            "rows": self._rows, "documents": self._documents, "examples": self._examples, "cut": self._num_cut,
            "spared": self._spared, "sayings": {name: told[: self._most] for name, told in self._sayings.items()},
        }  # fmt: skip


def against_figures(config: AgainstConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was found in all pieces, set by set."""
    index, unreadable = evaluation_index(config)
    sets = {
        name: {
            "rows": number,
            "too_short": index.num_unusable[name],
            "planted_and_found": index.planted[name],
            "rows_found": len(found["rows"].get(name, ())),
            "documents": found["documents"].get(name, 0),
            "examples": found["examples"].get(name, []),
            "instructions": index.num_templates[name],
            "documents_spared": found["spared"].get(name, 0),
            "spared": found["sayings"].get(name, []),
        }
        for name, number in index.sets.items()
    }
    unreadable_rows = list(unreadable)
    return {
        "action": config.action, "sets": sets, "characters_cut": found["cut"], "unreadable_rows": unreadable_rows,
        "most_texts": config.most_texts,
    }  # fmt: skip


def _whole_sentences(text: str, start: int, end: int) -> Span:
    """The sentences that a span touches; half a sentence would teach to break off."""
    before = [found.end() for found in _SENTENCE_END.finditer(text, max(0, start - 2000), start)]
    after = _SENTENCE_END.search(text, max(start, end - 1))
    return (before[-1] if before else 0 if start <= 2000 else start), (after.end() if after else len(text))
