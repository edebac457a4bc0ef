"""The step that needs to see one document at a time, as a task: a piece of the sources in, a shelf of fates out.

    read -> too much personal data? -> edit -> too short? -> beyond a threshold? -> train | validation

Where rules have to learn from all documents first, reading is a task of its own (`learning.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from hanlin.base.files import read_json
from hanlin.base.seeds import Seeds
from hanlin.base.storage import Storage
from hanlin.text.building.learning import LEARNED
from hanlin.text.building.parts import write_by_key
from hanlin.text.building.shelf import ShelfWriter
from hanlin.text.building.survivors import GONE, TRAIN, VALIDATION, Survivors
from hanlin.text.config import CorpusConfig
from hanlin.text.document import Document, Dropped
from hanlin.text.ledger import REMOVED, UNREAD, Entry, place_of, row
from hanlin.text.privacy.treat import Privacy, in_words, is_too_much, total, treated
from hanlin.text.reading import Draft, Event, events_of
from hanlin.text.rules.rulebook import Rulebook, kind_of
from hanlin.text.split import Splitter
from hanlin.text.tally import Tally, count
from hanlin.text.work import Refusal, Work

CODES = {"train": TRAIN, "validation": VALIDATION}


def clean(job: Mapping[str, Any], folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: take the documents of a piece through the steps, and leave what the later steps ask for."""
    config = CorpusConfig(**job["config"])
    cleaner = Cleaner(config)
    if job["learned"]:
        cleaner.rules.recall(read_json(storage.folder(job["learned"]) / LEARNED))
    survivors = Survivors(config, folder, job["parts"])
    rows: list[tuple[int, ...]] = []
    with ShelfWriter(folder / "documents") as shelf:
        for entry, now, read in cleaner.fates(events_of(job["piece"], config, storage)):
            is_same = now is None or now == read
            shelf.add(row(entry), row(now) if now else b"\n", b"\n" if is_same or not read else row(read))
            rows.append(cleaner.described(entry, now))
            if now and entry.fate in CODES:
                survivors.add(now)
    np.save(folder / "fates.npy", np.array(rows, np.int64).reshape(-1, 6))
    survivors.write()
    if config.split_by:
        write_by_key(folder / "split", cleaner.splitter.records(), job["parts"])
    return cleaner.counters(len(survivors))


Fate = tuple[Entry, Document | None, Document | None]
"""Row of the ledger, the text as it is now, the text as it was read."""


