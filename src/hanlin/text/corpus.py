"""Raw files to a cleaned corpus in two parts, with every loss counted and kept beside it.

    reading   sources -> read -> even out                  or the texts of an earlier build (`reading.py`)
    steps     edit -> too short? -> beyond a threshold? -> seen before? -> train | validation
    leaks     of validation, what stands in train line by line

A built corpus is a folder: `train.jsonl.zst`, `validation.jsonl.zst` (one document a line), `corpus.json` (all counts,
examples of what was dropped, checksums), `report.md` (the same for people), and the record of what became of every
document (`ledger.py`), from which `hanlin data why` answers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from hanlin.base.config import leaves
from hanlin.base.errors import InputError
from hanlin.base.files import building_folder, read_json, recover, sha256_file, write_json
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.base.seeds import Seeds
from hanlin.text.config import CorpusConfig
from hanlin.text.dedup import ExactDedup, text_digest
from hanlin.text.document import Document, Dropped
from hanlin.text.leaks import leaked_shares
from hanlin.text.ledger import (
    LEAKED,
    LEDGER,
    REMOVED,
    UNREAD,
    Entry,
    documents_of,
    packed,
    path_of,
    place_of,
    row,
    rows_of,
)
from hanlin.text.readers import nothing_readable
from hanlin.text.reading import (
    READING,
    Draft,
    Event,
    Spool,
    is_readable_again,
    read_again,
    read_sources,
    reading_key,
    what_was_learned,
)
from hanlin.text.rules.rulebook import Rulebook, kind_of
from hanlin.text.tally import SPLITS, Tally, count, report_lines

MANIFEST = "corpus.json"
FORMAT = 1
CANDIDATES = "candidates"
FILES = (*SPLITS, LEDGER, REMOVED, LEAKED)


@dataclass(frozen=True)
class CorpusReport:
    """What became of the sources: where the corpus lies, the figures of corpus.json and their words."""

    path: Path
    figures: Mapping[str, Any]
    lines: tuple[str, ...]


def build_corpus(
    config: CorpusConfig, out: Path, *, earlier: Path | None = None, progress: Progress | None = None
) -> CorpusReport:
    """Write the corpus to the folder `out`, whole or not at all.

    The same sources and settings give the same bytes, whether they are read, or the texts of a build of the same
    sources, in `out` or in `earlier`, are taken again.
    Raises ConfigError for rules that do not exist, InputError where nothing could be read, DiskFull.
    """
    build = _Build(config, progress or Progress("none"))
    key = reading_key(config)
    known = next((folder for folder in (out, earlier) if folder and is_readable_again(folder, key)), None)
    build.has_to_learn = build.rules.has_to_learn and not build.rules.recall(what_was_learned(known))
    with building_folder(out) as folder:
        _write_parts(build, read_again(known) if known else read_sources(config), folder)
        _drop_leaks(build, folder)
        if not sum(amount.documents for amount in build.tally.splits.values()):
            raise nothing_readable(
                [source.path for source in config.sources], build.first_drop, sum(build.tally.dropped.values())
            )
        sums = {name: sha256_file(path_of(folder, name)) for name in FILES if path_of(folder, name).is_file()}
        figures = _figures(build, sums)
        lines = tuple(report_lines(figures))
        (folder / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        write_json(folder / MANIFEST, figures)
        if config.keep_removed:
            write_json(folder / READING, {**key, "learned": build.rules.to_recall(), "sha256": sums})
    return CorpusReport(out, figures, (*lines, say("text.report_read_again", path=known)) if known else lines)


@dataclass(frozen=True)
class _Refusal:
    """Why a step lets a document go: the rule, and for thresholds the value, the bound and who set it."""

    reason: str
    example: str = ""
    value: float | None = None
    limit: float | None = None
    origin: str = ""


@dataclass
class _Work:
    """One document on its way through the steps: as it was read, as it is now, and what was learned of it."""

    draft: Draft
    document: Document
    edits: Mapping[str, int]
    measures: Mapping[str, float] | None

    @property
    def read(self) -> Document:
        return self.draft.document


class _Build:
    """The steps in order, and the tally they fill."""

    def __init__(self, config: CorpusConfig, progress: Progress) -> None:
        self.config, self.progress, self.tally = config, progress, Tally()
        self.rules = Rulebook(config.rules)
        self.has_to_learn = False
        self.dedup = ExactDedup()
        self.first_drop: Dropped | None = None
        self.last_path: object = None  # encodings are counted once a file
        self.seed = Seeds(config.seed).derive("split")
        self.steps = (self._edit, self._too_short, self._beyond_threshold, self._duplicate)

    def entries(self, events: Iterator[Event]) -> Iterator[tuple[Entry, _Work | None]]:
        """Yield what became of everything that was read; the work is None for what was no document."""
        self.progress.start(say("text.building_corpus"))
        for event in events:
            if isinstance(event, Dropped):
                self._count_drop(event)
                yield (
                    Entry(event.id, event.source, event.location, UNREAD, reason=event.reason, example=event.example),
                    None,
                )
                continue
            self._count_read(event)
            work = _Work(event, event.document, {}, event.measures)
            yield self._fate(work, next(filter(None, (step(work) for step in self.steps)), None)), work
        self.progress.done(self.tally.read)

    def _fate(self, work: _Work, refusal: _Refusal | None) -> Entry:
        document = work.document
        known = Entry(
            document.id, document.source, place_of(document), "", str(document.meta.get("id", "")), document.lang,
            kind_of(document), changes=work.draft.changes, edits=work.edits, measures=work.measures,
        )  # fmt: skip
        if refusal is not None:
            return self.refused(replace(known, fate=REMOVED, **asdict(refusal)))
        split = self._split(document.text)
        if split == "train":
            self.tally.count_kept(split, document)
        return replace(known, fate=split)

    # ------------------------------------------------------------ the steps: each may alter the work or refuse it

    def _edit(self, work: _Work) -> _Refusal | None:
        edited = self.rules.edit(work.document)
        for edit, number in edited.changes.items():
            count(self.tally.edits, edit, number)
            count(self.tally.edited, edit)
            for example in edited.examples[edit]:
                self._keep_example(Dropped(edit, work.read.id, work.read.source, place_of(work.read), example))
        if edited.changes:
            work.document, work.edits = replace(work.document, text=edited.text), edited.changes
        return None

    def _too_short(self, work: _Work) -> _Refusal | None:
        size = len(work.document.text.strip())
        if size >= self.config.min_chars:
            return None
        return _Refusal("too_short", work.document.text[:80], size, self.config.min_chars)

    def _beyond_threshold(self, work: _Work) -> _Refusal | None:
        if self.rules.is_idle:
            return None
        work.measures = self.rules.measures(work.read, work.measures)
        broken = self.rules.broken(work.read, work.measures)
        if not broken:
            return None
        threshold, value = broken[0].threshold, broken[0].value
        return _Refusal(threshold.name, f"{value:g}", value, threshold.limit, threshold.origin)

    def _duplicate(self, work: _Work) -> _Refusal | None:
        if not self.config.dedup or (twin := self.dedup.first(work.document.text, work.document.id)) is None:
            return None
        return _Refusal("duplicate", twin)

    # ------------------------------------------------------------ counting

    def refused(self, entry: Entry) -> Entry:
        """Count a document that was read and is not kept."""
        self._count_drop(entry.dropped())
        return entry

    def _count_drop(self, dropped: Dropped) -> None:
        count(self.tally.dropped, dropped.reason)
        self._keep_example(dropped)
        self.first_drop = self.first_drop or dropped

    def _keep_example(self, example: Dropped) -> None:
        """Keep the first few of its kind."""
        examples = self.tally.examples.setdefault(example.reason, [])
        if len(examples) < self.config.max_examples:
            examples.append(asdict(example))

    def _split(self, text: str) -> str:
        """By the text's own hash, so that neither order nor later additions move a document."""
        share = int.from_bytes(text_digest(f"{self.seed}\n{text}")[:8], "big") / 2**64
        return "validation" if share < self.config.validation_fraction else "train"

    def _count_read(self, draft: Draft) -> None:
        meta = draft.document.meta
        self.tally.read += 1
        self.tally.pieces += "piece" in meta
        for rule, number in draft.changes.items():
            count(self.tally.changes, rule, number)
        if meta["path"] != self.last_path:
            self.last_path = meta["path"]
            count(self.tally.encodings, str(meta["encoding"]))
        if self.tally.read % 100 == 0:
            self.progress.update(self.tally.read)


