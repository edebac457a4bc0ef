"""What the bytes of a file tell: its encoding and where it breaks, marks, NULs, line ends, what else it is."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hanlin.text.doctor.findings import Findings
from hanlin.text.doctor.slices import Parts, Slice
from hanlin.text.encodings import HEAD_BYTES, encoding_of
from hanlin.text.files import is_packed

MOST_FAULTS = 1000
"""Faults looked at in a slice; more of them say nothing new."""
_MAGIC = (
    (b"\x89PNG", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"GIF8", "GIF"), (b"%PDF", "PDF"), (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "Zstandard"), (b"\x7fELF", "ELF"), (b"MZ\x90", "EXE"),
    (b"PAR1", "Parquet"), (b"SQLite format 3", "SQLite"), (b"OggS", "Ogg"), (b"ID3", "MP3"), (b"7z\xbc\xaf", "7z"),
    (b"Rar!", "RAR"), (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"), (b"RIFF", "RIFF"), (b"\xd0\xcf\x11\xe0", "OLE"),
)  # fmt: skip
ENDLESS_BYTES = 100_000
"""A longer line of plain text is no line that a person wrote."""
_CRLF, _LONE_CR = re.compile(rb"\r\n"), re.compile(rb"\r(?!\n)")
_MARKED = ("utf-8-sig", "utf-16", "utf-32")


@dataclass
class Raw:
    """The encoding of a file ("" where it is no text) and its slices as text, each with the slice it came from; what
    lies within a longer line has none."""

    encoding: str = ""
    texts: list[tuple[Slice, str]] = field(default_factory=list)


def magic_of(head: bytes) -> str:
    """Return which binary format a file begins like, or nothing."""
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "")


def raw_text(parts: Parts, findings: Findings) -> Raw:
    """Decode the slices of a file that should be text, and tell what is wrong with its bytes."""
    head = parts.head[:HEAD_BYTES]
    encoding = encoding_of(head) if head.strip() else "utf-8"
    if encoding is None and not (encoding := _behind_nuls(head) or _of_most_lines(head)):
        kind = magic_of(head)
        findings.add("binary", parts.slices[0].path, f"{kind} {head[:12].hex(' ')}".strip())
        return Raw()
    found = Raw(encoding)
    if encoding in _MARKED:
        findings.add("mark", parts.slices[0].path, encoding)
    if not encoding.startswith("utf-8"):
        findings.add("other_encoding", parts.slices[0].path, encoding)
    for one in parts.slices[:1] if _is_wide(encoding) else parts.slices:  # blocks of wide text begin anywhere
        _look_at_bytes(one, encoding, findings)
        found.texts.append((one, "" if one.is_inside else _decoded(one, encoding, findings)))
    return found


def _behind_nuls(head: bytes) -> str | None:
    """The encoding of a text with some NULs in it, which is one all the same."""
    if head.count(b"\0") > 0.05 * len(head) or magic_of(head):
        return None
    return encoding_of(head.replace(b"\0", b""))


def _of_most_lines(head: bytes) -> str | None:
    """The encoding that more than a third of the lines are in, where no single one fits all."""
    if b"\0" in head or magic_of(head):
        return None
    lines = [line for line in head.split(b"\n")[:200] if not line.isascii()]
    for encoding in ("utf-8", "gb18030"):
        if sum(_first_fault(line, encoding) is None for line in lines) * 3 > len(lines) > 1:
            return encoding
    return None


def _look_at_bytes(one: Slice, encoding: str, findings: Findings) -> None:
    if not _is_wide(encoding) and (number := one.data.count(b"\0")):
        at = one.data.index(b"\0")
        findings.add("nul_bytes", one.place(at), _around(one.data, at), number)
    if not _is_wide(encoding) and (at := one.data.find(codecs.BOM_UTF8, 0 if one.offset else 1)) >= 0:
        findings.add("mark", one.place(at), _around(one.data, at))
    if one.offset == 0 and b"\r" in one.data and not _is_wide(encoding):
        crlf, lone = len(_CRLF.findall(one.data)), len(_LONE_CR.findall(one.data))
        if 0 < crlf < one.data.count(b"\n") or lone > 2:
            findings.add("line_ends", one.path)


def look_for_endless_lines(raw: Raw, findings: Findings) -> None:
    """Tell of lines of plain text that have no end; where a slice lies inside of one, the file itself is asked."""
    for one, text in raw.texts:
        at = longest_line(one.data)
        if at is None and (one.is_inside or b"\n" not in one.data) and _goes_on(one):
            at = 0
        if at is not None:
            findings.add("endless_line", one.place(at), text[:60] if not at else _around(one.data, at + 60))


def longest_line(data: bytes) -> int | None:
    """Where the first line of more than ENDLESS_BYTES begins, None without one."""
    at = 0
    while len(data) - at > ENDLESS_BYTES:
        last = data.rfind(b"\n", at, at + ENDLESS_BYTES + 1)
        if last < 0:
            return at
        at = last + 1
    return None


def _goes_on(one: Slice) -> bool:
    """Whether a slice without a line feed stands in so long a line."""
    if is_packed(Path(one.path)) or (one.offset == 0 and one.is_end):
        return False
    with open(one.path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, min(one.offset, size - ENDLESS_BYTES - 1)))
        data = file.read(ENDLESS_BYTES + 1)
    return len(data) > ENDLESS_BYTES and b"\n" not in data[:-1]


def _is_wide(encoding: str) -> bool:
    return encoding.startswith(("utf-16", "utf-32", "utf_16", "utf_32"))


def _decoded(one: Slice, encoding: str, findings: Findings) -> str:
    """The text of a slice; what its encoding does not allow is told of, line by line, and replaced."""
    name = encoding if one.offset == 0 else encoding.removesuffix("-sig")
    text = one.data.decode(name, "replace")
    if "\ufffd" not in text:
        return text
    fault = _first_fault(one.data, name)
    if fault is None or fault >= len(one.data) - 4:  # a character cut at the end, by us or by whoever wrote the file
        if fault is not None and one.is_end:
            findings.add("truncated", one.place(fault), text[-60:])
        return text.removesuffix("\ufffd")
    if _is_wide(encoding):
        findings.add("undecodable", one.place(fault), encoding)
        return text
    tell_faulty_lines(one.data, name, one.place, findings)
    return text


def tell_faulty_lines(data: bytes, encoding: str, place: Callable[[int], str], findings: Findings) -> None:
    """Tell of every line that does not decode, and of the encoding it is in instead where that can be seen."""
    for at, line in _faulty_lines(data, encoding):
        other = encoding_of(line) if encoding.startswith("utf-8") and _is_telling(line) else None
        is_mixed = other is not None and not other.startswith("utf-8")
        label, seen = (f"{encoding} + {other}", other) if is_mixed else (encoding, encoding)
        shown = line.decode(seen or encoding, "replace")
        findings.add("mixed_encodings" if is_mixed else "undecodable", place(at), f"{label}: {shown}")


def _is_telling(line: bytes) -> bool:
    """Whether a line has enough beyond ASCII to tell its encoding: a stray byte fits dozens."""
    return sum(byte > 0x7F for byte in line) >= max(8, 0.2 * len(line))


def _first_fault(data: bytes, encoding: str) -> int | None:
    """The first byte that does not decode."""
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start
    return None


def _faulty_lines(data: bytes, encoding: str) -> Iterator[tuple[int, bytes]]:
    """Lines that do not decode, with the byte they begin at."""
    at = number = 0
    for line in data.split(b"\n"):
        try:
            line.decode(encoding)
        except UnicodeDecodeError:
            yield at, line[:2000]
            number += 1
        at += len(line) + 1
        if number >= MOST_FAULTS:
            return


def _around(data: bytes, at: int) -> str:
    return data[max(0, at - 60) : at + 60].decode("utf-8", "replace")
