"""The end of a build, as tasks: the decisions of the steps that look at all documents are carried out piece by piece.

finish   a shelf and what was decided -> train, validation so far, ledger so far, removed     one frame of each file
leaks    equal lines of held-out and training text                                            by part of the keys
settle   validation so far -> validation, leaked, ledger                                      one frame of each file
"""

from __future__ import annotations

import contextlib
import json
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
from hanlin.text.building.parts import gathered, write_by_key
from hanlin.text.building.shelf import Shelf
from hanlin.text.building.survivors import (
    BYTES,
    CHARACTERS,
    EDITED,
    FATE,
    GONE,
    LANGUAGE,
    SOURCE,
    TRAIN,
    Ints,
    Numbering,
    read_names,
)  # fmt: skip
from hanlin.text.config import CorpusConfig
from hanlin.text.document import TWINS, Document
from hanlin.text.families import held_out_keys, training_keys
from hanlin.text.folding import Hashes
from hanlin.text.leaks import leaked_share, long_line_keys
from hanlin.text.ledger import KEPT, LEAKED, LEDGER, REMOVED, Entry, documents_of, lines_in, packed, path_of, row
from hanlin.text.privacy.treat import Privacy
from hanlin.text.tally import Amount, Tally
from hanlin.text.work import Outcome, Refusal

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
        write_by_key(folder / f"{name}-lines", np.array(sorted(keys), np.uint64)[:, None], job["parts"])
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
        self.against = Against(config.against, config.max_examples) if config.against.paths else None
        self.cutter = Cutter(config.lines, config.max_examples, job, storage)
        self.looks_for_leaks = bool(job["looks_for_leaks"])
        self.line_keys: dict[str, set[int]] = {name: set() for name in KEPT}
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
            if self._may_alter(number, fate):
                self._decide(number, place, (entry, now, read))
            else:
                self._keep(place, entry, now, read)
            number += 1

    def _may_alter(self, number: int, fate: int) -> bool:
        is_looked_at = self.against is not None and fate == TRAIN
        return is_looked_at or self.decided.concerns(number) or self.cutter.concerns(number)

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
        self.line_keys[part] |= long_line_keys(document.text) | kin(document.meta)

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


class Decided:
    """What the comparison of all documents decided about those of one piece, by their number in it."""

    def __init__(self, job: Job, storage: Storage) -> None:
        self._storage, self._numbering = storage, Numbering(job["bases"])
        piece, base = job["piece"], job["bases"][job["piece"]]
        num = self._numbering.num_pieces

        def decisions(step: str, name: str, width: int) -> Iterable[list[int]]:
            folders = [storage.folder(f"{step}/{task:06}") / name for task in range(job["num_tasks"].get(step, 0))]
            records = gathered(folders, piece, width, num)
            records[:, 0] -= np.uint64(base)
            return records.tolist()

        self._again = {one[0]: one[1] for one in decisions("exact", "again", 2)}
        self._twins = {number: (twin, bits) for number, twin, bits in decisions("clusters", "twins", 3)}
        self._sizes: dict[int, int] = {}
        for number, size in decisions("clusters", "sizes", 2):
            self._sizes[number] = self._sizes.get(number, 0) + size
        self._ids = self._ids_of([*self._again.values(), *(twin for twin, _ in self._twins.values())])

    def _ids_of(self, numbers: Sequence[int]) -> dict[int, str]:
        found: dict[int, str] = {}
        wanted = np.unique(np.array(numbers, np.int64))
        for piece, where, places in self._numbering.by_piece(wanted):
            names = read_names(self._storage.folder(f"clean/{piece:06}") / "ids", places.tolist())
            found.update(zip(wanted[where].tolist(), names, strict=True))
        return found

    def concerns(self, number: int) -> bool:
        """Whether anything was decided about a document."""
        return number in self._again or number in self._twins or number in self._sizes

    def outcome(self, number: int, document: Document) -> Outcome:
        """Return the document with the number of those it stands for, or why it goes."""
        if number in self._again:
            return Outcome(document, Refusal("duplicate", self._ids[self._again[number]]))
        if number in self._twins:
            twin, bits = self._twins[number]
            similarity = float(np.array([bits], np.uint64).view(np.float64)[0])
            return Outcome(document, Refusal("near_duplicate", f"{similarity:.3f} {self._ids[twin]}"))
        if number in self._sizes:
            document = replace(document, meta={**document.meta, TWINS: self._sizes[number] + 1})
        return Outcome(document)


# ---------------------------------------------------------------- leaks


def leaks(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: find the lines of held-out text that training text has too."""
    folders = [storage.folder(f"finish/{piece:06}") for piece in range(len(job["bases"]) - 1)]
    held, train = (
        gathered([one / f"{part}-lines" for one in folders], job["part"], 1, job["parts"])[:, 0]
        for part in ("validation", "train")
    )
    with disk_errors(folder):
        np.intersect1d(held, train).tofile(folder / "seen")
    return {}


def settle(job: Job, folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: drop of the held-out documents of a piece what training has, and write it into the ledger."""
    config, so_far = CorpusConfig(**job["config"]), storage.folder(f"finish/{job['piece']:06}")
    seen = Keys(np.fromfile(storage.folder(f"leaks/{part:06}") / "seen", np.uint64) for part in range(job["parts"]))
    settler = _Settler(config)
    with disk_errors(folder), contextlib.ExitStack() as stack:
        files = {name: stack.enter_context(packed(path_of(folder, name))) for name in ("validation", LEAKED, LEDGER)}
        leaked = [settler.place(document, seen, files) for document in documents_of(path_of(so_far, CANDIDATES))]
        settler.settle(lines_in(path_of(so_far, LEDGER)), iter(leaked), files[LEDGER])
    if not config.keep_removed:
        path_of(folder, LEAKED).unlink()
    return {"tally": settler.tally.table()}


class Keys:
    """A set of 64-bit keys, 8 bytes each."""

    def __init__(self, keys: Iterable[Hashes]) -> None:
        self._keys = np.sort(np.concatenate([np.empty(0, np.uint64), *keys]))

    def __contains__(self, key: object) -> bool:
        assert isinstance(key, int)
        place = int(np.searchsorted(self._keys, np.uint64(key)))
        return place < len(self._keys) and int(self._keys[place]) == key


class _Settler:
    """The held-out documents of a piece, once all of the training part is known."""

    def __init__(self, config: CorpusConfig) -> None:
        self.config, self.tally = config, Tally()
        self.losses = Losses(self.tally, Privacy(config.privacy, config.max_examples), config.max_examples)

    def place(self, document: Document, seen: Keys, files: Mapping[str, IO[bytes]]) -> float:
        """Write a document where it belongs; return the share of it that training has."""
        is_torn = any(key in seen for key in held_out_keys(document.meta))  # training has its parent, or a child of it
        share = 1.0 if is_torn else leaked_share(document.text, seen)
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
