"""Large files in pieces, so that a single file keeps all workers busy.

    lines of JSON in UTF-8    survey: where lines begin, and how many    -> stretches, each read where it stands
    Parquet                   survey: its table of row groups            -> stretches
    anything else             unroll: read by one task, and put on shelves of one piece each

A stretch gives the rows, numbers and faults that reading the whole file gives, so that documents do not depend on cuts.
"""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hanlin.base.storage import Storage
from hanlin.text.building.shelf import ShelfWriter
from hanlin.text.config import CorpusConfig
from hanlin.text.files import CHUNK_BYTES
from hanlin.text.formats.columns import row_groups_of
from hanlin.text.formats.items import form_and_encoding
from hanlin.text.ledger import row
from hanlin.text.reading import Piece, Raw, read_raw

_LONGEST_END = 3
"""Bytes of a UTF-8 character after its first, at most."""
Stretch = tuple[int, int, int]


class LargeFile:
    """A file that is more than one task should read."""

    def __init__(self, piece: Piece, form: str, jobs: Sequence[Mapping[str, Any]]) -> None:
        self.piece, self.form, self.jobs = piece, form, jobs
        self.stretches: list[Stretch] = []

    @classmethod
    def of(cls, piece: Piece, config: CorpusConfig, piece_bytes: int) -> LargeFile:
        """Return the file of a piece, with the jobs of looking at it; none where it has to be unrolled."""
        (part,) = piece["parts"]
        path, source = Path(*part["paths"]), config.sources[part["source"]]
        form, encoding = form_and_encoding(path, config.read, source.format)
        job = {"path": str(path), "form": form}
        if form == "parquet":
            return cls(piece, form, [{**job, "column": source.text_field, "piece_bytes": piece_bytes}])
        if form != "jsonl" or encoding != "utf-8":
            return cls(piece, form or "", [])
        size = path.stat().st_size
        number = -(-size // piece_bytes)
        borders = [size * place // number for place in range(number + 1)]
        return cls(piece, form, [{**job, "span": span} for span in itertools.pairwise(borders)])

    def cut(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Take what was found of it; it has no stretches where it has to be unrolled."""
        if self.form == "parquet":
            self.stretches = [(first, end, number) for first, end, number in found[0]["stretches"]]
        elif all(one["is_utf8"] for one in found):
            self.stretches = _of_lines(found, max((job["span"][1] for job in self.jobs), default=0))

    def pieces(self, shelves: Iterator[tuple[int, int]]) -> Iterator[Piece]:
        """Yield its pieces; `shelves` tells of the next file that was unrolled its number and how many there are."""
        (part,) = self.piece["parts"]
        if self.stretches:
            yield from ({"parts": [{**part, "form": self.form, "stretch": one}]} for one in self.stretches)
            return
        number, num_shelves = next(shelves)
        yield from ({"unrolled": f"unroll/{number:06}", "shelf": f"{shelf:06}"} for shelf in range(num_shelves))


def _of_lines(found: Iterable[Mapping[str, Any]], size: int) -> list[Stretch]:
    """Stretches of whole lines: from the first that begins in a span to the first that begins in a later one."""
    begun, number = [], 1
    for one in found:
        if one["lines"]:  # none begins in a span that a long line fills
            begun.append((one["first"], number))
            number += one["lines"]
    ends = [*(first for first, _ in begun[1:]), size]
    return [(first, end, number) for (first, number), end in zip(begun, ends, strict=False)]


def survey(job: Mapping[str, Any], folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: look where a span of a file can be cut."""
    path = Path(job["path"])
    if job["form"] == "parquet":
        return {"stretches": _by_row_groups(path, job["column"], job["piece_bytes"])}
    start, end = job["span"]
    return _lines_between(path, start, end)


def _lines_between(path: Path, start: int, end: int) -> dict[str, Any]:
    """Where the first line begins in a span, how many do, and whether all of it is UTF-8.

    The end of a character that began before the span is left out, that of one that begins in it is looked at.
    """
    first, lines, at = None, 0, start
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    with path.open("rb") as file:
        file.seek(max(0, start - 1))
        last = file.read(1) if start else b"\n"
        try:
            while at < end and (chunk := file.read(min(CHUNK_BYTES, end - at))):
                before = last + chunk[:-1]
                if first is None and (place := before.find(b"\n")) >= 0:
                    first = at + place
                lines += before.count(b"\n")
                decoder.decode(chunk[_num_inside(chunk) if at == start else 0 :])
                at, last = at + len(chunk), chunk[-1:]
            rest = file.read(_LONGEST_END)
            decoder.decode(rest[: _num_inside(rest)], final=True)
        except UnicodeDecodeError:
            return {"is_utf8": False}
    return {"first": first, "lines": lines, "is_utf8": True}


def _num_inside(data: bytes) -> int:
    """How many of the first bytes belong to a character that began before them."""
    return len(list(itertools.takewhile(lambda byte: byte & 0xC0 == 0x80, data[:_LONGEST_END])))


def _by_row_groups(path: Path, column: str, piece_bytes: int) -> list[Stretch]:
    """Row groups put together until they weigh as much as a piece."""
    stretches: list[Stretch] = []
    number, size = 1, piece_bytes
    for group, (num_rows, num_bytes) in enumerate(row_groups_of(path, column)):
        if size >= piece_bytes:
            stretches.append((group, group, number))
            size = 0
        first, _, begun = stretches[-1]
        stretches[-1] = (first, group + 1, begun)
        number, size = number + num_rows, size + num_bytes
    return stretches


# ---------------------------------------------------------------- what has to be read as a whole


def unroll(job: Mapping[str, Any], folder: Path, storage: Storage) -> dict[str, Any]:
    """Task: read a large file, and put what it holds on shelves of one piece each."""
    config = CorpusConfig(**job["config"])
    raws, number, is_open = read_raw(job["piece"], config), 0, True
    while is_open:
        with ShelfWriter(folder / f"{number:06}") as shelf:
            is_open = _fill(shelf, raws, job["piece_bytes"])
        number += 1
    return {"shelves": number}


def _fill(shelf: ShelfWriter, raws: Iterator[Raw], piece_bytes: int) -> bool:
    """Put documents on a shelf until it holds a piece; return whether it does."""
    size = 0
    for raw in raws:
        line = row(raw)
        shelf.add(line)
        size += len(line)
        if size >= piece_bytes:
            return True
    return False
