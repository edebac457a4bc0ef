"""Files to documents, streaming: text, tables of rows, web pages, each in whatever encoding it came.

One bad file or row never ends a run: it goes to `on_drop` with its place and the rule. A path that does not exist, or
a folder in which nothing could be read, is an error.

    .jsonl                  one JSON object a line, its `text_field` is the text
    .csv .tsv               a header and rows, the column `text_field` is the text
    .html .htm .xhtml       one page, its main text
    anything else           plain text, if it is text at all; each also as .gz and .zst
"""

from __future__ import annotations

import contextlib
import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hanlin.base.errors import InputError
from hanlin.text.config import ReadConfig, SourceConfig
from hanlin.text.document import Document, Dropped
from hanlin.text.encodings import HEAD_BYTES, decoded_stream, doubtful_part, encoding_of
from hanlin.text.families import MARKS
from hanlin.text.files import UNREADABLE, PassedOver, chunks_of, files_of, head_of, kind_suffix, shown
from hanlin.text.html import main_text
from hanlin.text.language import language_of
from hanlin.text.reasons import reason_text

Source = SourceConfig | Path | str
OnDrop = Callable[[Dropped], None]

CODE_SUFFIXES = frozenset({
    ".py", ".pyi", ".c", ".h", ".cc", ".cpp", ".hpp", ".rs", ".go", ".java", ".js",
    ".ts", ".tsx", ".jsx", ".cs", ".rb", ".php", ".sh", ".sql", ".swift", ".kt", ".lua",
})  # fmt: skip
_FORMATS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv",
    ".html": "html", ".htm": "html", ".xhtml": "html",
}  # fmt: skip
_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON may spell half of a pair, which is no text and has no UTF-8
_KEPT_COLUMNS = ("id", "source", "url", "title", "date", "licence", "license", "book", "site", "group", "label", *MARKS)
# Where a long text may be cut, best first: paragraph, line, end of a sentence, word.
_SENTENCE = r"[。！？；][”’」』]?\s*|[.!?;]['\")”’]?\s+"
_BORDERS = tuple(map(re.compile, (r"\n[^\S\n]*\n", r"\n", _SENTENCE, r"\s+")))


def read_documents(
    paths: Sequence[Source] | Source, *, options: ReadConfig | None = None, on_drop: OnDrop
) -> Iterator[Document]:
    """Return the documents of folders, files and patterns in a fixed order (sources as given, files sorted).

    `Document.meta` holds path, encoding and kind, for rows their line and id; a text longer than
    `options.max_document_chars` comes in pieces, numbered in `piece`. Raises InputError (at once) for a path without
    files.
    """
    listed = [paths] if isinstance(paths, SourceConfig | Path | str) else paths
    sources = [one if isinstance(one, SourceConfig) else SourceConfig(path=str(one)) for one in listed]
    files = [(source, *files_of(source.path)) for source in sources]
    return _documents(files, options or ReadConfig(), on_drop)


def _documents(
    files: Sequence[tuple[SourceConfig, list[Path], list[PassedOver]]], options: ReadConfig, on_drop: OnDrop
) -> Iterator[Document]:
    for source, found, passed_over in files:
        for one in passed_over:
            on_drop(Dropped(one.reason, shown(one.path.name), source_name(source), shown(one.path), one.detail))
        for path in found:
            yield from _File(path, source, options, on_drop).documents()


def source_name(source: SourceConfig) -> str:
    """Return the name a source has in reports."""
    return shown(source.name or Path(source.path).name or source.path)


