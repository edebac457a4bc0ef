"""The end of a build, as tasks: the decisions of the steps that look at all documents are carried out piece by piece.

finish   a shelf and what was decided -> train, validation so far, ledger so far, removed     one frame of each file
leaks    equal lines of held-out and training text                                            by part of the keys
settle   validation so far -> validation, leaked, ledger                                      one frame of each file
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from hanlin.base.files import disk_errors
from hanlin.base.storage import Storage
from hanlin.text.building.against import Against
from hanlin.text.building.clean import Losses
from hanlin.text.building.cuts import Cutter
from hanlin.text.building.decided import Decided
from hanlin.text.building.overlaps import common_runs, suspects_of
from hanlin.text.building.parts import added_up, gathered, write_by_key
from hanlin.text.building.shelf import Shelf
from hanlin.text.building.survivors import (
    BYTES,
    CHARACTERS,
    EDITED,
    FATE,
    GONE,
    LANGUAGE,
    SOURCE,
    Ints,
)  # fmt: skip
from hanlin.text.config import CorpusConfig
from hanlin.text.document import Document
from hanlin.text.families import held_out_keys, training_keys
from hanlin.text.folding import Hashes
from hanlin.text.leaks import MOST_TEXTS, leaked_share, long_line_keys
from hanlin.text.ledger import KEPT, LEAKED, LEDGER, REMOVED, Entry, documents_of, lines_in, packed, path_of, row
from hanlin.text.privacy.treat import Privacy
from hanlin.text.tally import Amount, Tally
from hanlin.text.work import Refusal

Job = Mapping[str, Any]

CANDIDATES = "candidates"
VALIDATION_FATE = b'"fate": "validation"'


def finish(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: carry out what was decided about the documents of one piece."""
    config = CorpusConfig(**job["config"])
    names = ("train", CANDIDATES, LEDGER, *((REMOVED,) if config.keep_removed else ()))
    with disk_errors(folder), contextlib.ExitStack() as stack:
        files = {name: stack.enter_context(packed(path_of(folder, name))) for name in names}
        finisher = Finisher(config, job, storage, files)
        stack.callback(finisher.cutter.close)
        finisher.run(stack.enter_context(Shelf(storage.folder(f"clean/{job['piece']:06}") / "documents", 3)))
    for name, keys in finisher.line_keys.items():
        write_by_key(folder / f"{name}-lines", np.array(sorted(keys.items()), np.uint64).reshape(-1, 2), job["parts"])
    return finisher.counters()


class Finisher:
    """One piece on its way to the files of the corpus."""

    def __init__(self, config: CorpusConfig, job: Job, storage: Storage, files: Mapping[str, IO[bytes]]) -> None:
        self.config, self.files, self.tally = config, files, Tally()
        self.rows = np.load(storage.folder(f"clean/{job['piece']:06}") / "fates.npy")
        self.names: Mapping[str, list[str]] = job["names"]
        self.privacy = Privacy(config.privacy, config.max_examples)
        self.losses = Losses(self.tally, self.privacy, config.max_examples)
        self.decided = Decided(job, storage)
        self.suspects = suspects_of(job["piece"], storage) if config.against.paths else frozenset[int]()
        self.against = Against(config.against, config.max_examples, common_runs(storage)) if self.suspects else None
        self.cutter = Cutter(config.lines, config.max_examples, job, storage)
        self.looks_for_leaks = bool(job["looks_for_leaks"])
        self.line_keys: dict[str, Counter[int]] = {name: Counter() for name in KEPT}
        self.unaltered: list[int] = []

    def run(self, shelf: Shelf) -> None:
        """Take every record to where it belongs."""
        number = 0
        for place, (entry, now, read) in enumerate(shelf):
            fate = int(self.rows[place, FATE])
            if fate == GONE:
                self.files[LEDGER].write(entry)
                self._keep_removed(read, now)
                continue
            if self._may_alter(number):
                self._decide(number, place, (entry, now, read))
            else:
                self._keep(place, entry, now, read)
            number += 1

    def _may_alter(self, number: int) -> bool:
        return number in self.suspects or self.decided.concerns(number) or self.cutter.concerns(number)

    def _keep(self, place: int, entry: bytes, now: bytes, read: bytes) -> None:
        """A document that nothing happened to is copied."""
        part = KEPT[int(self.rows[place, FATE])]
        self.files[LEDGER].write(entry)
        self.files["train" if part == "train" else CANDIDATES].write(now)
        if self.rows[place, EDITED]:
            self._keep_removed(read, now)
        if part == "train":
            self.unaltered.append(place)
        if self.looks_for_leaks:
            self._note(part, Document(**json.loads(now)))

    def _keep_removed(self, read: bytes, now: bytes) -> None:
        """Put the text as it was read beside the corpus; what was no document has none."""
        line = now if read == b"\n" else read
        if REMOVED in self.files and line != b"\n":
            self.files[REMOVED].write(line)

    def _decide(self, number: int, place: int, record: tuple[bytes, bytes, bytes]) -> None:
        entry, document = Entry(**json.loads(record[0])), Document(**json.loads(record[1]))
        outcome = self.decided.outcome(number, document)
        if not outcome.refusal:
            outcome = self.cutter.cut(number, outcome.document)
        if self.against and entry.fate == "train" and not outcome.refusal:
            outcome = self.against.outcome(outcome)
        if outcome.refusal:
            entry = self.losses.refused(entry, REMOVED, outcome.refusal)
            self.files[LEDGER].write(row(entry))
            self._keep_removed(record[2], record[1])
            return
        entry = replace(entry, edits={**entry.edits, **outcome.cuts})
        self.files[LEDGER].write(row(entry))
        self.files["train" if entry.fate == "train" else CANDIDATES].write(row(outcome.document))
        if entry.edits:
            self._keep_removed(record[2], record[1])
        if entry.fate == "train":
            self.tally.count_kept("train", outcome.document)
        if self.looks_for_leaks:
            self._note(entry.fate, outcome.document)

    def _note(self, part: str, document: Document) -> None:
        """Remember what may give a leak away: long lines, and the rows a document is of kin to."""
        kin = training_keys if part == "train" else held_out_keys
        self.line_keys[part].update(long_line_keys(document.text) | kin(document.meta))

    def counters(self) -> dict[str, Any]:
        """Return everything that was counted."""
        self.tally.personal = self.privacy.figures
        count_unaltered(self.tally, self.rows[self.unaltered], self.names)
        return {
            "tally": self.tally.table(),
            "lines": self.cutter.counters(),
            "against": self.against.counters() if self.against else {},
        }


