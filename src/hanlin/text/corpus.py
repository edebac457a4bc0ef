"""Raw files to a cleaned corpus in two parts, with every loss counted and kept beside it.

    pieces    neighbouring files, or a stretch of a large one                                  (reading.py)
    learn     all -> what rules have to learn first                                            (building/learning.py)
    clean     a piece -> too much personal data? -> edit -> too short? -> beyond a threshold?  (building/clean.py)
    compare   all -> seen before? -> near duplicate? -> repeated lines and passages            (building/compare.py)
    finish    a piece -> what was decided -> evaluation rows in train -> leaks of validation   (building/finish.py)

Every step is a row of tasks (`base/tasks.py`): any number of processes, a Ray cluster or the ranks of a launcher
do them with the same outcome, and a build that was cut goes on where it was. A built corpus is a folder:
`train.jsonl.zst`, `validation.jsonl.zst` (one document a line), `corpus.json` (all counts, examples of what was
dropped, checksums), `report.md` (the same for people), and the record of what became of every document (`ledger.py`),
from which `hanlin data why` answers.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hanlin.base.config import leaves
from hanlin.base.engines import Processes, num_cores
from hanlin.base.errors import InputError
from hanlin.base.files import (
    building_folder,
    check_replaceable,
    disk_errors,
    read_json,
    recover,
    sha256_bytes,
    sha256_file,
    write_json,
)
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.base.tasks import Counters, Engine, Tasks, workplace
from hanlin.text import reading
from hanlin.text.building.against import NOTHING_FOUND, against_figures, evaluation_stamp
from hanlin.text.building.compare import cluster_figures
from hanlin.text.building.cuts import cut_figures, cuts_added
from hanlin.text.building.large import LargeFile
from hanlin.text.building.learning import LEARNED
from hanlin.text.building.parts import num_parts_for
from hanlin.text.building.survivors import asked_of_lines
from hanlin.text.config import CorpusConfig, RulesConfig
from hanlin.text.document import Document, Dropped
from hanlin.text.ledger import LEAKED, LEDGER, REMOVED, documents_of, path_of
from hanlin.text.privacy.treat import Privacy
from hanlin.text.readers import nothing_readable
from hanlin.text.reading import (
    READING,
    Piece,
    is_readable_again,
    pieces_again,
    pieces_of,
    reading_key,
    what_was_learned,
)
from hanlin.text.rules.rulebook import Rulebook
from hanlin.text.split import Splitter
from hanlin.text.tally import SPLITS, Tally, added, count, report_lines

MANIFEST, REPORT = "corpus.json", "report.md"
FORMAT = 1
STEPS = 4
"""Raised by hand when some task leaves something else for the same job: work of an older program is not taken up."""
FILES = (*SPLITS, LEDGER, REMOVED, LEAKED)
_TASKS = "hanlin.text.building"


@dataclass(frozen=True)
class CorpusReport:
    """What became of the sources: where the corpus lies, the figures of corpus.json, their words, and what it took."""

    path: Path
    figures: Mapping[str, Any]
    lines: tuple[str, ...]
    spent: Mapping[str, float] = field(default_factory=dict)


def build_corpus(
    config: CorpusConfig,
    out: Path,
    *,
    earlier: Path | None = None,
    progress: Progress | None = None,
    engine: Engine | None = None,
    work: str = "",
) -> CorpusReport:
    """Write the corpus to the folder `out`, whole or not at all.

    The same sources and settings give the same bytes, whoever does the tasks and however many at a time, whether the
    sources are read, or the texts of a build of the same sources, in `out` or in `earlier`, are taken again. `work` is
    where tasks leave their outcomes, a folder or an address of fsspec that all workers see; by default it lies beside
    `out`. Cut short, it stays, and the next build with the same settings goes on from there.
    Raises ConfigError for rules that do not exist, InputError where nothing could be read, or `out` holds what is not a
    corpus (E117) or a source (E208), MachineError (E107) while another build is at it, DiskFull.
    """
    begun = time.monotonic()
    _check_place(config, out)
    engine, progress = engine or Processes(num_cores()), progress or Progress("none")
    rules = Rulebook(config.rules, config.quality)
    key = reading_key(config)
    known = next((folder for folder in (out, earlier) if folder and is_readable_again(folder, key)), None)
    given = [evaluation_stamp(config.against), rules.scores.marks, _rule_files(config.rules)]
    plan = sha256_bytes(repr([STEPS, key, str(known), _plain(config), *given]).encode())
    with workplace(work or str(out.with_name(f".{out.name}.work")), plan, engine, progress) as tasks:
        build = _Build(config, rules, tasks, known)
        build.run()
        build.raise_if_empty()
        if engine.rank == 0:
            _write(build, key, out)
    figures, lines = read_json(out / MANIFEST), (out / REPORT).read_text(encoding="utf-8")[:-1].split("\n")
    spent = {"bytes": build.num_bytes, "seconds": time.monotonic() - begun, "core_seconds": tasks.seconds}
    told = (*lines, say("text.report_read_again", path=known)) if known else tuple(lines)
    return CorpusReport(out, figures, told, spent)


def _check_place(config: CorpusConfig, out: Path) -> None:
    """Raise InputError where the corpus would take the place of something else (E117), or of its own sources (E208)."""
    recover(out)
    check_replaceable(out, MANIFEST)
    for source in config.sources:
        if out.is_dir() and Path(source.path).resolve().is_relative_to(out.resolve()):
            raise InputError("text.source_in_corpus", path=source.path, out=out)


def _rule_files(config: RulesConfig) -> list[str]:
    """Checksums of the files that the rules name: lists of bad words and presets of the user."""
    named = map(Path, (*config.bad_words, config.preset, *config.kinds.values()))
    return [sha256_file(path) for path in named if path.is_file()]


def _plain(config: CorpusConfig) -> dict[str, Any]:
    return config.model_dump(mode="json")


@dataclass(frozen=True)
class _Cleaned:
    """What the later steps ask for of each piece: all that is held of it from one step to another."""

    survivors: int
    held_out: int
    bytes: int
    names: Mapping[str, list[str]]


class _Build:
    """The steps in order, each a row of tasks, and the tally they fill."""

    def __init__(self, config: CorpusConfig, rules: Rulebook, tasks: Tasks, known: Path | None) -> None:
        self.config, self.rules, self.tasks, self.known = config, rules, tasks, known
        self.tally, self.privacy = Tally(), Privacy(config.privacy, config.max_examples)
        self.tally.personal = self.privacy.figures
        self.splitter = Splitter(0, 0, config.split_by)
        self.cleaned: list[_Cleaned] = []
        self.num_tasks: dict[str, int] = {}
        self.num_again = 0
        self.num_parts = 1
        self.first_drop: Dropped | None = None

    def run(self) -> None:
        """Take the sources through all steps."""
        pieces = pieces_again(self.known) if self.known else self._pieces()
        self.num_parts = num_parts_for(len(pieces))
        self._clean(self._learned(pieces))
        self._count_groups()
        self._compare()
        self._finish()

    # ------------------------------------------------------------ one document at a time

    def _pieces(self) -> list[Piece]:
        """The pieces of the sources, large files cut: where rows begin if that can be known, else read and set down."""
        pieces, piece_bytes = pieces_of(self.config), reading.PIECE_BYTES
        large = [LargeFile.of(piece, self.config, piece_bytes) for piece in pieces if piece["large"]]
        found = self._each("survey", f"{_TASKS}.large:survey", [job for one in large for job in one.jobs])
        for one in large:
            one.cut([next(found) for _ in one.jobs])
        jobs = [{"piece": one.piece, "piece_bytes": piece_bytes} for one in large if not one.stretches]
        shelves = iter(enumerate(one["shelves"] for one in self._each("unroll", f"{_TASKS}.large:unroll", jobs)))
        in_order = iter(large)
        return [part for one in pieces for part in (next(in_order).pieces(shelves) if one["large"] else [one])]

    def _learned(self, pieces: Sequence[Piece]) -> Sequence[Piece]:
        """The pieces once the rules have learned from all of them, in an earlier build or now."""
        if not self.rules.has_to_learn:
            return pieces
        known = what_was_learned(self.known)
        is_known = self.rules.recall(known)
        if not is_known:
            self._each("draft", f"{_TASKS}.learning:draft", [{"piece": piece} for piece in pieces])
            drafted: Sequence[Piece] = [{"drafted": f"draft/{number:06}"} for number in range(len(pieces))]
            if sum(one["found"] for one in self._by_part("marks")):
                self._each("met", f"{_TASKS}.learning:met", [{"number": number} for number in range(len(pieces))])
        self._each("learned", f"{_TASKS}.learning:learned", [{"known": known if is_known else {}}])
        self.rules.recall(read_json(self.tasks.folder("learned") / LEARNED))
        return pieces if is_known else drafted

    def _clean(self, pieces: Sequence[Piece]) -> None:
        learned = f"learned/{0:06}" if self.rules.has_to_learn else ""
        last_path = ""
        for one in self._each("clean", f"{_TASKS}.clean:clean", [{"piece": p, "learned": learned} for p in pieces]):
            self._add(one["tally"])
            self.splitter.take(one["split"])
            self.cleaned.append(_Cleaned(**{name.name: one[name.name] for name in fields(_Cleaned)}))
            if one["first_file"] and one["first_file"][0] == last_path:  # a file in two pieces is one file
                count(self.tally.encodings, one["first_file"][1], -1)
            last_path = one["last_path"] or last_path
            self.first_drop = self.first_drop or (Dropped(**one["first_drop"]) if one["first_drop"] else None)
        self.tasks.progress.start(say("text.building_corpus"))
        self.tasks.progress.done(self.tally.read)

    def _count_groups(self) -> None:
        """Count the groups of documents that are kept together, where there are any."""
        if not self.config.split_by:
            return
        groups: dict[str, int] = {}
        for one in self._by_part("split"):
            groups = added(groups, one, 0)
        self.tally.groups = self.splitter.checked(groups)

    @property
    def num_bytes(self) -> int:
        """Bytes of text that were read."""
        return sum(one.bytes for one in self.cleaned)

    @property
    def bases(self) -> list[int]:
        """Where the survivors of each piece begin among all."""
        ends = [0]
        for one in self.cleaned:
            ends.append(ends[-1] + one.survivors)
        return ends

    # ------------------------------------------------------------ all documents

    def _compare(self) -> None:
        config = self.config
        if config.dedup:
            self.num_again = sum(one["again"] for one in self._by_part("exact"))
        if config.near_dup.action != "off":
            self._near_duplicates()
        if asked_of_lines(config):
            self._by_part("lines")
        if config.against.paths:
            pieces = [{"piece": number} for number in range(len(self.cleaned))]
            self._each("overlaps", f"{_TASKS}.overlaps:overlaps", pieces)
            self._each("common", f"{_TASKS}.overlaps:common", [{}])

    def _near_duplicates(self) -> None:
        self._by_part("bands")
        (groups,) = self._each("groups", f"{_TASKS}.compare:groups", [{}])
        jobs = [{"portion": number, **groups} for number in range(groups["portions"])]
        found = self._each("clusters", f"{_TASKS}.compare:clusters", jobs)
        action, num_documents = self.config.near_dup.action, self.bases[-1] - self.num_again
        figures = cluster_figures(found, action, num_documents, self.config.max_examples)
        self.tally.refined["near_dup"] = figures
        if action != "drop":
            del self.num_tasks["clusters"]

    # ------------------------------------------------------------ the end

    def _finish(self) -> None:
        """Carry out what was decided."""
        has_validation = any(one.held_out for one in self.cleaned)
        jobs = [
            {"piece": number, "names": one.names, "looks_for_leaks": has_validation}
            for number, one in enumerate(self.cleaned)
        ]
        lines: dict[str, Any] = {}
        against: dict[str, Any] = dict(NOTHING_FOUND)
        for one in self._each("finish", f"{_TASKS}.finish:finish", jobs):
            self._add(one["tally"])
            lines = cuts_added(lines, one["lines"], self.config.max_examples)
            against = added(against, one["against"], self.config.max_examples)
        self._by_part("leaks")
        for one in self._each("settle", f"{_TASKS}.finish:settle", [{"piece": job["piece"]} for job in jobs]):
            self._add(one["tally"])
        self._tell(lines, against)

    def _tell(self, lines: Mapping[str, Any], against: Mapping[str, Any]) -> None:
        """What the last look found, of all pieces."""
        if asked_of_lines(self.config):
            self.tally.refined["lines"] = cut_figures(lines)
        if self.config.against.paths:
            self.tally.refined["against"] = against_figures(self.config.against, against)
        self.tally.refined = self.privacy.shown_in(self.tally.refined)

    def raise_if_empty(self) -> None:
        """Raise InputError where no document is left."""
        if not sum(amount.documents for amount in self.tally.splits.values()):
            paths = [source.path for source in self.config.sources]
            raise nothing_readable(paths, self.first_drop, sum(self.tally.dropped.values()))

    # ------------------------------------------------------------ tasks

    def _each(self, step: str, function: str, jobs: Sequence[Mapping[str, Any]]) -> Iterator[Counters]:
        shared = {
            "config": _plain(self.config), "bases": self.bases, "parts": self.num_parts, "num_tasks": self.num_tasks
        }  # fmt: skip
        found = self.tasks.each(step, function, [{**shared, **job} for job in jobs], say(f"text.step_{step}"))
        self.num_tasks = {**self.num_tasks, step: len(jobs)}
        return found

    def _by_part(self, step: str) -> Iterator[Counters]:
        room = {"marks": "learning", "leaks": "finish"}.get(step, "compare")
        return self._each(step, f"{_TASKS}.{room}:{step}", [{"part": part} for part in range(self.num_parts)])

    def _add(self, table: Mapping[str, Any]) -> None:
        self.tally.add(table, self.config.max_examples)


# ---------------------------------------------------------------- the folder


def _write(build: _Build, key: Mapping[str, Any], out: Path) -> None:
    """Put the frames of all pieces together, and tell of them."""
    with building_folder(out, known_by=MANIFEST) as folder:
        ends = {name: _joined(build, name, path_of(folder, name)) for name in _files_of(build.config)}
        sums = {name: sha256_file(path_of(folder, name)) for name in ends}
        figures = _figures(build, sums)
        (folder / REPORT).write_text("\n".join(report_lines(figures)) + "\n", encoding="utf-8")
        write_json(folder / MANIFEST, figures)
        if build.config.keep_removed:
            write_json(folder / READING, {**key, "learned": build.rules.to_recall(), "sha256": sums, "pieces": ends})


def _files_of(config: CorpusConfig) -> tuple[str, ...]:
    return FILES if config.keep_removed else (*SPLITS, LEDGER)


def _joined(build: _Build, name: str, path: Path) -> list[int]:
    """Write the frames of one file one after the other; return where each ends."""
    step = "finish" if name in ("train", REMOVED) else "settle"
    ends = []
    with disk_errors(path), path.open("wb") as file:
        for piece in range(len(build.cleaned)):
            with path_of(build.tasks.folder(step, piece), name).open("rb") as frame:
                shutil.copyfileobj(frame, file, 1 << 20)
            ends.append(file.tell())
    return ends


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
