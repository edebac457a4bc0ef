"""Where the documents of a build come from: from the sources, or from an earlier build of the same sources.

    sources -> pieces -> readers -> evened out -> personal data treated -> (document, its changes)            an hour
    an earlier build's ledger and texts, piece by piece                 -> (document, its changes, measures)  seconds

Both give the same pieces with the same documents in the same order, so the rest of a build cannot tell which it was.
What alters a text before this point belongs to `READ_BY`: the stored texts are of use only while these settings stay.

A piece is what one task reads: some neighbouring files, or a stretch of a file that is too large for one task. Pieces
are plain data, and depend on the sources and these settings alone.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hanlin.base.config import leaves
from hanlin.base.files import read_json, recover, sha256_file
from hanlin.base.storage import Storage
from hanlin.text.building.shelf import Shelf, ShelfWriter
from hanlin.text.clean import Normalised, normalise
from hanlin.text.config import CorpusConfig, SourceConfig
from hanlin.text.document import TWINS, Document, Dropped
from hanlin.text.files import PACKED, files_of, shown
from hanlin.text.language import language_of
from hanlin.text.ledger import (
    KEPT,
    LEAKED,
    LEDGER,
    REMOVED,
    UNREAD,
    Entry,
    path_of,
    row,
    rows_between,
)
from hanlin.text.privacy.treat import Personal, treated
from hanlin.text.readers import read_file, source_name
from hanlin.text.rules.measures import VERSION as MEASURES

READ_BY = ("sources", "read", "normalise", "privacy")
"""Settings that decide what is read, how it is evened out, and what personal data is left in it."""
VERSION = 7
"""Raised by hand when the same sources and settings would be read otherwise, or cut into other pieces."""
READING = "reading.json"
STORED = (*KEPT, LEDGER, REMOVED, LEAKED)

PIECE_BYTES = 8 << 20
"""Text of one task: seconds of work, so that many of them keep all workers busy and a lost one costs little."""
PIECE_FILES = 5000
LARGE_BYTES = 32 << 20
"""A file of more than this is cut into pieces by a task of its own, before the others begin."""
CUT_SUFFIXES = (".jsonl", ".ndjson", ".parquet")
"""Files of which any part can be read by itself."""
UNPACKED = 4
"""What a packed file is taken to grow to."""

Piece = Mapping[str, Any]


@dataclass(frozen=True)
class Draft:
    """A document as it was read, evened out and freed of personal data; how often each rule changed it, what personal
    data there was, and measures taken before."""

    document: Document
    changes: Mapping[str, int] = field(default_factory=dict)
    personal: Personal = field(default_factory=dict)
    measures: Mapping[str, float] | None = None


Event = Draft | Dropped
"""What reading yields: a document, or something that is none."""
Raw = Document | Dropped


# ---------------------------------------------------------------- pieces of the sources


def pieces_of(config: CorpusConfig) -> list[Piece]:
    """Cut the sources into pieces, in their order; a file that is too large is one of its own, with `large` set.

    A file of which any part can be read by itself is too large when it is more than a piece. What is passed over
    stands where its source begins. Raises InputError for a path without files.
    """
    pieces: list[dict[str, Any]] = [{"parts": [], "large": False}]
    size = number = 0
    for source, part, part_bytes in _parts(config):
        least = PIECE_BYTES if _may_be_cut(part, config.sources[source]) else LARGE_BYTES
        is_large = part_bytes > least
        if number and (is_large or size + part_bytes > PIECE_BYTES or number == PIECE_FILES):
            pieces.append({"parts": [], "large": False})
            size = number = 0
        _put(pieces[-1]["parts"], source, part)
        pieces[-1]["large"] = is_large
        size += part_bytes
        number += 1
    return [piece for piece in pieces if piece["parts"]]


def _put(parts: list[dict[str, Any]], source: int, part: str | dict[str, Any]) -> None:
    """Add a file to those of its source, or something that is passed over: a table for each file would take 400 MB of
    a million."""
    if not isinstance(part, str):
        parts.append({"skipped": part})
    elif parts and parts[-1].get("source") == source:
        parts[-1]["paths"].append(part)
    else:
        parts.append({"source": source, "paths": [part]})


def _parts(config: CorpusConfig) -> Iterator[tuple[int, str | dict[str, Any], int]]:
    """The source of every file, its path, and the bytes of its text; or a table for what is passed over."""
    for number, source in enumerate(config.sources):
        files, passed_over = files_of(source.path)
        for one in passed_over:
            dropped = Dropped(one.reason, shown(one.path.name), source_name(source), shown(one.path), one.detail)
            yield number, vars(dropped), 0
        yield from ((number, str(path), _text_bytes(path)) for path in files)


def _may_be_cut(part: str | Mapping[str, Any], source: SourceConfig) -> bool:
    is_named = isinstance(part, str) and part.lower().endswith(CUT_SUFFIXES)
    return is_named and source.format in ("auto", "jsonl", "parquet")


def _text_bytes(path: Path) -> int:
    return path.stat().st_size * (UNPACKED if path.suffix.lower() in PACKED else 1)


def read_raw(piece: Piece, config: CorpusConfig) -> Iterator[Raw]:
    """Yield everything in the files of a piece, in order."""
    for part in piece["parts"]:
        if "skipped" in part:
            yield Dropped(**part["skipped"])
        for path in part.get("paths", ()):
            source = _as_named(config.sources[part["source"]], path, part)
            yield from read_file(Path(path), source, config.read, part.get("stretch"))


def _as_named(source: SourceConfig, path: str, part: Mapping[str, Any]) -> SourceConfig:
    """One file of a source, under the source's name; in the format that was found, where it was looked at."""
    found = {"path": path, "name": source_name(source), "format": part.get("form", source.format)}
    return source.model_copy(update=found)


