"""A brief look at a file for whose rows and texts there is no time: its head, eight places from inside, its end.

What bytes alone tell is found there: the encoding, lines in another one, NULs, marks, lines without end, rows of JSON
that are none, archives that are no archives. A file takes about a millisecond, so that thousands are glanced at.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hanlin.text.doctor.examination import MEDIA, ROWS, TAKEN_APART
from hanlin.text.doctor.findings import Findings
from hanlin.text.doctor.raw import look_for_endless_lines, magic_of, raw_text
from hanlin.text.doctor.slices import Slice, parts_of
from hanlin.text.doctor.sweep import Stretch, check_rows, lines_between
from hanlin.text.files import UNREADABLE, is_packed, kind_suffix

GLANCE_BYTES = 64 << 10
_MOST_PACKED = 1032
_MAGIC = {".pdf": "PDF", ".docx": "ZIP", ".epub": "ZIP", ".xlsx": "ZIP", ".zip": "ZIP", ".parquet": "Parquet"}


@dataclass(frozen=True)
class Glance:
    """A file after a brief look: its form and encoding ("" where it is no text), and how many bytes were read."""

    path: str
    size: int
    form: str = ""
    encoding: str = ""
    num_bytes: int = 0

    def stretches(self) -> Iterator[Stretch]:
        """What the look left out, all of it, line by line. Raises OSError."""
        has_rest = self.encoding and not is_packed(Path(self.path)) and not self.encoding.startswith("utf-16")
        if has_rest and self.size > self.num_bytes:
            yield from lines_between(self.path, parts_of(self.path, self.size, GLANCE_BYTES))


def glance_at(path: str, size: int, findings: Findings) -> Glance:
    """Tell what some of the bytes of a file tell."""
    suffix = kind_suffix(Path(path))
    if suffix in MEDIA:
        findings.add("binary", path, suffix)
        return Glance(path, size)
    if suffix in TAKEN_APART and (suffix in _MAGIC or is_packed(Path(path)) or suffix in (".tar", ".warc")):
        return Glance(path, size, num_bytes=_glance_at_head(path, suffix, findings))
    parts = parts_of(path, size, GLANCE_BYTES, unpacked=GLANCE_BYTES)
    if parts.fault:
        findings.add("truncated" if parts.head else "unreadable", path, parts.fault)
    if not parts.head:
        return Glance(path, size)
    raw = raw_text(parts, findings)
    form = ROWS.get(suffix, "html" if suffix in TAKEN_APART else "text")
    if raw.encoding and form == "text":
        look_for_endless_lines(raw, findings)
    if raw.encoding.startswith("utf-8") and form == "jsonl":
        for one, _ in raw.texts:
            _check_rows(one, findings)
    _look_at_gzip_end(path, size, findings)
    return Glance(path, size, form, raw.encoding, parts.num_bytes)


def _look_at_gzip_end(path: str, size: int, findings: Findings) -> None:
    """A gzip file ends with the size it unpacks to, which is never more than 1,032 times its own (RFC 1951)."""
    if not path.lower().endswith(".gz"):
        return
    with open(path, "rb") as file:
        file.seek(max(0, size - 4))
        if int.from_bytes(file.read(4), "little") > _MOST_PACKED * size:
            findings.add("truncated", path, "gzip")


def _check_rows(one: Slice, findings: Findings) -> None:
    """Look at the whole rows of a slice, and whether the file ends as a row does."""
    data = one.data.removeprefix(codecs.BOM_UTF8)
    if one.has_whole_lines:
        check_rows(data[: data.rfind(b"\n") + 1] or data, one.place_of_line, findings)
    if one.is_end and data.rstrip()[-1:] not in (b"}", b"") and not data.endswith(b"\n"):
        findings.add("truncated", one.place_of_line(data.count(b"\n")), data[-60:].decode("utf-8", "replace"))


def _glance_at_head(path: str, suffix: str, findings: Findings) -> int:
    """Whether a file of a binary format begins like one."""
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except UNREADABLE as error:
        findings.add("unreadable", path, str(error))
        return 0
    if suffix in _MAGIC and not is_packed(Path(path)) and magic_of(head) != _MAGIC[suffix]:
        findings.add("unreadable", path, f"{suffix}: {magic_of(head) or head[:12].hex(' ')}")
    return len(head)
