"""More rows out of rows: each child is its parent with other words, marked as made, by whom and how.

The same rows, settings and seed give the same children. What was made is kept row by row beside the file to be, so that
a run that was cut (a server gone, Ctrl-C) goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from hanlin.base.files import disk_errors, sha256_bytes
from hanlin.base.messages import Language, entry
from hanlin.text.augment.config import AugmentConfig
from hanlin.text.augment.operations import OPERATIONS, Words
from hanlin.text.augment.places import altered
from hanlin.text.augment.service import Service
from hanlin.text.augment.words import read_words
from hanlin.text.document import Dropped
from hanlin.text.families import FAMILY, OPERATION, PARENT, SEED, family_of, name_of_row
from hanlin.text.language import language_of
from hanlin.text.records.columns import ColumnMap
from hanlin.text.records.reading import Placed
from hanlin.text.records.rows import Rule
from hanlin.text.records.writing import RowWriter

_NAMES: Mapping[Language, str] = {"en": "English", "zh": "中文"}
FEWEST, MOST = 0.25, 4.0
"""An answer of a model this many times as long as the text is no paraphrase of it."""


@dataclass
class Augmented:
    """What was made: rows read and taken over from an earlier run, children by operation, attempts that gave nothing
    new by operation, and rows that could not be altered, by rule with the first of each."""

    num_rows: int = 0
    num_resumed: int = 0
    made: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Dropped] = field(default_factory=dict)
    num_retries: int = 0

    def figures(self) -> dict[str, Any]:
        """Return everything as plain data."""
        examples = {reason: vars(dropped) for reason, dropped in self.examples.items()}
        counts = {name: dict(value) for name, value in vars(self).items() if isinstance(value, Counter)}
        return {**vars(self), **counts, "examples": examples}

    def add(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Add what became of one row."""
        for name, numbers in counts.items():
            getattr(self, name).update(numbers)


class Maker:
    """Makes the children of rows, one row at a time."""

    def __init__(self, config: AugmentConfig, columns: Mapping[str, str]) -> None:
        self.config, self.columns = config, ColumnMap.of(columns)
        self.words: Words = read_words(config.word_list) if config.word_list else {}
        self.service = _service(config)

    def children(self, placed: Placed) -> tuple[list[dict[str, Any]], dict[str, Counter[str]]]:
        """Return the rows made from one, and the counts of what gave none. Raises Rule, NetworkError, MissingExtra."""
        row = self.columns.row(placed.table)
        counts = {name: Counter[str]() for name in ("made", "unchanged", "odd")}
        found: list[dict[str, Any]] = []
        before = {json.dumps(placed.table, sort_keys=True, default=str)}
        for operation in self.config.operations:
            for copy in range(1, self.config.copies + 1):
                turn = _Turn(self, operation, family_of(placed.table), copy)
                table = altered(row, placed.format, placed.record, turn.alter)
                said = json.dumps(table, sort_keys=True, default=str)
                if turn.is_odd or said in before:
                    counts["odd" if turn.is_odd else "unchanged"][operation] += 1
                    continue
                before.add(said)
                counts["made"][operation] += 1
                found.append(table | self._marks(placed, operation, copy))
        return found, counts

    def _marks(self, placed: Placed, operation: str, copy: int) -> dict[str, Any]:
        name = _name(placed)
        own = placed.table.get("id", name)
        made_by = {"model": self.config.model} if operation not in OPERATIONS else {}
        marks = {FAMILY: family_of(placed.table), PARENT: name, OPERATION: operation, SEED: self.config.seed}
        return {"id": f"{own}~{operation}-{copy}", **marks, **made_by}


class _Turn:
    """One operation on all texts of one row; what is drawn by lot follows from seed, family, operation and number."""

    def __init__(self, maker: Maker, operation: str, family: str, copy: int) -> None:
        self._maker, self._operation = maker, operation
        digest = hashlib.blake2b(f"{maker.config.seed}\n{family}\n{operation}\n{copy}".encode(), digest_size=6)
        self._seed = int.from_bytes(digest.digest(), "big")
        self._rng = Random(self._seed)
        self.is_odd = False

    def alter(self, text: str) -> str:
        """Return the text as the operation makes it; an answer of odd length marks the turn."""
        config = self._maker.config
        if self._operation in OPERATIONS:
            return OPERATIONS[self._operation](text, self._rng, config.rate, self._maker.words)
        assert self._maker.service
        made = text
        for prompt in _prompts(self._operation, text, config):
            made = self._maker.service.ask(prompt.replace("{text}", made), self._seed)
        self.is_odd |= not FEWEST * len(text) <= len(made) <= MOST * len(text)
        return made


