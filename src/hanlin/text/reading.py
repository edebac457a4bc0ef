"""Where the documents of a build come from: from the sources, or from an earlier build of the same sources.

    sources -> readers -> evened out -> personal data treated -> (document, its changes)            an hour
    an earlier build's ledger and texts                       -> (document, its changes, measures)  seconds

Both give the same documents in the same order, so the rest of a build cannot tell which it was. What alters a text
before this point belongs to `READ_BY`: the stored texts are of use only while these settings stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hanlin.base.config import leaves
from hanlin.base.files import read_json, recover, sha256_bytes, sha256_file
from hanlin.text.clean import normalise
from hanlin.text.config import CorpusConfig
from hanlin.text.document import TWINS, Document, Dropped
from hanlin.text.files import files_of
from hanlin.text.ledger import (
    KEPT,
    LEAKED,
    LEDGER,
    REMOVED,
    UNREAD,
    documents_of,
    packed,
    path_of,
    read_ledger,
    row,
    rows_of,
)
from hanlin.text.privacy.treat import Personal, treated
from hanlin.text.readers import read_events
from hanlin.text.rules.measures import VERSION as MEASURES

READ_BY = ("sources", "read", "normalise", "privacy")
"""Settings that decide what is read, how it is evened out, and what personal data is left in it."""
VERSION = 1
"""Raised by hand when the same sources and settings would be read otherwise."""
READING = "reading.json"


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


def read_sources(config: CorpusConfig) -> Iterator[Event]:
    """Yield everything in the sources, in their order. Raises InputError for a path without files."""
    for event in read_events(config.sources, options=config.read):
        yield event if isinstance(event, Dropped) else _evened_out(event, config)


def _evened_out(raw: Document, config: CorpusConfig) -> Draft:
    even = normalise(raw.text, config.normalise, lang=raw.lang)
    text, personal = treated(even.text, config.privacy)
    return Draft(Document(text, raw.id, raw.source, raw.lang, raw.meta), even.changes, personal)


def read_again(folder: Path) -> Iterator[Event]:
    """Yield what an earlier build read, from its texts and its ledger."""
    texts = {name: documents_of(path_of(folder, name)) for name in (*KEPT, REMOVED, LEAKED)}
    for entry in read_ledger(folder):
        if entry.fate == UNREAD:
            yield entry.dropped()
            continue
        document = next(texts[entry.fate])
        if entry.edits and entry.fate != REMOVED:  # what was edited lies there as it was read
            document = next(texts[REMOVED])
        if TWINS in document.meta:  # told by the earlier build, of its own corpus
            document = replace(document, meta={name: value for name, value in document.meta.items() if name != TWINS})
        yield Draft(document, entry.changes, entry.personal, entry.measures)


class Spool:
    """Documents on disk, for a build that has to see all of them before it can decide about the first."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, events: Iterator[Event]) -> Iterator[Draft]:
        """Store everything, and yield each document on the way."""
        with packed(self.path, level=1) as file:  # read once, then deleted
            for event in events:
                file.write(row(event))
                if isinstance(event, Draft):
                    yield event

    def empty(self) -> Iterator[Event]:
        """Yield everything in its order, and delete the file."""
        for table in rows_of(self.path):
            if "document" in table:
                yield Draft(Document(**table.pop("document")), **table)
            else:
                yield Dropped(**table)
        self.path.unlink()


def reading_key(config: CorpusConfig) -> dict[str, Any]:
    """What has to be the same for an earlier reading to be of use: settings, and the files with size and time."""
    settings = {name: _plain(getattr(config, name)) for name in READ_BY}
    files = [path for source in config.sources for path in files_of(source.path)[0]]
    stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    digest = sha256_bytes(json.dumps([VERSION, settings, stats], ensure_ascii=False, default=str).encode())
    return {"key": digest, "measures": MEASURES}


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
        path_of(folder, name).is_file() and sha256_file(path_of(folder, name)) == sums.get(name)
        for name in (*KEPT, LEDGER, REMOVED, LEAKED)
    )
