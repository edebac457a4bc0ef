"""Raw files to a cleaned corpus in two parts, with every loss counted and kept beside it.

    reading   sources -> read -> even out -> personal data, or the texts of an earlier build (`reading.py`)
    steps     too much personal data? -> edit -> too short? -> beyond a threshold? -> seen before? -> train | validation
    all       near duplicate? -> repeated lines and passages -> evaluation rows in train (`refine.py`)
    leaks     of validation, what stands in train line by line

A built corpus is a folder: `train.jsonl.zst`, `validation.jsonl.zst` (one document a line), `corpus.json` (all counts,
examples of what was dropped, checksums), `report.md` (the same for people), and the record of what became of every
document (`ledger.py`), from which `hanlin data why` answers.
"""

from __future__ import annotations

import contextlib
import shutil
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
from hanlin.text.dedup import ExactDedup
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
from hanlin.text.privacy.treat import Privacy, in_words, is_too_much, total, treated
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
from hanlin.text.refine import Outcome, Refinement
from hanlin.text.rules.rulebook import Rulebook, kind_of
from hanlin.text.split import Splitter
from hanlin.text.tally import SPLITS, Tally, count, report_lines
from hanlin.text.work import Fate, FateSpool, Refusal, Work

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


class _Build:
    """The steps in order, and the tally they fill."""

    def __init__(self, config: CorpusConfig, progress: Progress) -> None:
        self.config, self.progress, self.tally = config, progress, Tally()
        self.rules = Rulebook(config.rules, config.quality)
        self.privacy = Privacy(config.privacy, config.max_examples)
        self.tally.personal = self.privacy.figures
        self.has_to_learn = False
        self.dedup = ExactDedup()
        self.first_drop: Dropped | None = None
        self.last_path: object = None  # encodings are counted once a file
        self.splitter = Splitter(Seeds(config.seed).derive("split"), config.validation_fraction, config.split_by)
        self.steps = (self._too_personal, self._edit, self._too_short, self._beyond_threshold, self._duplicate)

    def fates(self, events: Iterator[Event]) -> Iterator[Fate]:
        """Yield what the steps make of everything that was read."""
        self.progress.start(say("text.building_corpus"))
        for event in events:
            if isinstance(event, Dropped):
                entry = Entry(
                    event.id, event.source, event.location, UNREAD, reason=event.reason, example=event.example
                )
                yield Fate(self._refused(entry))
                continue
            self._count_read(event)
            work = Work(event, event.document, {}, event.measures)
            yield self._fate(work, next(filter(None, (step(work) for step in self.steps)), None))
        self.tally.groups = self.splitter.groups()
        self.progress.done(self.tally.read)

    def _fate(self, work: Work, refusal: Refusal | None) -> Fate:
        document = work.document
        entry = Entry(
            document.id, document.source, place_of(document), "", str(document.meta.get("id", "")), document.lang,
            kind_of(document), changes=work.draft.changes,
            personal=work.draft.personal, edits=work.edits, measures=work.measures,
        )  # fmt: skip
        if refusal is not None:
            return Fate(self.refused(entry, REMOVED, refusal), work.read, document)
        return Fate(replace(entry, fate=self.splitter.part_of(document)), work.read, document)

    def settled(self, fates: Iterator[Fate], refinement: Refinement) -> Iterator[Fate]:
        """Yield the same fates after the steps that look at other documents and at evaluation sets."""
        if not refinement.looks_at_all:
            yield from (self._settled(fate, Outcome(fate.kept), refinement) if fate.kept else fate for fate in fates)
            return
        spool = FateSpool(path_of(refinement.folder.parent, "fates"), fates)
        kept = ((fate.entry.fate, fate.kept) for fate in spool if fate.kept)
        with contextlib.closing(refinement.after_a_look_at_all(kept)) as outcomes:
            for fate in spool:
                yield self._settled(fate, next(outcomes), refinement) if fate.kept else fate
            next(outcomes, None)  # its figures come after the last document
        spool.remove()

    def _settled(self, fate: Fate, outcome: Outcome, refinement: Refinement) -> Fate:
        if fate.entry.fate == "train":
            outcome = refinement.without_evaluation_rows(outcome)
        if outcome.refusal:
            return replace(fate, entry=self.refused(fate.entry, REMOVED, outcome.refusal), document=outcome.document)
        if fate.entry.fate == "train":
            self.tally.count_kept("train", outcome.document)
        entry = replace(fate.entry, edits={**fate.entry.edits, **outcome.cuts})
        return replace(fate, entry=entry, document=outcome.document)

    # ------------------------------------------------------------ the steps: each may alter the work or refuse it

    def _too_personal(self, work: Work) -> Refusal | None:
        found = work.draft.personal
        if not is_too_much(found, self.config.privacy):
            return None
        return Refusal("personal", in_words(found), total(found), self.config.privacy.drop_above)

    def _edit(self, work: Work) -> Refusal | None:
        edited = self.rules.edit(work.document)
        for edit, number in edited.changes.items():
            count(self.tally.edits, edit, number)
            count(self.tally.edited, edit)
            for example in edited.examples[edit]:
                self._keep_example(Dropped(edit, work.read.id, work.read.source, place_of(work.read), example))
        if edited.changes:
            text = edited.text
            if self.config.privacy.action == "mask":  # an entity that was read may have hidden an address
                text, found = treated(text, self.config.privacy)
                self.privacy.count(found, place_of(work.read), is_new=not work.draft.personal)
            work.document, work.edits = replace(work.document, text=text), edited.changes
        return None

    def _too_short(self, work: Work) -> Refusal | None:
        size = len(work.document.text.strip())
        if size >= self.config.min_chars:
            return None
        return Refusal("too_short", work.document.text[:80], size, self.config.min_chars)

    def _beyond_threshold(self, work: Work) -> Refusal | None:
        if self.rules.is_idle:
            return None
        work.measures = self.rules.measures(work.read, work.measures)
        for measure in self.rules.scores.missing(work.read.lang):
            count(self.tally.unscored, f"{measure} {work.read.lang}")
        broken = self.rules.broken(work.read, work.measures)
        if not broken:
            return None
        threshold, value = broken[0].threshold, broken[0].value
        return Refusal(threshold.name, f"{value:g}", value, threshold.limit, threshold.origin)

    def _duplicate(self, work: Work) -> Refusal | None:
        if not self.config.dedup or (twin := self.dedup.first(work.document.text, work.document.id)) is None:
            return None
        return Refusal("duplicate", twin)

    # ------------------------------------------------------------ counting

    def refused(self, entry: Entry, fate: str, refusal: Refusal) -> Entry:
        """Count a document that was read and is not kept."""
        return self._refused(replace(entry, fate=fate, **vars(refusal)))

    def _refused(self, entry: Entry) -> Entry:
        entry = replace(entry, example=self.privacy.shown(entry.example))
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
            examples.append({**asdict(example), "example": self.privacy.shown(example.example)})

    def _count_read(self, draft: Draft) -> None:
        meta = draft.document.meta
        self.tally.read += 1
        self.tally.pieces += "piece" in meta
        self.privacy.count(draft.personal, place_of(draft.document))
        for rule, number in draft.changes.items():
            count(self.tally.changes, rule, number)
        if meta["path"] != self.last_path:
            self.last_path = meta["path"]
            count(self.tally.encodings, str(meta["encoding"]))
        if self.tally.read % 100 == 0:
            self.progress.update(self.tally.read)