def _write_parts(build: _Build, events: Iterator[Event], folder: Path) -> None:
    """Take every document through the steps and write it, and what became of it, where it belongs."""
    if build.has_to_learn:
        events = _all_seen(build, events, folder)
    with contextlib.ExitStack() as stack:
        files = {name: stack.enter_context(packed(path_of(folder, name))) for name in _files_of(build)}
        files["validation"] = files[CANDIDATES]
        for entry, work in build.entries(events):
            files[LEDGER].write(row(entry))
            if work is not None:
                _write(files, entry, work)


def _files_of(build: _Build) -> tuple[str, ...]:
    kept = ("train", CANDIDATES, LEDGER)
    return (*kept, REMOVED) if build.config.keep_removed else kept


def _write(files: Mapping[str, IO[bytes]], entry: Entry, work: _Work) -> None:
    if entry.fate in SPLITS:
        files[entry.fate].write(_line(work.document))
    if REMOVED in files and (entry.fate == REMOVED or entry.edits):
        files[REMOVED].write(_line(work.read))


def _all_seen(build: _Build, events: Iterator[Event], folder: Path) -> Iterator[Event]:
    """The same events, after the rules have learned from all of them."""
    spool = Spool(path_of(folder, "spool"))
    for draft in spool.fill(events):
        build.rules.learn(draft.document)
    build.rules.learned()
    return spool.empty()


