"""Sources to a collection: local files, the web, data sets, each in its own way into one archive.

    folder, file, pattern                      local.py, exports/
    https://… (page, sitemap, feed)            web.py, asking.py, fetch.py
    hub:owner/name, modelscope:owner/name      hubs.py

A collection is a folder that can be added to: the same command again goes on where it was cut, and asks nobody twice.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanlin.base.errors import NetworkError
from hanlin.base.files import FolderLock, write_atomic, write_json
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.text.collect.archive import CONTROL, Archive, Row
from hanlin.text.collect.config import CollectConfig
from hanlin.text.collect.exports.thread import Authors
from hanlin.text.collect.hubs import Hubs, data_set_of
from hanlin.text.collect.local import Local
from hanlin.text.collect.web import Web

REPORT, KEY = "report.json", "pseudonyms.key"
_MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Collection:
    """A collection as it stands: its file of documents, and the figures of all its sources."""

    path: Path
    figures: Mapping[str, Any]


def collect(config: CollectConfig, out: Path, *, progress: Progress | None = None) -> Collection:
    """Collect all sources into the folder `out`, on top of what stands there.

    Raises InputError (E232: kept in another form; no such file or data set), NetworkError E230 where nobody on the
    network answers (what was collected stays), DiskFull, MachineError where another process collects there.
    """
    progress = progress or Progress("none")
    with contextlib.ExitStack() as stack:
        stack.enter_context(FolderLock(out / CONTROL))
        archive = Archive(out, config.kept_as)
        stack.callback(archive.close)
        progress.start(say("text.collecting"))
        _collect_all(config, archive, progress)
        archive.tidy()
        progress.done(len(archive.rows))
        figures = {"kept_as": config.kept_as, "file": archive.path.name, **figures_of(archive.rows.values())}
        key = out / CONTROL / KEY
        figures["pseudonyms"] = str(key) if key.exists() else ""
        write_json(out / CONTROL / REPORT, figures)
    return Collection(archive.path, figures)


def _collect_all(config: CollectConfig, archive: Archive, progress: Progress) -> None:
    """Local files first: they need nobody. A network that is away is told when all that can be done is done."""
    data_sets = {source: data_set_of(source) for source in config.sources}
    addresses = [
        source for source in config.sources if source.startswith(("http://", "https://")) and not data_sets[source]
    ]
    local = Local(config, archive, Authors(config.chats, _key(archive.folder / CONTROL)), progress)
    for source in config.sources:
        if not data_sets[source] and source not in addresses:
            local.collect(source)
    web = Web(config, archive, progress)
    try:
        for data_set in filter(None, data_sets.values()):
            Hubs(config, archive, local, web.fetcher).collect(data_set)
        web.collect(addresses)
    finally:
        web.fetcher.close()
    if web.is_offline:
        raise NetworkError("text.offline", place=web.unreachable, path=archive.folder)


def _key(folder: Path) -> bytes:
    """The secret behind the pseudonyms of a collection, made once. Whoever deletes it cuts the way back for good."""
    path = folder / KEY
    if not path.exists():
        write_atomic(path, secrets.token_hex(32))
        path.chmod(0o600)
    return path.read_bytes()


def figures_of(rows: Iterable[Row]) -> dict[str, Any]:
    """Return what became of everything: by source, by reason with examples, by licence."""
    sources: dict[str, Counter[str]] = {}
    reasons, lost, licences = Counter[str](), Counter[str](), Counter[str]()
    examples: dict[str, list[str]] = {}
    for row in rows:
        if row.fate == "robots":
            continue
        counts = sources.setdefault(row.source, Counter())
        counts.update({"asked": 1, row.fate: 1, "documents": row.num_documents, "bytes": row.num_bytes})
        lost.update(row.lost)
        licences.update(row.licences)
        if row.fate in ("refused", "failed"):
            reasons[row.reason] += 1
            told = examples.setdefault(row.reason, [])
            told += [f"{row.place} {row.detail}".rstrip()] if len(told) < _MOST_EXAMPLES else []
    totals = sum(sources.values(), Counter())
    return {
        "totals": dict(totals),
        "sources": {name: dict(counts) for name, counts in sources.items()},
        "reasons": dict(reasons.most_common()),
        "lost": dict(lost.most_common()),
        "licences": dict(licences.most_common()),
        "examples": examples,
    }
