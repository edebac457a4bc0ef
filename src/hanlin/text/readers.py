"""Files to documents, streaming: text, tables of rows, web pages, books and office files, packed or in archives.

One bad file or row never ends a run: it goes to `on_drop` with its place and the rule. A path that does not exist, or
a folder in which nothing could be read, is an error.

    .zip .tar               each member by its own name, also in .gz .zst .xz .bz2 and in one another   formats/archives
    anything else           by the reader of its format, also as .gz .zst .xz .bz2                      formats/table
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hanlin.base.errors import InputError
from hanlin.text.config import ReadConfig, SourceConfig
from hanlin.text.document import Document, Dropped
from hanlin.text.encodings import HEAD_BYTES, doubtful_part, encoding_of
from hanlin.text.files import UNREADABLE, PassedOver, files_of, kind_suffix, shown
from hanlin.text.formats.archives import BETWEEN, is_archive, members_of
from hanlin.text.formats.content import KEPT_COLUMNS, Content, Fault, Guard, Item, Row, Text, UnpacksTooMuch
from hanlin.text.formats.table import BINARY, READERS, format_of
from hanlin.text.language import language_of
from hanlin.text.reasons import reason_text

Source = SourceConfig | Path | str
OnDrop = Callable[[Dropped], None]
Event = Document | Dropped
"""What reading yields: a document, or something that is none."""

CODE_SUFFIXES = frozenset({
    ".py", ".pyi", ".c", ".h", ".cc", ".cpp", ".hpp", ".rs", ".go", ".java", ".js",
    ".ts", ".tsx", ".jsx", ".cs", ".rb", ".php", ".sh", ".sql", ".swift", ".kt", ".lua",
})  # fmt: skip
_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON may spell half of a pair, which is no text and has no UTF-8
# Where a long text may be cut, best first: paragraph, line, end of a sentence, word.
_SENTENCE = r"[。！？；][”’」』]?\s*|[.!?;]['\")”’]?\s+"
_BORDERS = tuple(map(re.compile, (r"\n[^\S\n]*\n", r"\n", _SENTENCE, r"\s+")))


def read_documents(
    paths: Sequence[Source] | Source, *, options: ReadConfig | None = None, on_drop: OnDrop
) -> Iterator[Document]:
    """Return the documents of folders, files and patterns in a fixed order (sources as given, files sorted).

    `Document.meta` holds path, encoding and kind, for rows their line and id, for books, pages and papers what they say
    of themselves; a text longer than `options.max_document_chars` comes in pieces, numbered in `piece`. Raises
    InputError (at once) for a path without files.
    """
    return _kept(read_events(paths, options=options), on_drop)


def _kept(events: Iterator[Event], on_drop: OnDrop) -> Iterator[Document]:
    for event in events:
        if isinstance(event, Document):
            yield event
        else:
            on_drop(event)


def read_events(paths: Sequence[Source] | Source, *, options: ReadConfig | None = None) -> Iterator[Event]:
    """Return the same documents with what was dropped between them, so that a million empty files need no memory."""
    listed = [paths] if isinstance(paths, SourceConfig | Path | str) else paths
    sources = [one if isinstance(one, SourceConfig) else SourceConfig(path=str(one)) for one in listed]
    files = [(source, *files_of(source.path)) for source in sources]
    return _events(files, options or ReadConfig())


def _events(files: Sequence[tuple[SourceConfig, list[Path], list[PassedOver]]], options: ReadConfig) -> Iterator[Event]:
    for source, found, passed_over in files:
        for one in passed_over:
            yield Dropped(one.reason, shown(one.path.name), source_name(source), shown(one.path), one.detail)
        for path in found:
            yield from _of_file(path, source, options)


def _of_file(path: Path, source: SourceConfig, options: ReadConfig) -> Iterator[Event]:
    """Everything in one file of the disk."""
    try:
        content = Content(path, str(path), options, Guard(path, options), columns=(source.text_field, *KEPT_COLUMNS))
        yield from _File(content, source).events()
    except UnpacksTooMuch as error:
        yield _dropped(Fault("bomb", example=str(error)), error.name, source)
    except UNREADABLE as error:
        yield _dropped(Fault("unreadable", example=str(error)), str(path), source)


def source_name(source: SourceConfig) -> str:
    """Return the name a source has in reports."""
    return shown(source.name or Path(source.path).name or source.path)


def _dropped(fault: Fault, name: str, source: SourceConfig) -> Dropped:
    id, location = shown(f"{Path(name).name}{fault.place}"), shown(f"{name}{fault.place}")
    return Dropped(fault.reason, id, source_name(source), location, shown(fault.example[:80]))


class _File:
    """One file or member of an archive on its way to documents; `depth` archives are around it."""

    def __init__(self, content: Content, source: SourceConfig, depth: int = 0) -> None:
        self.content, self.source, self.depth = content, source, depth
        self.faults: list[Fault] = []  # of the text that is being read, until its next piece

    def events(self) -> Iterator[Event]:
        """Yield documents and drops. Raises UnpacksTooMuch."""
        try:
            yield from self._members() if is_archive(self.content.name) else self._documents()
        except UNREADABLE as error:
            yield self._drop(Fault("unreadable", example=str(error)))

    # ------------------------------------------------------------ archives

    def _members(self) -> Iterator[Event]:
        if self.depth >= self.content.options.max_archive_depth:
            yield self._drop(Fault("nested"))
            return
        for member in members_of(self.content):
            if isinstance(member, Fault):
                yield self._drop(member)
                continue
            name = f"{self.content.name}{BETWEEN}{member.name}"
            inside = replace(self.content, path=member.path, name=name)
            yield from _File(inside, self.source, self.depth + 1).events()

    # ------------------------------------------------------------ one file

    def _documents(self) -> Iterator[Event]:
        head = self._head()
        chosen = self.source.format
        form = format_of(self.content, head) if chosen == "auto" else chosen
        if len(head) < HEAD_BYTES and not head.strip():
            yield self._drop(Fault("empty"))
            return
        encoding = form if form in BINARY else self._encoding(head)
        if encoding is None:
            yield self._drop(Fault("binary", example=head[:16].hex(" ")))
            return
        self.content.encoding = encoding
        try:
            for item in READERS[form](self.content):
                yield from self._of_item(item)
        except UNREADABLE as error:
            yield self._drop(Fault("unreadable", example=str(error)))
        if self.content.num_faults and self._is_faulty():
            yield self._drop(Fault("encoding", example=f"{encoding}: {self.content.num_faults:,}"))

    def _head(self) -> bytes:
        head = b""
        for chunk in self.content.chunks():
            head += chunk
            if len(head) >= HEAD_BYTES:
                break
        return head[:HEAD_BYTES]

    def _encoding(self, head: bytes) -> str | None:
        """By the head; where that is UTF-8, by the first part of the file that is not, if there is one."""
        encoding = encoding_of(head)
        if encoding == "utf-8" and len(head) == HEAD_BYTES and (part := doubtful_part(self._sound_chunks())):
            return encoding_of(part) or encoding
        return encoding

    def _is_faulty(self) -> bool:
        """Whether U+FFFD came from decoding: many a text holds it since its last owner decoded it badly."""
        return (
            not self.content.encoding.startswith("utf-8") or doubtful_part(self._sound_chunks(), final=True) is not None
        )

    def _sound_chunks(self) -> Iterator[bytes]:
        """The bytes up to where the file is damaged: what follows is said when the text itself is read."""
        with contextlib.suppress(*UNREADABLE):
            yield from self.content.chunks()

    # ------------------------------------------------------------ documents and drops

    def _of_item(self, item: Item) -> Iterator[Event]:
        match item:
            case Fault():
                yield self._drop(item)
            case Row():
                yield from self._row(item)
            case Text():
                yield from self._text(item)

    def _row(self, row: Row) -> Iterator[Event]:
        place = f"{row.part}:{row.number}"
        text = row.values.get(self.source.text_field)
        if not isinstance(text, str):
            yield self._drop(Fault("missing_field", place, ", ".join(map(str, row.values))))
        elif _SURROGATE.search(text):
            yield self._drop(Fault("surrogate", place, text[:80]))
        else:
            known = ((name, row.values.get(name)) for name in KEPT_COLUMNS)
            kept = {name: shown(value) for name, value in known if isinstance(value, str | int | float)}
            part = {"path": shown(f"{self.content.name}{row.part}")} if row.part else {}
            yield from self._text(Text([text], {**kept, **part, "line": row.number}, place))

    def _text(self, text: Text) -> Iterator[Event]:
        path = Path(self.content.name)
        id = f"{shown(path.as_posix())}{text.place}"
        meta = {
            "path": shown(path), "encoding": self.content.encoding, "kind": self.source.kind, **text.meta,
        }  # fmt: skip
        number = 0
        pieces = split_text(self._sound_parts(text), self.content.options.max_document_chars)
        for number, (piece, is_last) in enumerate(pieces, start=1):
            yield from self._drops()
            if number == 1 and is_last:
                yield Document(piece, id, source_name(self.source), self._language(piece), meta)
            else:
                tail = {**meta, "piece": number}
                yield Document(piece, f"{id}#{number}", source_name(self.source), self._language(piece), tail)
        if not number and not self.faults:
            self.faults.append(Fault("empty", text.place))
        yield from self._drops()

    def _sound_parts(self, text: Text) -> Iterator[str]:
        for part in text.parts:
            if isinstance(part, Fault):
                self.faults.append(part)
            else:
                yield part

    def _drops(self) -> Iterator[Dropped]:
        yield from map(self._drop, self.faults)
        self.faults.clear()

    def _language(self, text: str) -> str:
        if self.source.language != "auto":
            return self.source.language
        is_code = self.source.kind == "code" or kind_suffix(Path(self.content.name)) in CODE_SUFFIXES
        return "code" if is_code else language_of(text)

    def _drop(self, fault: Fault) -> Dropped:
        return _dropped(fault, self.content.name, self.source)


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
