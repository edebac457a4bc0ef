"""What only a look at the whole corpus can tell: near duplicates, repeated lines, rows of evaluation sets.

    after_a_look_at_all      documents -> disk -> near duplicates out -> repeated lines and passages cut
    without_evaluation_rows  document -> out, or without the sentences that hold such rows

Each gives one outcome a document, in order, so that the ledger can tell of it. What is set aside on disk goes when the
work ends, however.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hanlin.base.files import disk_errors
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.text.config import AgainstConfig, CorpusConfig, LinesConfig
from hanlin.text.document import TWINS, Document, Dropped
from hanlin.text.duplicates.near import Cluster, NearDuplicates
from hanlin.text.duplicates.repeated import RepeatedLines, SharedPassages, Span, places_of, twins_of, without
from hanlin.text.duplicates.staged import Staged
from hanlin.text.overlap.index import Overlap, OverlapIndex, index_of
from hanlin.text.overlap.rows import evaluation_rows
from hanlin.text.readers import source_name
from hanlin.text.work import Refusal

Labelled = tuple[str, Document]

SHOWN_CHARS = 120
_SENTENCE_END = re.compile(r"[。！？；\n]|[.!?;](?=\s)")


@dataclass(frozen=True)
class Outcome:
    """A document after a step, the refusal if it goes, and how many pieces of each kind were cut out of it."""

    document: Document
    refusal: Refusal | None = None
    cuts: Mapping[str, int] = field(default_factory=dict)


@dataclass
class Refinement:
    """One corpus on its way through the steps; `figures` hold what each found. `folder` must not exist yet."""

    config: CorpusConfig
    folder: Path
    progress: Progress
    figures: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.against = _Against(self.config.against, self.config.max_examples) if self.config.against.paths else None

    @property
    def looks_at_all(self) -> bool:
        """Whether some step has to see every document before it can decide about the first."""
        lines = self.config.lines
        return self.config.near_dup.action != "off" or _cuts_lines(lines) or bool(lines.passages)

    def after_a_look_at_all(self, documents: Iterable[Labelled]) -> Generator[Outcome, None, None]:
        """Yield the outcome of every document, in order, once all have been seen. Raises DiskFull."""
        with disk_errors(self.folder):
            self.folder.mkdir()
        with Staged(self.folder / "documents") as staged:
            for label, document in documents:
                staged.add(label, document)
            yield from self._compared(staged)

    def _compared(self, staged: Staged) -> Iterator[Outcome]:
        """The outcomes of documents that stand on disk."""
        gone = self._near_duplicates(staged)
        cutter = _Cutter(self.config.lines, self.folder, self.config.max_examples, staged)
        cutter.look((number, document) for number, (_, document) in enumerate(staged) if number not in gone.twins)
        for number, (_, document) in enumerate(staged):
            if number in gone.twins:
                twin, similarity = gone.twins[number]
                yield Outcome(document, Refusal("near_duplicate", f"{similarity:.3f} {staged[twin][1].id}"))
                continue
            left, cuts = cutter.cut(number, gone.told(number, document))
            yield Outcome(left, None if left.text.strip() else Refusal("nothing_left", document.text[:80]), cuts)
        self.figures.update(cutter.figures())

    # ------------------------------------------------------------ near duplicates

    def _near_duplicates(self, staged: Staged) -> _Gone:
        """Which documents go for the sake of which; nothing where they are only reported."""
        config = self.config.near_dup
        if config.action == "off":
            return _Gone()
        self.progress.start(say("text.looking_for_near_duplicates"), len(staged))
        near = NearDuplicates(config, self.folder)
        order = {source_name(source): place for place, source in reversed(list(enumerate(self.config.sources)))}
        for number, (_, document) in enumerate(staged):
            near.add(document.text, order[document.source])
            self.progress.update(number)
        gone, told = _Gone(), _ClusterFigures(self.config.max_examples)
        for cluster in near.clusters(lambda number: staged[number][1].text):
            told.add(cluster)
            gone.add(cluster)
        self.progress.done(len(staged))
        self.figures["near_dup"] = told.figures(config.action, staged)
        return gone if config.action == "drop" else _Gone()

    # ------------------------------------------------------------ evaluation sets

    def without_evaluation_rows(self, so_far: Outcome) -> Outcome:
        """The outcome of a document of the training part, which must hold no rows of evaluation sets."""
        document, action = so_far.document, self.config.against.action
        found = self.against.look(document) if self.against and not so_far.refusal else []
        if not found or action == "report":
            return so_far
        first = found[0]
        if action == "drop":
            passage = document.text[first.start : first.end]
            return replace(so_far, refusal=Refusal("evaluation", f"{first.row.place}: {passage}"[:SHOWN_CHARS]))
        spans = [_whole_sentences(document.text, one.start, one.end) for one in found]
        left = without(document.text, spans)
        if not left.strip():
            return replace(so_far, refusal=Refusal("nothing_left", document.text[:80]))
        assert self.against is not None
        self.against.num_cut += len(document.text) - len(left)
        return Outcome(replace(document, text=left), cuts={**so_far.cuts, "evaluation": len(spans)})

    def done(self) -> None:
        """Add what was found of evaluation sets to the figures."""
        if self.against:
            self.figures["against"] = self.against.figures()


@dataclass
class _Gone:
    """Documents that go by number, with their kept twin and similarity; and how many each kept one stands for."""

    twins: dict[int, tuple[int, float]] = field(default_factory=dict)
    sizes: Counter[int] = field(default_factory=Counter)

    def add(self, cluster: Cluster) -> None:
        self.twins |= cluster.twins
        self.sizes.update(twin for twin, _ in cluster.twins.values())

    def told(self, number: int, document: Document) -> Document:
        """A document with the number of those it stands for, itself among them, where there are others."""
        if number not in self.sizes:
            return document
        return replace(document, meta={**document.meta, TWINS: self.sizes[number] + 1})


class _ClusterFigures:
    """Clusters in figures, the largest as examples."""

    def __init__(self, max_examples: int) -> None:
        self._most, self._largest = max_examples, list[tuple[int, int, Cluster]]()
        self._sizes = Counter[int]()
        self._num_near = 0

    def add(self, cluster: Cluster) -> None:
        self._sizes[cluster.size] += 1
        self._num_near += len(cluster.twins)
        # The second place breaks ties, the earlier cluster being the better example.
        heapq.heappush(self._largest, (cluster.size, -cluster.kept[0], cluster))
        if len(self._largest) > self._most:
            heapq.heappop(self._largest)

    def figures(self, action: str, staged: Staged) -> dict[str, Any]:
        largest = sorted(self._largest, key=lambda one: one[:2], reverse=True)
        return {
            "action": action,
            "documents": len(staged),
            "clusters": self._sizes.total(),
            "near_duplicates": self._num_near,
            "sizes": {str(size): number for size, number in sorted(self._sizes.items())},
            "examples": [_told(cluster, staged) for _, _, cluster in largest],
        }


def _told(cluster: Cluster, staged: Staged) -> dict[str, Any]:
    return {
        "size": cluster.size,
        "kept": [staged[number][1].id for number in cluster.kept],
        "near": [
            {"id": staged[number][1].id, "of": staged[twin][1].id, "similarity": round(similarity, 4)}
            for number, (twin, similarity) in list(cluster.twins.items())[:5]
        ],
        "text": staged[cluster.kept[0]][1].text[:SHOWN_CHARS],
    }


# ---------------------------------------------------------------- lines and passages


def _cuts_lines(config: LinesConfig) -> bool:
    return config.repeated != "off" or config.boilerplate is not None


class _Cutter:
    """Finds what documents repeat and cuts it."""

    def __init__(self, config: LinesConfig, folder: Path, max_examples: int, staged: Staged) -> None:
        self._lines = RepeatedLines(config, folder) if _cuts_lines(config) else None
        self._passages = SharedPassages(config.passages, folder) if config.passages else None
        self._staged, self._most = staged, max_examples
        self._counts: dict[str, Counter[str]] = {}
        self._examples: dict[str, dict[str, str]] = {}

    def look(self, documents: Iterable[tuple[int, Document]]) -> None:
        """Take all documents in."""
        if not (self._lines or self._passages):
            return
        for number, document in documents:
            if self._lines:
                self._lines.add(number, document.source, document.text)
            if self._passages:
                self._passages.add(number, document.text)
        if self._lines:
            self._repeated, self._boilerplate = self._lines.cuts()
        if self._passages:
            self._twins = self._passages.twins()

    def cut(self, number: int, document: Document) -> tuple[Document, dict[str, int]]:
        """A document without what it repeats, and how many pieces of each kind that was."""
        found: dict[str, list[Span]] = {}
        if self._lines:
            repeated, common = places_of(self._repeated, number), places_of(self._boilerplate, number)
            found["repeated"] = self._lines.spans(document.text, repeated, [])
            found["boilerplate"] = self._lines.spans(document.text, [], common)
        if self._passages and (places := twins_of(self._twins, number)):
            spans = self._passages.spans(document.text, places, lambda number: self._staged[number][1].text)
            found["passages"] = list(spans)
        for kind, spans_of_kind in found.items():
            self._count(kind, document, spans_of_kind)
        cuts = {kind: len(of_kind) for kind, of_kind in found.items() if of_kind}
        all_spans = [span for of_kind in found.values() for span in of_kind]
        return (replace(document, text=without(document.text, all_spans)) if all_spans else document), cuts

    def _count(self, kind: str, document: Document, spans: list[Span]) -> None:
        counts = self._counts.setdefault(kind, Counter())
        counts.update(documents=bool(spans), pieces=len(spans), characters=sum(end - start for start, end in spans))
        examples = self._examples.setdefault(kind, {})
        for start, end in spans:
            if len(examples) < self._most:
                examples.setdefault(document.text[start:end].strip()[:SHOWN_CHARS], document.id)

    def figures(self) -> dict[str, Any]:
        found = {
            kind: {**counts, "examples": [{"text": text, "id": id} for text, id in self._examples[kind].items()]}
            for kind, counts in self._counts.items()
            if counts["pieces"]
        }
        return {"lines": found} if self._lines or self._passages else {}


# ---------------------------------------------------------------- evaluation sets


class _Against:
    """Evaluation sets, and what was found of them."""

    def __init__(self, config: AgainstConfig, max_examples: int) -> None:
        self._dropped = list[Dropped]()
        self.index: OverlapIndex = index_of(
            evaluation_rows(config.paths, fields=config.fields, on_drop=self._dropped.append), config
        )
        self._action, self._most, self.num_cut = config.action, max_examples, 0
        self._rows: dict[str, set[str]] = {name: set() for name in self.index.sets}
        self._documents = Counter[str]()
        self._examples: dict[str, list[dict[str, str]]] = {}

    def look(self, document: Document) -> list[Overlap]:
        """The overlaps of a document, counted."""
        found = self.index.find(document.text)
        self._documents.update({one.row.set for one in found})
        for one in found:
            self._rows[one.row.set].add(one.row.place)
            examples = self._examples.setdefault(one.row.set, [])
            if len(examples) < self._most:
                passage = document.text[one.start : one.end][:SHOWN_CHARS]
                examples.append({"row": one.row.place, "id": document.id, "passage": passage})
        return found

    def figures(self) -> dict[str, Any]:
        sets = {
            name: {
                "rows": number,
                "too_short": self.index.num_unusable[name],
                "planted_and_found": self.index.planted[name],
                "rows_found": len(self._rows[name]),
                "documents": self._documents[name],
                "examples": self._examples.get(name, []),
            }
            for name, number in self.index.sets.items()
        }
        unreadable = [one.location for one in self._dropped]
        return {"action": self._action, "sets": sets, "characters_cut": self.num_cut, "unreadable_rows": unreadable}


def _whole_sentences(text: str, start: int, end: int) -> Span:
    """The sentences that a span touches; half a sentence would teach to break off."""
    before = [found.end() for found in _SENTENCE_END.finditer(text, max(0, start - 2000), start)]
    after = _SENTENCE_END.search(text, max(start, end - 1))
    return (before[-1] if before else 0 if start <= 2000 else start), (after.end() if after else len(text))