def _drop_leaks(build: _Build, folder: Path) -> None:
    """Keep of the validation part what training has not: only now is all of the training part known."""
    candidates = path_of(folder, CANDIDATES)
    shares = leaked_shares(
        (one.text for one in documents_of(candidates)), (one.text for one in documents_of(path_of(folder, "train")))
    )
    with contextlib.ExitStack() as stack:
        files = {name: stack.enter_context(packed(path_of(folder, name))) for name in ("validation", LEAKED)}
        for document, share in zip(documents_of(candidates), shares, strict=True):
            is_leaked = share > build.config.most_leaked
            files[LEAKED if is_leaked else "validation"].write(_line(document))
            if not is_leaked:
                build.tally.count_kept("validation", document)
    candidates.unlink()
    if not build.config.keep_removed:
        path_of(folder, LEAKED).unlink()
    _settle_ledger(build, iter(shares), folder)


def _settle_ledger(build: _Build, shares: Iterator[float], folder: Path) -> None:
    """Write the leaks into the ledger, which was kept while nobody knew of them."""
    draft = path_of(folder, LEDGER).rename(path_of(folder, "ledger-draft"))
    with packed(path_of(folder, LEDGER)) as file:
        for entry in (Entry(**table) for table in rows_of(draft)):
            if entry.fate == "validation" and (share := next(shares)) > build.config.most_leaked:
                refusal = _Refusal("leaked", f"{share:.0%}", round(share, 6), build.config.most_leaked)
                entry = build.refused(replace(entry, fate=LEAKED, **asdict(refusal)))
            file.write(row(entry))
    draft.unlink()


def _line(document: Document) -> bytes:
    return row(document)


def _figures(build: _Build, sums: Mapping[str, str]) -> dict[str, Any]:
    """What corpus.json holds; the rules stand there so that `why` can tell how far a document was from each."""
    return {"format": FORMAT, **asdict(build.tally), "rules": dict(leaves(build.config.rules)), "sha256": dict(sums)}


def read_corpus(folder: Path | str, split: str = "train") -> Iterator[Document]:
    """Return the documents of one part of a built corpus, checked against its checksum first.

    Raises InputError at once where no corpus stands, the part is unknown or a file is damaged.
    """
    folder = Path(folder)
    if split not in SPLITS:
        raise InputError("text.corpus_split", split=split, known=", ".join(SPLITS))
    recover(folder)
    if not (folder / MANIFEST).is_file():
        raise InputError("text.corpus_missing", path=folder)
    known, path = read_json(folder / MANIFEST), path_of(folder, split)
    if not isinstance(known, dict) or known.get("format") != FORMAT:
        raise InputError("text.corpus_damaged", path=folder / MANIFEST)
    if not path.is_file() or sha256_file(path) != known["sha256"][split]:
        raise InputError("text.corpus_damaged", path=path)
    return documents_of(path)