class Cleaner:
    """The steps in order, and the tally they fill."""

    def __init__(self, config: CorpusConfig) -> None:
        self.config, self.tally = config, Tally()
        self.rules = Rulebook(config.rules, config.quality)
        self.privacy = Privacy(config.privacy, config.max_examples)
        self.tally.personal = self.privacy.figures
        self.splitter = Splitter(Seeds(config.seed).derive("split"), config.validation_fraction, config.split_by)
        self.losses = Losses(self.tally, self.privacy, config.max_examples)
        self.names: dict[str, list[str]] = {"languages": [], "sources": []}
        self.num_bytes = self.num_held_out = 0
        self._first_file: list[str] | None = None
        self._last_path = ""
        self.steps = (self._too_personal, self._edit, self._too_short, self._beyond_threshold)

    def fates(self, events: Iterator[Event]) -> Iterator[Fate]:
        """Yield what the steps make of everything that was read."""
        for event in events:
            if isinstance(event, Dropped):
                yield self.losses.count(_unread(event)), None, None
                continue
            self._count_read(event)
            work = Work(event, event.document, {}, event.measures)
            yield self._fate(work, next(filter(None, (step(work) for step in self.steps)), None))

    def _fate(self, work: Work, refusal: Refusal | None) -> Fate:
        document = work.document
        entry = Entry(
            document.id, document.source, place_of(document), "", str(document.meta.get("id", "")), document.lang,
            kind_of(document), changes=work.draft.changes,
            personal=work.draft.personal, edits=work.edits, measures=work.measures,
        )  # fmt: skip
        if refusal is not None:
            return self.losses.refused(entry, REMOVED, refusal), document, work.read
        part = self.splitter.part_of(document)
        self.num_held_out += part == "validation"
        return replace(entry, fate=part), document, work.read

    def described(self, entry: Entry, now: Document | None) -> tuple[int, ...]:
        """Return the row of fates.npy for a document."""
        if now is None:
            return (GONE, 0, 0, 0, 0, 0)
        size = (len(now.text), len(now.text.encode()))
        names = (_place_in(self.names["languages"], now.lang), _place_in(self.names["sources"], now.source))
        return (CODES.get(entry.fate, GONE), *size, *names, int(bool(entry.edits)))

    def counters(self, num_survivors: int) -> dict[str, Any]:
        """Return everything that was counted."""
        return {
            "survivors": num_survivors,
            "held_out": self.num_held_out,
            "bytes": self.num_bytes,
            "tally": self.tally.table(),
            "names": self.names,
            "first_drop": asdict(self.losses.first) if self.losses.first else None,
            "first_file": self._first_file,
            "last_path": self._last_path,
            "split": self.splitter.table(),
        }

    # ------------------------------------------------------------ the steps: each may alter the work or refuse it

    def _too_personal(self, work: Work) -> Refusal | None:
        found = work.draft.personal
        if not is_too_much(found, self.config.privacy):
            return None
        return Refusal("personal", in_words(found), total(found), self.config.privacy.drop_above)

    def _edit(self, work: Work) -> Refusal | None:
        edited = self.rules.edit(work.document)
        for edit, number in edited.changes.items():
            count(self.tally.edits, edit, number)
            count(self.tally.edited, edit)
            for example in edited.examples[edit]:
                self.losses.keep(Dropped(edit, work.read.id, work.read.source, place_of(work.read), example))
        if edited.changes:
            text = edited.text
            if self.config.privacy.action == "mask":  # an entity that was read may have hidden an address
                text, found = treated(text, self.config.privacy)
                self.privacy.count(found, place_of(work.read), is_new=not work.draft.personal)
            work.document, work.edits = replace(work.document, text=text), edited.changes
        return None

    def _too_short(self, work: Work) -> Refusal | None:
        size = len(work.document.text.strip())
        if size >= self.config.min_chars:
            return None
        return Refusal("too_short", work.document.text[:80], size, self.config.min_chars)

    def _beyond_threshold(self, work: Work) -> Refusal | None:
        if self.rules.is_idle:
            return None
        work.measures = self.rules.measures(work.read, work.measures)
        for measure in self.rules.scores.missing(work.read.lang):
            count(self.tally.unscored, f"{measure} {work.read.lang}")
        broken = self.rules.broken(work.read, work.measures)
        if not broken:
            return None
        threshold, value = broken[0].threshold, broken[0].value
        return Refusal(threshold.name, f"{value:g}", value, threshold.limit, threshold.origin)

    def _count_read(self, draft: Draft) -> None:
        meta = draft.document.meta
        self.tally.read += 1
        self.tally.pieces += "piece" in meta
        self.num_bytes += len(draft.document.text.encode())
        self.privacy.count(draft.personal, place_of(draft.document))
        for rule, number in draft.changes.items():
            count(self.tally.changes, rule, number)
        if meta["path"] != self._last_path:  # encodings are counted once a file
            self._last_path = str(meta["path"])
            self._first_file = self._first_file or [self._last_path, str(meta["encoding"])]
            count(self.tally.encodings, str(meta["encoding"]))


class Losses:
    """Counts what is not kept, and keeps the first few examples of each reason."""

    def __init__(self, tally: Tally, privacy: Privacy, most: int) -> None:
        self.tally, self.privacy, self.most = tally, privacy, most
        self.first: Dropped | None = None

    def refused(self, entry: Entry, fate: str, refusal: Refusal) -> Entry:
        """Count a document that was read and is not kept."""
        return self.count(replace(entry, fate=fate, **vars(refusal)))

    def count(self, entry: Entry) -> Entry:
        """Count a loss; return its row with what may be shown of it."""
        entry = replace(entry, example=self.privacy.shown(entry.example))
        dropped = entry.dropped()
        count(self.tally.dropped, dropped.reason)
        self.keep(dropped)
        self.first = self.first or dropped
        return entry

    def keep(self, example: Dropped) -> None:
        """Keep the first few of its kind."""
        examples = self.tally.examples.setdefault(example.reason, [])
        if len(examples) < self.most:
            examples.append({**asdict(example), "example": self.privacy.shown(example.example)})


def _unread(event: Dropped) -> Entry:
    return Entry(event.id, event.source, event.location, UNREAD, reason=event.reason, example=event.example)


def _place_in(names: list[str], name: str) -> int:
    if name not in names:
        names.append(name)
    return names.index(name)
