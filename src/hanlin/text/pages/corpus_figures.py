"""The figures of a report on a built corpus, from what lies in its folder: manifest, ledger and texts, read once.

    funnel       documents and bytes left after every step, and what each took
    losses       per reason, with the beginnings of texts that went
    lengths, measures     of what was read and of what was kept, with the bounds of the rules
    languages, sources, licences      documents and bytes, read and kept; languages as the rules tell them apart
    identified   bytes of a sample of the kept texts by their language, one of 136
    duplicates   copies and clusters by size
    samples      texts before and after what was cut out of them

No source is read again. Where the texts that were removed were not kept (`keep_removed = false`), their bytes are not
known and stand as null.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hanlin.base.errors import InputError
from hanlin.base.files import read_json, recover
from hanlin.text.config import RulesConfig
from hanlin.text.document import Document
from hanlin.text.language import identify
from hanlin.text.ledger import KEPT, LEAKED, REMOVED, UNREAD, Entry, documents_of, path_of, read_ledger
from hanlin.text.pages.before_after import marked
from hanlin.text.pages.bins import even_bins
from hanlin.text.privacy.find import mask_personal
from hanlin.text.rules.measures import is_measure, measure
from hanlin.text.rules.presets import KINDS, LANGUAGES, is_threshold
from hanlin.text.rules.rulebook import Rulebook

FORMAT = 1
RULES = "rules"
"""The step that all thresholds are."""
STEPS = ("personal", "too_short", RULES, "duplicate", "near_duplicate", "nothing_left", "evaluation", "leaked")
"""Steps that drop documents, in their order; others come after those named here."""
SHOWN_MEASURES = ("letters", "common_words", "punct_lines", "mean_line_chars", "dup_line_chars", "symbols")
MOST_MEASURES = 9
MOST_VALUES = 20_000
"""Documents whose measures are kept for the histograms: an even sample of more."""
MEASURED_HERE = 300
"""Texts that are measured for the report where the build did not."""
MOST_IDENTIFIED = 400
"""Kept texts whose language is looked for: an even sample of more. Each takes 1 ms, for all as long again as cleaning
them."""
SAMPLES_PER_EDIT = 2
SHOWN_CHARS = 240
_LICENCES = ("licence", "license")


@dataclass
class Size:
    """Documents and their UTF-8 bytes."""

    documents: int = 0
    bytes: int = 0

    def add(self, num_bytes: int) -> None:
        """Count a document."""
        self.documents += 1
        self.bytes += num_bytes


@dataclass
class Flow:
    """What came in under one name (a source, a language, a licence) and what was kept of it."""

    read: Size = field(default_factory=Size)
    kept: Size = field(default_factory=Size)


class Values:
    """An even sample of a stream of tables, the same for the same stream: every n-th, n growing as it must."""

    def __init__(self, most: int) -> None:
        self._most, self._step, self._met = most, 1, 0
        self.held: list[tuple[bool, Mapping[str, float]]] = []

    def is_next_wanted(self) -> bool:
        """Whether the next of the stream belongs to the sample."""
        self._met += 1
        return self._met % self._step == 0

    def add(self, is_kept: bool, table: Mapping[str, float]) -> None:
        """Take one."""
        self.held.append((is_kept, table))
        if len(self.held) > self._most:
            self.held, self._step = self.held[1::2], self._step * 2


def corpus_figures(folder: Path | str) -> dict[str, Any]:
    """Return the figures of a corpus. Raises InputError where none stands (E204), or no ledger (E237)."""
    folder = Path(folder)
    recover(folder)
    if not (folder / "corpus.json").is_file():
        raise InputError("text.corpus_missing", path=folder)
    manifest = read_json(folder / "corpus.json")
    account = _Account(manifest)
    for entry, read, kept in _fates(folder):
        account.take(entry, read, kept)
    return account.figures()


def _fates(folder: Path) -> Iterator[tuple[Entry, Document | None, Document | None]]:
    """Yield everything in the ledger with its text as it was read and as it was kept, where these are there."""
    paths = {name: path_of(folder, name) for name in (*KEPT, REMOVED, LEAKED)}
    texts = {name: documents_of(path) for name, path in paths.items() if path.is_file()}
    for entry in read_ledger(folder):
        if entry.fate == UNREAD:
            yield entry, None, None
            continue
        document = next(texts[entry.fate]) if entry.fate in texts else None
        has_original = entry.edits and entry.fate != REMOVED and REMOVED in texts
        read = next(texts[REMOVED]) if has_original else document
        yield entry, read, document if entry.fate in KEPT else None


class _Account:
    """Counts, filled entry by entry."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self.manifest = manifest
        self.total = Flow()
        self.lost: dict[str, Size] = {}
        self.quotes: dict[str, list[dict[str, str]]] = {}
        self.has_all_bytes = True
        self.flows: dict[str, dict[str, Flow]] = {"languages": {}, "sources": {}, "licences": {}, "kinds": {}}
        self.lengths = {"read": Counter[int](), "kept": Counter[int]()}
        self.values = Values(MOST_VALUES)
        self.identified = Values(MOST_IDENTIFIED)
        self.has_no_rules = _book(manifest).is_idle
        self.num_measured_here = 0
        self.copies = Counter[str]()
        self.samples: list[dict[str, Any]] = []
        self.shown_edits = Counter[str]()

    def take(self, entry: Entry, read: Document | None, kept: Document | None) -> None:
        """Count what became of something that was read."""
        if entry.fate == UNREAD:
            self.lost.setdefault(entry.reason, Size()).add(0)
            return
        self.has_all_bytes &= read is not None
        read_bytes = len(read.text.encode()) if read else 0
        kept_bytes = len(kept.text.encode()) if kept else 0
        for flow in self._flows(entry, read):
            flow.read.add(read_bytes)
            if kept:
                flow.kept.add(kept_bytes)
        self._count_length("read", read)
        self._count_length("kept", kept)
        if kept and self.identified.is_next_wanted():
            name = kept.lang if kept.lang == "code" else identify(kept.text).code
            self.identified.add(True, {name: kept_bytes})
        self._measure(entry, read)
        if not kept:
            self._lose(entry, read, read_bytes)
        elif entry.edits and read:
            self._show(entry, read.text, kept.text)

    def _flows(self, entry: Entry, read: Document | None) -> Iterator[Flow]:
        meta = read.meta if read else {}
        licence = next((str(meta[name]) for name in _LICENCES if meta.get(name)), "")
        names = {"languages": entry.lang, "sources": entry.source, "licences": licence, "kinds": entry.kind}
        yield self.total
        yield from (self.flows[of].setdefault(name, Flow()) for of, name in names.items())

    def _count_length(self, which: str, document: Document | None) -> None:
        if document:
            self.lengths[which][len(document.text).bit_length()] += 1

    def _measure(self, entry: Entry, read: Document | None) -> None:
        if not self.values.is_next_wanted():
            return
        found = entry.measures
        if found is None and self.has_no_rules and read and self.num_measured_here < MEASURED_HERE:
            self.num_measured_here += 1
            found = measure(read.text[:20_000])
        if found:
            self.values.add(entry.fate in KEPT, found)

    def _lose(self, entry: Entry, read: Document | None, num_bytes: int) -> None:
        self.lost.setdefault(entry.reason, Size()).add(num_bytes)
        if entry.reason == "duplicate":
            self.copies[entry.example] += 1
        quotes = self.quotes.setdefault(entry.reason, [])
        if read and len(quotes) < 3:
            value = "" if entry.value is None else f"{entry.value:g}"
            quotes.append({"location": entry.location, "value": value, "text": _quote(read.text)})

    def _show(self, entry: Entry, before: str, after: str) -> None:
        if before == after or all(self.shown_edits[edit] >= SAMPLES_PER_EDIT for edit in entry.edits):
            return
        self.shown_edits.update(entry.edits.keys())
        edits = dict(entry.edits)
        self.samples.append({"location": entry.location, "edits": edits, "parts": marked(before, after)})

    # ------------------------------------------------------------ figures

    def figures(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        manifest, longest = self.manifest, max(self.lengths["read"], default=1)
        return {
            "format": FORMAT,
            "splits": manifest["splits"],
            "funnel": list(self._funnel()),
            "losses": list(self._losses()),
            "lengths": {name: _length_bins(counts, longest) for name, counts in self.lengths.items()},
            "measures": dict(self._measures()),
            "num_measured": len(self.values.held),
            "is_measured_here": bool(self.num_measured_here),
            **{name: _table(flows) for name, flows in self.flows.items()},
            "identified": self._identified(),
            "duplicates": self._duplicates(),
            "lines": manifest.get("refined", {}).get("lines", {}),
            "against": manifest.get("refined", {}).get("against", {}),
            "personal": manifest.get("personal", {}),
            "encodings": manifest.get("encodings", {}),
            "changes": manifest.get("changes", {}),
            "edits": manifest.get("edits", {}),
            "samples": self.samples,
        }

    def _known(self, num_bytes: int) -> int | None:
        return num_bytes if self.has_all_bytes else None

    def _funnel(self) -> Iterator[dict[str, Any]]:
        """What is left after every step that took something."""
        documents, num_bytes = self.total.read.documents, self.total.read.bytes
        yield {"step": "read", "documents": documents, "bytes": self._known(num_bytes)}
        for step, size in self._steps().items():
            documents, num_bytes = documents - size.documents, num_bytes - size.bytes
            yield {"step": step, "documents": documents, "bytes": self._known(num_bytes)}
        if num_bytes != self.total.kept.bytes and self.has_all_bytes:
            yield {"step": "cut", "documents": documents, "bytes": self.total.kept.bytes}

    def _steps(self) -> dict[str, Size]:
        """Losses by step, in order."""
        found: dict[str, Size] = {}
        unread = {reason for reason in self.lost if not self._was_document(reason)}
        for reason, size in self.lost.items():
            if reason in unread:
                continue
            step = found.setdefault(RULES if is_threshold(reason, 0) else reason, Size())
            step.documents, step.bytes = step.documents + size.documents, step.bytes + size.bytes
        order = [*(step for step in STEPS if step in found), *(step for step in found if step not in STEPS)]
        return {step: found[step] for step in order}

    def _was_document(self, reason: str) -> bool:
        """Whether a reason took documents; what is unread never was one."""
        return reason in self.quotes

    def _losses(self) -> Iterator[dict[str, Any]]:
        """Every reason, those that took most first."""
        for reason, size in sorted(self.lost.items(), key=lambda item: -item[1].documents):
            is_document = self._was_document(reason)
            examples = self.quotes.get(reason) or [
                {"location": one["location"], "value": "", "text": one["example"]}
                for one in self.manifest.get("examples", {}).get(reason, ())
            ]
            yield {
                "reason": reason, "documents": size.documents, "is_document": is_document,
                "bytes": self._known(size.bytes) if is_document else None, "examples": examples,
            }  # fmt: skip

    def _measures(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Histograms of kept and removed documents on the same edges, with the bounds of the rules."""
        limits = _limits(_book(self.manifest))
        broken = [reason.partition("_")[2] for reason in self.lost if is_threshold(reason, 0)]
        others = [name for name in next((table for _, table in self.values.held), {}) if not is_measure(name)]
        for name in list(dict.fromkeys([*broken, *others, *SHOWN_MEASURES]))[:MOST_MEASURES]:
            values = [(is_kept, table[name]) for is_kept, table in self.values.held if name in table]
            if values:
                every = even_bins([value for _, value in values])
                kept = even_bins([value for is_kept, value in values if is_kept], edges=every.edges)
                yield name, {**every.figures(), "kept": list(kept.counts), "limits": limits.get(name, [])}

    def _identified(self) -> dict[str, Any]:
        found = Counter[str]()
        for _, size in self.identified.held:
            found.update({name: int(num_bytes) for name, num_bytes in size.items()})
        return {"texts": len(self.identified.held), "bytes": dict(found.most_common())}

    def _duplicates(self) -> dict[str, Any]:
        near = self.manifest.get("refined", {}).get("near_dup", {})
        sizes = Counter(number + 1 for number in self.copies.values())
        return {
            "exact": {"copies": self.copies.total(), "sizes": {str(size): sizes[size] for size in sorted(sizes)}},
            "near": near,
        }


def _quote(text: str) -> str:
    return " ".join(mask_personal(text[: 2 * SHOWN_CHARS])[0][:SHOWN_CHARS].split())


def _length_bins(counts: Counter[int], last: int) -> dict[str, Any]:
    """Counts by the number of binary digits of a length, up to `last`, as bins of powers of two."""
    return {"edges": [0, *(2**number for number in range(last + 1))], "counts": [counts[n] for n in range(last + 1)]}


def _table(flows: Mapping[str, Flow]) -> list[dict[str, Any]]:
    """Flows as rows, the largest first."""
    rows = [{"name": name, "read": vars(flow.read), "kept": vars(flow.kept)} for name, flow in flows.items()]
    return sorted(rows, key=lambda row: (-row["read"]["bytes"], -row["read"]["documents"], row["name"]))


def _book(manifest: Mapping[str, Any]) -> Rulebook:
    """The rules a corpus was built by; lists of bad words may be gone since."""
    return Rulebook(RulesConfig(**{**manifest.get("rules", {}), "bad_words": []}))


def _limits(book: Rulebook) -> dict[str, list[float]]:
    """Every bound that some language and kind of document has, by measure."""
    found: dict[str, set[float]] = {}
    for lang in LANGUAGES:
        for kind in KINDS:
            for one in book.thresholds(lang, kind):
                found.setdefault(one.measure, set()).add(one.limit)
    return {name: sorted(limits) for name, limits in found.items() if all(map(math.isfinite, limits))}