def count_unaltered(tally: Tally, rows: Ints, names: Mapping[str, Sequence[str]]) -> None:
    """Count the documents of the training part that are as they were when their sizes were taken."""
    for column, of_names, amounts in (
        (SOURCE, names["sources"], tally.sources),
        (LANGUAGE, names["languages"], tally.languages["train"]),
        (None, ("train",), tally.splits),
    ):
        of_each = rows[:, column] if column is not None else np.zeros(len(rows), np.int64)
        for code in dict.fromkeys(of_each.tolist()):
            held = rows[of_each == code]
            amount = amounts.setdefault(of_names[code], Amount())
            amount.documents += len(held)
            amount.characters += int(held[:, CHARACTERS].sum())
            amount.bytes += int(held[:, BYTES].sum())


# ---------------------------------------------------------------- leaks


def leaks(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: find the lines of held-out text that training text has too, and in how many documents."""
    folders = [storage.folder(f"finish/{piece:06}") for piece in range(len(job["bases"]) - 1)]
    held, train = (
        gathered([one / f"{part}-lines" for one in folders], job["part"], 2, job["parts"])
        for part in ("validation", "train")
    )
    train = train[np.isin(train[:, 0], held[:, 0])]
    with disk_errors(folder):
        added_up(train).tofile(folder / "seen")
    return {}


def settle(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: drop of the held-out documents of a piece what training has, and write it into the ledger."""
    config, so_far = CorpusConfig(**job["config"]), storage.folder(f"finish/{job['piece']:06}")
    parts = [np.fromfile(storage.folder(f"leaks/{part:06}") / "seen", np.uint64) for part in range(job["parts"])]
    records = np.concatenate([np.empty(0, np.uint64), *parts]).reshape(-1, 2)
    seen, common = Keys(records[:, 0]), Keys(records[records[:, 1] > MOST_TEXTS, 0])
    settler = _Settler(config, seen, common)
    with disk_errors(folder), contextlib.ExitStack() as stack:
        files = {name: stack.enter_context(packed(path_of(folder, name))) for name in ("validation", LEAKED, LEDGER)}
        leaked = [settler.place(document, files) for document in documents_of(path_of(so_far, CANDIDATES))]
        settler.settle(lines_in(path_of(so_far, LEDGER)), iter(leaked), files[LEDGER])
    if not config.keep_removed:
        path_of(folder, LEAKED).unlink()
    return {"tally": settler.tally.table()}


class Keys:
    """A set of 64-bit keys, 8 bytes each."""

    def __init__(self, keys: Hashes) -> None:
        self._keys = np.sort(keys)

    def __contains__(self, key: object) -> bool:
        assert isinstance(key, int)
        place = int(np.searchsorted(self._keys, np.uint64(key)))
        return place < len(self._keys) and int(self._keys[place]) == key


class _Settler:
    """The held-out documents of a piece, once all of the training part is known."""

    def __init__(self, config: CorpusConfig, seen: Keys, common: Keys) -> None:
        self.config, self.tally = config, Tally()
        self._seen, self._common = seen, common
        self.losses = Losses(self.tally, Privacy(config.privacy, config.max_examples), config.max_examples)

    def place(self, document: Document, files: Mapping[str, IO[bytes]]) -> float:
        """Write a document where it belongs; return the share of it that training has."""
        # Training has its parent, or a child of it.
        is_torn = any(key in self._seen for key in held_out_keys(document.meta))
        share = 1.0 if is_torn else leaked_share(document.text, self._seen, self._common)
        files[LEAKED if share > self.config.most_leaked else "validation"].write(row(document))
        if share <= self.config.most_leaked:
            self.tally.count_kept("validation", document)
        return share

    def settle(self, entries: Iterable[bytes], shares: Iterator[float], ledger: IO[bytes]) -> None:
        """Write the ledger again, with the leaks in it."""
        for line in entries:
            if VALIDATION_FATE in line and (entry := Entry(**json.loads(line))).fate == "validation":
                share = next(shares)
                if share > self.config.most_leaked:
                    refusal = Refusal("leaked", f"{share:.0%}", round(share, 6), self.config.most_leaked)
                    line = row(self.losses.refused(entry, LEAKED, refusal))
            ledger.write(line)