def _write_parts(build: _Build, events: Iterator[Event], folder: Path) -> None:
    """Take every document through the steps and write it, and what became of it, where it belongs."""
    refinement = Refinement(build.config, folder / "refining", build.progress)
    if build.has_to_learn:
        events = _all_seen(build, events, folder)
    with contextlib.ExitStack() as stack:
        files = {name: stack.enter_context(packed(path_of(folder, name))) for name in _files_of(build)}
        files["validation"] = files[CANDIDATES]
        for fate in build.settled(build.fates(events), refinement):
            files[LEDGER].write(row(fate.entry))
            _write(files, fate)
    refinement.done()
    build.tally.refined = build.privacy.shown_in(refinement.figures)
    shutil.rmtree(refinement.folder, ignore_errors=True)


def _files_of(build: _Build) -> tuple[str, ...]:
    kept = ("train", CANDIDATES, LEDGER)
    return (*kept, REMOVED) if build.config.keep_removed else kept


def _write(files: Mapping[str, IO[bytes]], fate: Fate) -> None:
    if fate.kept:
        files[fate.entry.fate].write(row(fate.kept))
    if REMOVED in files and fate.read and (fate.entry.fate == REMOVED or fate.entry.edits):
        files[REMOVED].write(row(fate.read))


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
            files[LEAKED if is_leaked else "validation"].write(row(document))
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
                refusal = Refusal("leaked", f"{share:.0%}", round(share, 6), build.config.most_leaked)
                entry = build.refused(entry, LEAKED, refusal)
            file.write(row(entry))
    draft.unlink()


def _figures(build: _Build, sums: Mapping[str, str]) -> dict[str, Any]:
    """What corpus.json holds; the rules stand there so that `why` can tell how far a document was from each."""
    return {"format": FORMAT, **build.tally.figures(), "rules": dict(leaves(build.config.rules)), "sha256": dict(sums)}


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