def _prompts(operation: str, text: str, config: AugmentConfig) -> list[str]:
    """What a model is asked, in the language of the text: there and back for a translation."""
    language: Language = "zh" if language_of(text) == "zh" else "en"
    if operation == "paraphrase":
        return [config.prompts.get("paraphrase") or entry("text.augment_paraphrase").text(language).format()]
    other: Language = "en" if language == "zh" else "zh"
    asked = config.prompts.get("translate")
    return [
        (asked or entry("text.augment_translate").text(to).format()).replace("{language}", _NAMES[to])
        for to in (other, language)
    ]


def _service(config: AugmentConfig) -> Service | None:
    if not config.url:
        return None
    return Service(
        config.url, config.model, key_variable=config.key_variable, timeout=config.timeout,
        attempts=config.attempts, temperature=config.temperature, max_tokens=config.max_tokens,
    )  # fmt: skip


def _name(placed: Placed) -> str:
    path, _, line = placed.location.rpartition(":")
    return name_of_row(path, line)


def augment(
    records: Iterable[Placed],
    out: Path,
    config: AugmentConfig,
    *,
    columns: Mapping[str, str] | None = None,
    key: str = "",
) -> Augmented:
    """Write the rows of records and their children to `out`, whole; `key` names the input for going on later.

    Raises ConfigError and InputError for settings, NetworkError (E226) when a model does not answer, DiskFull; what was
    made until then waits beside `out` for the next run with the same input and settings.
    """
    maker, result = Maker(config, columns or {}), Augmented()
    writer = RowWriter(out)
    journal = _Journal(out, sha256_bytes(f"{config.model_dump_json()}\n{dict(columns or {})}\n{key}".encode()))
    with writer as file, journal:
        for placed in records:
            result.num_rows += 1
            made = journal.next() or journal.add(_entry(maker, placed))
            result.num_resumed = journal.num_resumed
            if config.originals:
                file.write({**placed.table, FAMILY: family_of(placed.table)})
            for child in made["rows"]:
                file.write(child)
            result.add(made["counts"])
            if made["rejected"]:
                dropped = Dropped(**made["rejected"])
                result.rejected[dropped.reason] += 1
                result.examples.setdefault(dropped.reason, dropped)
    journal.remove()
    result.num_retries = maker.service.num_retries if maker.service else 0
    return result


def _entry(maker: Maker, placed: Placed) -> dict[str, Any]:
    """What is written of one row in the journal."""
    try:
        rows, counts = maker.children(placed)
    except Rule as rule:
        path, _, line = placed.location.rpartition(":")
        return {"rows": [], "counts": {}, "rejected": vars(rule.dropped(path, Path(path), f":{line}"))}
    return {"rows": rows, "counts": counts, "rejected": None}


class _Journal:
    """The children of every row so far, beside the file to be; a line that was cut is left out."""

    def __init__(self, out: Path, key: str) -> None:
        self.path = out.with_name(f".{out.name}.{key[:12]}.part")
        self.num_resumed = 0
        self._held: Iterator[dict[str, Any]] = iter(())

    def __enter__(self) -> _Journal:
        with disk_errors(self.path):
            self._file = self.path.open("ab")
            sizes = list(_whole_lines(self.path))
            self._file.truncate(sum(sizes))
        self._held = _entries(self.path, len(sizes))
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def next(self) -> dict[str, Any] | None:
        """What an earlier run made of the next row, if it got so far."""
        found = next(self._held, None)
        self.num_resumed += found is not None
        return found

    def add(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Keep what was made of a row."""
        with disk_errors(self.path):
            self._file.write(json.dumps(entry).encode() + b"\n")
            self._file.flush()
        return entry

    def remove(self) -> None:
        """It is all in the file now."""
        self.path.unlink(missing_ok=True)


def _whole_lines(path: Path) -> Iterator[int]:
    """The lengths of the lines that were written to their end."""
    with path.open("rb") as file:
        yield from (len(line) for line in file if line.endswith(b"\n"))


def _entries(path: Path, num: int) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        yield from map(json.loads, itertools.islice(file, num))
