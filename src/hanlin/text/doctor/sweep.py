"""What stands between the slices of a large file: every line checked for what bytes alone can tell, at high speed.

NULs, lines that do not decode, rows of JSON that do not begin and end like one. Whoever asks for `lines_between` may
stop at any time; a line longer than a piece is not held in memory, and only looked through for NULs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hanlin.text.doctor.findings import Findings
from hanlin.text.doctor.raw import longest_line, tell_faulty_lines
from hanlin.text.doctor.slices import Parts, Slice

PIECE_BYTES = 4 << 20


@dataclass(frozen=True)
class Stretch:
    """Whole lines of a file, the first of them number `line`; what is part of a longer line `is_cut`."""

    path: str
    data: bytes
    line: int
    is_cut: bool = False

    def place(self, at: int) -> str:
        """The place of a byte."""
        number = self.line + self.data.count(b"\n", 0, at)
        return f"{self.path}:{number}"


def lines_between(path: str, parts: Parts) -> Iterator[Stretch]:
    """Yield what the slices of a file leave out, in order, and what lies within a longer line. Raises OSError."""
    line, position = 1, 0
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        for one in (*(one for one in parts.slices if one.has_whole_lines), Slice(path, b"", size, True)):
            file.seek(position)
            for stretch in _stretches(path, one.offset - position, line, file.read):
                yield stretch
                line += stretch.data.count(b"\n")
            line += one.data.count(b"\n")
            position = one.offset + len(one.data)


def _stretches(path: str, size: int, line: int, read: Callable[[int], bytes]) -> Iterator[Stretch]:
    rest, is_cut = b"", False
    while size > 0 and (piece := read(min(size, PIECE_BYTES))):
        size -= len(piece)
        data = rest + piece
        end = data.rfind(b"\n") + 1 if size else len(data)
        if not end:  # a line without end: nothing of it is kept
            yield Stretch(path, data, line, True)
            rest, is_cut = b"", True
            continue
        yield Stretch(path, data[:end], line, is_cut)
        line += data.count(b"\n", 0, end)
        rest, is_cut = data[end:], False


def check(stretch: Stretch, form: str, encoding: str, findings: Findings) -> None:
    """Tell what is wrong with some lines."""
    data = stretch.data
    if number := data.count(b"\0"):
        findings.add("nul_bytes", stretch.place(data.index(b"\0")), number=number)
    if stretch.is_cut:
        return
    if encoding.startswith("utf-8") and not _is_utf8(data):
        tell_faulty_lines(data, "utf-8", stretch.place, findings)
    if form == "text" and (at := longest_line(data)) is not None:
        findings.add("endless_line", stretch.place(at), data[at : at + 60].decode("utf-8", "replace"))
    if form == "jsonl":
        check_rows(data, lambda number: f"{stretch.path}:{stretch.line + number}", findings)


def check_rows(data: bytes, place: Callable[[int], str], findings: Findings) -> None:
    """Tell of lines that do not begin and end as objects of JSON do, and are none; `place` takes a line's number."""
    for number, row in enumerate(data.split(b"\n")):
        if row and (row[:1] != b"{" or row.rstrip()[-1:] != b"}"):
            _tell_row(row, place(number), findings)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _tell_row(row: bytes, place: str, findings: Findings) -> None:
    """A row that does not look like one: most are none."""
    shown = row[:200].decode("utf-8", "replace")
    if not shown.strip():
        return
    try:
        value = json.loads(row)
    except (ValueError, RecursionError) as error:
        findings.add("bad_json", place, f"{error}: {shown[:60]}")
        return
    if not isinstance(value, dict):
        findings.add("not_object", place, shown)