# ---------------------------------------------------------------- events


def events_of(piece: Piece, config: CorpusConfig, storage: Storage) -> Iterator[Event]:
    """Yield what a piece holds: from its files, a shelf of a large one, drafts set down before, or an earlier build."""
    if "drafted" in piece:
        yield from drafts_set_down(storage.folder(piece["drafted"]) / "drafts")
    elif "earlier" in piece:
        yield from _read_again(piece)
    else:
        raws = _raws_on(storage.folder(piece["unrolled"]) / piece["shelf"]) if "unrolled" in piece else None
        for raw in raws or read_raw(piece, config):
            yield raw if isinstance(raw, Dropped) else evened_out(raw, config)


def _raws_on(path: Path) -> Iterator[Raw]:
    with Shelf(path, 1) as shelf:
        for (line,) in shelf:
            table = json.loads(line)
            yield Dropped(**table) if "reason" in table else Document(**table)


def evened_out(raw: Document, config: CorpusConfig) -> Draft:
    """Return a document after the rules of normalising and of personal data."""
    even, lang = normalise(raw.text, config.normalise, lang=raw.lang), raw.lang
    if "mojibake" in even.changes and _was_guessed(raw, config):  # nobody could tell the language before
        lang = language_of(even.text)
        again = normalise(even.text, config.normalise, lang=lang)  # to the script that is asked for
        even = Normalised(again.text, {**again.changes, **even.changes})
    text, personal = treated(even.text, config.privacy)
    return Draft(Document(text, raw.id, raw.source, lang, raw.meta), even.changes, personal)


def _was_guessed(raw: Document, config: CorpusConfig) -> bool:
    """Whether the language of a document was looked for in its text."""
    is_named = any(one.language != "auto" for one in config.sources if source_name(one) == raw.source)
    return raw.lang != "code" and not is_named


def set_down(events: Iterator[Event], path: Path) -> Iterator[Draft]:
    """Put events on a shelf, and yield each document on the way."""
    with ShelfWriter(path) as shelf:
        for event in events:
            shelf.add(row(event))
            if isinstance(event, Draft):
                yield event


def drafts_set_down(path: Path, one_of: int = 1) -> Iterator[Event]:
    """Yield what `set_down` left, or only one of so many."""
    with Shelf(path, 1) as shelf:
        for (line,) in itertools.islice(shelf, 0, None, one_of):
            table = json.loads(line)
            yield Draft(Document(**table.pop("document")), **table) if "document" in table else Dropped(**table)


# ---------------------------------------------------------------- an earlier build


def pieces_again(folder: Path) -> list[Piece]:
    """Return the pieces of an earlier build."""
    ends = read_json(folder / READING)["pieces"]
    spans = [dict(zip(ends, each, strict=True)) for each in zip(*map(_spans, ends.values()), strict=True)]
    return [{"earlier": str(folder), "spans": each} for each in spans]


def _spans(ends: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _read_again(piece: Piece) -> Iterator[Event]:
    """Yield what an earlier build read, from its texts and its ledger."""
    tables = {name: rows_between(path_of(Path(piece["earlier"]), name), *piece["spans"][name]) for name in STORED}
    for entry in (Entry(**table) for table in tables[LEDGER]):
        if entry.fate == UNREAD:
            yield entry.dropped()
            continue
        document = Document(**next(tables[entry.fate]))
        if entry.edits and entry.fate != REMOVED:  # what was edited lies there as it was read
            document = Document(**next(tables[REMOVED]))
        if TWINS in document.meta:  # told by the earlier build, of its own corpus
            document = replace(document, meta={name: value for name, value in document.meta.items() if name != TWINS})
        yield Draft(document, entry.changes, entry.personal, entry.measures)


def reading_key(config: CorpusConfig) -> dict[str, Any]:
    """What has to be the same for an earlier reading to be of use: settings, and the files with size and time."""
    settings = {name: _plain(getattr(config, name)) for name in READ_BY}
    cut = [PIECE_BYTES, PIECE_FILES, LARGE_BYTES]
    digest = hashlib.sha256(json.dumps([VERSION, cut, settings], default=str).encode())
    for source in config.sources:  # file by file: a list of a million would be written down at once
        for path in files_of(source.path)[0]:
            status = path.stat()
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="surrogateescape"))
    return {"key": digest.hexdigest(), "measures": MEASURES}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(leaves(value))


def what_was_learned(folder: Path | None) -> Mapping[str, Any]:
    """Return what the rules of an earlier build learned; nothing without one."""
    learned: dict[str, Any] = read_json(folder / READING)["learned"] if folder else {}
    return learned


def is_readable_again(folder: Path, key: Mapping[str, Any]) -> bool:
    """Whether an earlier build stands in `folder`, whole, of the same sources and settings of reading."""
    recover(folder)
    if not (folder / READING).is_file():
        return False
    known = read_json(folder / READING)
    sums = known.get("sha256", {})
    return all(known.get(name) == key[name] for name in key) and all(
        path_of(folder, name).is_file() and sha256_file(path_of(folder, name)) == sums.get(name) for name in STORED
    )
