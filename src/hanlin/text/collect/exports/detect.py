"""Is this file an export of a chat or a social account? Told by its content, never by its name alone."""

from __future__ import annotations

import csv
from pathlib import Path

from hanlin.text.collect.exports.html_forms import threads_of_html
from hanlin.text.collect.exports.json_forms import threads_of_json, threads_of_rows
from hanlin.text.collect.exports.text_forms import threads_of_text
from hanlin.text.collect.exports.thread import Thread
from hanlin.text.encodings import HEAD_BYTES, encoding_of

MOST_BYTES = 512 << 20
"""Exports are held in memory as a whole; the largest accounts come in parts below this size."""
_SUFFIXES = (".json", ".js", ".html", ".htm", ".txt", ".csv")
_CSV_MARKS = ({"StrContent", "StrTime"}, {"Timestamp", "Contents"}, {"content", "sender", "time"})


def threads_of(path: Path) -> list[Thread] | None:
    """Return the conversations of an export, or None where the file is something else, damaged JSON included.

    Raises OSError where it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES or path.stat().st_size > MOST_BYTES:
        return None
    data = path.read_bytes()
    encoding = encoding_of(data[:HEAD_BYTES])
    if encoding is None:
        return None
    text = data.decode(encoding, errors="replace").removeprefix("\ufeff")
    if suffix in (".json", ".js"):
        try:
            return threads_of_json(text)
        except (ValueError, RecursionError, AttributeError, TypeError):  # JSON of another shape than it seemed
            return None
    if suffix == ".csv":
        rows = csv.DictReader(text.splitlines(keepends=True))
        return threads_of_rows(list(rows)) if any(mark <= set(rows.fieldnames or ()) for mark in _CSV_MARKS) else None
    return threads_of_text(text) if suffix == ".txt" else threads_of_html(text)