class _File:
    """One file on its way to documents."""

    def __init__(self, path: Path, source: SourceConfig, options: ReadConfig, on_drop: OnDrop) -> None:
        self.path, self.source, self.options, self.on_drop = path, source, options, on_drop
        self.name, self.encoding, self.num_faults = source_name(source), "", 0

    def documents(self) -> Iterator[Document]:
        try:
            head = head_of(self.path, HEAD_BYTES)
            encoding = self._encoding(head)
            if len(head) < HEAD_BYTES and not head.strip():
                self._drop("empty")
            elif encoding is None:
                self._drop("binary", example=head[:16].hex(" "))
            else:
                self.encoding = encoding
                yield from self._read()
        except UNREADABLE as error:
            self._drop("unreadable", example=str(error))
        if self.num_faults and self._is_faulty():
            self._drop("encoding", example=f"{self.encoding}: {self.num_faults:,}")

    def _encoding(self, head: bytes) -> str | None:
        """By the head; where that is UTF-8, by the first part of the file that is not, if there is one."""
        encoding = encoding_of(head)
        if encoding == "utf-8" and len(head) == HEAD_BYTES and (part := doubtful_part(self._sound_chunks())):
            return encoding_of(part) or encoding
        return encoding

    def _is_faulty(self) -> bool:
        """Whether U+FFFD came from decoding: many a text holds it since its last owner decoded it badly."""
        return not self.encoding.startswith("utf-8") or doubtful_part(self._sound_chunks(), final=True) is not None

    def _sound_chunks(self) -> Iterator[bytes]:
        """The bytes up to where the file is damaged: what follows is said when the text itself is read."""
        with contextlib.suppress(*UNREADABLE):
            yield from chunks_of(self.path)

    def _read(self) -> Iterator[Document]:
        chosen = self.source.format
        form = _FORMATS.get(kind_suffix(self.path), "text") if chosen == "auto" else chosen
        match form:
            case "jsonl":
                yield from self._jsonl()
            case "csv" | "tsv":
                yield from self._table("," if form == "csv" else "\t")
            case "html":
                yield from self._html()
            case _:
                yield from self._text()

    def _decoded(self) -> Iterator[str]:
        for text in decoded_stream(chunks_of(self.path), self.encoding):
            self.num_faults += text.count("\ufffd")
            yield text

    # ------------------------------------------------------------ formats

    def _text(self) -> Iterator[Document]:
        yield from self._pieces(self._decoded(), {})

    def _jsonl(self) -> Iterator[Document]:
        for number, line in enumerate(lines_of(self._decoded(), self.options.max_row_chars), start=1):
            if line is None:
                self._drop("row_too_long", place=f":{number}")
            elif line.strip():
                yield from self._row_of(line, number)

    def _row_of(self, line: str, number: int) -> Iterator[Document]:
        try:
            row = json.loads(line.removeprefix("\ufeff"))  # files put together keep the marks of each
        except (ValueError, RecursionError) as error:
            self._drop("not_json", place=f":{number}", example=str(error))
            return
        if isinstance(row, dict):
            yield from self._row(row, number)
        else:
            self._drop("not_object", place=f":{number}", example=line)

    def _table(self, delimiter: str) -> Iterator[Document]:
        csv.field_size_limit(self.options.max_row_chars)
        rows = self._table_rows(delimiter)
        place, columns = next(rows, (1, []))
        if self.source.text_field not in columns:
            self._drop("missing_field", place=f":{place}", example=", ".join(columns))
            return
        for place, row in rows:
            yield from self._row(dict(zip(columns, row, strict=False)), place)

    def _table_rows(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        """Rows with the number of their first line; one that is not CSV costs only itself."""
        rows = csv.reader(self._table_lines(), delimiter=delimiter, strict=True)
        while True:
            place = rows.line_num + 1
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:  # the reader goes on with the next line
                self._drop("bad_table", place=f":{place}", example=str(error))
                continue
            if row:
                yield place, row

    def _table_lines(self) -> Iterator[str]:
        """Lines for the table's parser, an empty one in place of one that is too long."""
        for number, line in enumerate(lines_of(self._decoded(), self.options.max_row_chars), start=1):
            if line is None:
                self._drop("row_too_long", place=f":{number}")
            yield f"{line or ''}\n"

    def _row(self, row: dict[str, Any], number: int) -> Iterator[Document]:
        text = row.get(self.source.text_field)
        if not isinstance(text, str):
            self._drop("missing_field", place=f":{number}", example=", ".join(row))
            return
        if _SURROGATE.search(text):
            self._drop("surrogate", place=f":{number}", example=text[:80])
            return
        meta = {name: shown(row[name]) for name in _KEPT_COLUMNS if isinstance(row.get(name), str | int | float)}
        yield from self._pieces([text], {**meta, "line": number})

    def _html(self) -> Iterator[Document]:
        size, parts = 0, []
        for part in self._decoded():
            size += len(part)
            if size > self.options.max_row_chars:
                self._drop("row_too_long")
                return
            parts.append(part)
        text = main_text("".join(parts))
        if text.strip():
            yield from self._pieces([text], {})
        else:
            self._drop("no_main_text")

    # ------------------------------------------------------------ documents and drops

    def _pieces(self, parts: Iterable[str], meta: dict[str, str | int]) -> Iterator[Document]:
        place = f":{meta['line']}" if "line" in meta else ""
        id = f"{shown(self.path.as_posix())}{place}"
        meta = {"path": shown(self.path), "encoding": self.encoding, "kind": self.source.kind, **meta}
        number = 0
        for number, (text, is_last) in enumerate(split_text(parts, self.options.max_document_chars), start=1):
            if number == 1 and is_last:
                yield Document(text, id, self.name, self._language(text), meta)
            else:
                yield Document(text, f"{id}#{number}", self.name, self._language(text), {**meta, "piece": number})
        if not number:
            self._drop("empty", place=place)

    def _language(self, text: str) -> str:
        if self.source.language != "auto":
            return self.source.language
        is_code = self.source.kind == "code" or kind_suffix(self.path) in CODE_SUFFIXES
        return "code" if is_code else language_of(text)

    def _drop(self, reason: str, *, place: str = "", example: str = "") -> None:
        id, location = shown(f"{self.path.name}{place}"), shown(f"{self.path}{place}")
        self.on_drop(Dropped(reason, id, self.name, location, shown(example[:80])))


def lines_of(parts: Iterable[str], max_chars: int) -> Iterator[str | None]:
    r"""Yield lines split at \n alone (str.splitlines breaks rows at U+2028); None for one longer than `max_chars`."""
    held: list[str] = []  # parts of a line without its end; a sum of strings would copy it once for each part
    size = 0
    for part in parts:
        *whole, rest = part.split("\n")
        for line in whole:
            yield _line(held, line) if size + len(line) <= max_chars else None
            held, size = [], 0
        size += len(rest)
        held.append(rest)
        if size > max_chars:
            held.clear()
    if size:
        yield _line(held, "") if size <= max_chars else None


def _line(held: list[str], end: str) -> str:
    return "".join([*held, end]).removesuffix("\r")


def split_text(parts: Iterable[str], most: int) -> Iterator[tuple[str, bool]]:
    """Yield (piece, is the last): pieces of at most `most` characters whose sum is the text, cut at the best border.

    Only `most` characters and one part are held at a time, however long the text; an empty one yields nothing.
    """
    held = ""
    for part in parts:
        held += part
        start = 0
        while len(held) - start > most:
            cut = _border(held, start, start + most)
            yield held[start:cut], False
            start = cut
        held = held[start:]
    if held:
        yield held, True


def _border(text: str, start: int, end: int) -> int:
    """Where to cut: after the last border of the best kind in the second half of text[start:end]."""
    for border in _BORDERS:
        ends = [found.end() for found in border.finditer(text, (start + end) // 2, end)]
        if ends:
            return ends[-1]
    return end


def nothing_readable(paths: Iterable[str], first: Dropped | None, num_dropped: int) -> InputError:
    """The error for sources that gave no document at all."""
    named = f"{first.location} ({reason_text(first.reason)})" if first else "-"
    return InputError("text.nothing_readable", paths=", ".join(paths), num_dropped=num_dropped, first=named)
