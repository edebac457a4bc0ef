"""Files to documents, streaming: text, tables of rows, web pages, books and office files, packed or in archives.

One bad file or row never ends a run: it goes to `on_drop` with its place and the rule. A path that does not exist, or
a folder in which nothing could be read, is an error.

    .zip .tar               each member by its own name, also in .gz .zst .xz .bz2 and in one another   formats/archives
    anything else           by the reader of its format, also as .gz .zst .xz .bz2                      formats/table
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from hanlin.base.errors import InputError
from hanlin.text.config import ReadConfig, SourceConfig
from hanlin.text.document import Document, Dropped
from hanlin.text.files import CODE_SUFFIXES, PassedOver, files_of, kind_suffix, shown
from hanlin.text.formats.content import KEPT_COLUMNS, Content, Fault, Row, Text
from hanlin.text.formats.items import items_of
from hanlin.text.formats.page import text_of_page
from hanlin.text.html import is_web_page
from hanlin.text.language import language_of
from hanlin.text.reasons import reason_text

Source = SourceConfig | Path | str
OnDrop = Callable[[Dropped], None]
Event = Document | Dropped
"""What reading yields: a document, or something that is none."""

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
            yield from read_file(path, source, options)


def source_name(source: SourceConfig) -> str:
    """Return the name a source has in reports."""
    return shown(source.name or Path(source.path).name or source.path)


def read_file(
    path: Path, source: SourceConfig, options: ReadConfig, stretch: tuple[int, int, int] | None = None
) -> Iterator[Event]:
    """Yield everything in one file of a source, or in a `stretch` of it (`Content`); one that vanished meanwhile is
    dropped like any that cannot be read."""
    columns = (source.text_field, *KEPT_COLUMNS)
    if source.kind == "code":
        options = options.model_copy(update={"web_pages": False})
    for content, item in items_of(path, options, form=source.format, columns=columns, stretch=stretch):
        match item:
            case Fault():
                yield _dropped(item, content, source)
            case Row():
                yield from _of_row(item, content, source)
            case Text():
                yield from _of_text(item, content, source)


def _of_row(row: Row, content: Content, source: SourceConfig) -> Iterator[Event]:
    place = f"{row.part}:{row.number}"
    text = row.values.get(source.text_field)
    if not isinstance(text, str):
        yield _dropped(Fault("missing_field", place, ", ".join(map(str, row.values))), content, source)
    elif _SURROGATE.search(text):
        yield _dropped(Fault("surrogate", place, text[:80]), content, source)
    else:
        known = ((name, row.values.get(name)) for name in KEPT_COLUMNS)
        kept = {name: shown(value) for name, value in known if isinstance(value, str | int | float)}
        part = {"path": shown(f"{content.name}{row.part}")} if row.part else {}
        meta: dict[str, str | int | float] = {**kept, **part, "line": row.number}
        is_page = content.options.web_pages and is_web_page(text)
        item = text_of_page(text, meta, place) if is_page else Text([text], meta, place)
        yield from _of_text(item, content, source) if isinstance(item, Text) else [_dropped(item, content, source)]


def _of_text(text: Text, content: Content, source: SourceConfig) -> Iterator[Event]:
    """The text in pieces, each after the faults that were met on the way to it."""
    path, name = Path(content.name), source_name(source)
    id = f"{shown(path.as_posix())}{text.place}"
    meta = {"path": shown(path), "encoding": content.encoding, "kind": source.kind, **text.meta}
    faults: list[Fault] = []
    number = 0
    for number, (piece, is_last) in enumerate(split_text(_sound(text, faults), content.options.max_document_chars), 1):
        yield from _told(faults, content, source)
        lang = _language(piece, path, source)
        if number == 1 and is_last:
            yield Document(piece, id, name, lang, meta)
        else:
            yield Document(piece, f"{id}#{number}", name, lang, {**meta, "piece": number})
    if not number and not faults:
        faults.append(Fault("empty", text.place))
    yield from _told(faults, content, source)


def _sound(text: Text, faults: list[Fault]) -> Iterator[str]:
    for part in text.parts:
        if isinstance(part, Fault):
            faults.append(part)
        else:
            yield part


def _told(faults: list[Fault], content: Content, source: SourceConfig) -> Iterator[Dropped]:
    yield from [_dropped(fault, content, source) for fault in faults]
    faults.clear()


def _language(text: str, path: Path, source: SourceConfig) -> str:
    if source.language != "auto":
        return source.language
    return "code" if source.kind == "code" or kind_suffix(path) in CODE_SUFFIXES else language_of(text)


def _dropped(fault: Fault, content: Content, source: SourceConfig) -> Dropped:
    id, location = f"{Path(content.name).name}{fault.place}", f"{content.name}{fault.place}"
    return Dropped(fault.reason, shown(id), source_name(source), shown(location), shown(fault.example[:80]))


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
