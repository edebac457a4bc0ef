"""Raw files to a cleaned corpus in two parts, with every loss counted.

    sources -> read -> normalise -> personal data -> too short? -> seen before?
            -> train | validation -> in train, line by line?

A built corpus is a folder: `train.jsonl.zst`, `validation.jsonl.zst` (one document a line), `corpus.json` (all counts,
examples of what was dropped, checksums) and `report.md` (the same for people).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import zstandard

from hanlin.base.errors import InputError
from hanlin.base.files import building_folder, read_json, recover, sha256_file, write_json
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.base.seeds import Seeds
from hanlin.text.clean import normalise
from hanlin.text.config import CorpusConfig
from hanlin.text.dedup import ExactDedup, text_digest
from hanlin.text.document import Document, Dropped
from hanlin.text.encodings import decoded_stream
from hanlin.text.files import chunks_of
from hanlin.text.leaks import leaked_shares
from hanlin.text.privacy.treat import Privacy, personal_lines
from hanlin.text.readers import lines_of, nothing_readable, read_documents

SPLITS = ("train", "validation")
MANIFEST = "corpus.json"
FORMAT = 1


@dataclass
class Amount:
    """How much text: documents, characters and UTF-8 bytes."""

    documents: int = 0
    characters: int = 0
    bytes: int = 0

    def add(self, text: str, num_bytes: int) -> None:
        """Count one document."""
        self.documents += 1
        self.characters += len(text)
        self.bytes += num_bytes


@dataclass
class Tally:
    """Everything that is counted on the way."""

    read: int = 0
    pieces: int = 0
    splits: dict[str, Amount] = field(default_factory=lambda: {split: Amount() for split in SPLITS})
    languages: dict[str, dict[str, Amount]] = field(default_factory=lambda: {split: {} for split in SPLITS})
    sources: dict[str, Amount] = field(default_factory=dict)
    encodings: dict[str, int] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)
    personal: dict[str, Any] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[dict[str, str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class CorpusReport:
    """What became of the sources: where the corpus lies, the figures of corpus.json and their words."""

    path: Path
    figures: Mapping[str, Any]
    lines: tuple[str, ...]


def build_corpus(config: CorpusConfig, out: Path, *, progress: Progress | None = None) -> CorpusReport:
    """Write the corpus to the folder `out`, whole or not at all.

    The same sources and settings give the same bytes. Raises InputError where nothing could be read, DiskFull.
    """
    build = _Build(config, progress or Progress("none"))
    with building_folder(out) as folder:
        with _writers(folder) as files:
            for split, document in build.documents():
                files[split].write(_line(document))
        _drop_leaks(build, folder)
        if not sum(amount.documents for amount in build.tally.splits.values()):
            raise nothing_readable(
                [source.path for source in config.sources], build.first_drop, sum(build.tally.dropped.values())
            )
        figures = _figures(build.tally, folder)
        lines = tuple(_report_lines(figures))
        (folder / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        write_json(folder / MANIFEST, figures)
    return CorpusReport(out, figures, lines)


class _Build:
    """The steps in order, and the tally they fill."""

    def __init__(self, config: CorpusConfig, progress: Progress) -> None:
        self.config, self.progress, self.tally = config, progress, Tally()
        self.dedup = ExactDedup()
        self.privacy = Privacy(config.privacy, config.max_examples)
        self.tally.personal = self.privacy.figures
        self.first_drop: Dropped | None = None
        self.last_path: object = None  # encodings are counted once a file
        self.seed = Seeds(config.seed).derive("split")

    def documents(self) -> Iterator[tuple[str, Document]]:
        """Yield what is kept, with the split it belongs to."""
        self.progress.start(say("text.building_corpus"))
        for raw in read_documents(self.config.sources, options=self.config.read, on_drop=self.drop):
            self._count_read(raw)
            if (document := self._cleaned(raw)) is not None:
                split = self._split(document.text)
                if split == "train":
                    self.count_kept(split, document)
                yield split, document
        self.progress.done(self.tally.read)

    def _cleaned(self, raw: Document) -> Document | None:
        even = normalise(raw.text, self.config.normalise)
        for rule, number in even.changes.items():
            _count(self.tally.changes, rule, number)
        text, too_many = self.privacy.treated(even.text, _place(raw))
        if too_many:
            self.refuse(raw, "personal", too_many)
            return None
        if len(text.strip()) < self.config.min_chars:
            self.refuse(raw, "too_short", text[:80])
            return None
        if self.config.dedup and (twin := self.dedup.first(text, raw.id)) is not None:
            self.refuse(raw, "duplicate", twin)
            return None
        return Document(text, raw.id, raw.source, raw.lang, raw.meta)

    def refuse(self, document: Document, reason: str, example: str) -> None:
        """Drop a document that was read."""
        self.drop(Dropped(reason, document.id, document.source, _place(document), example))

    def drop(self, dropped: Dropped) -> None:
        """Count a loss and keep the first few of its kind as examples."""
        _count(self.tally.dropped, dropped.reason)
        examples = self.tally.examples.setdefault(dropped.reason, [])
        if len(examples) < self.config.max_examples:
            examples.append({**asdict(dropped), "example": self.privacy.shown(dropped.example)})
        self.first_drop = self.first_drop or dropped

    def _split(self, text: str) -> str:
        """By the text's own hash, so that neither order nor later additions move a document."""
        share = int.from_bytes(text_digest(f"{self.seed}\n{text}")[:8], "big") / 2**64
        return "validation" if share < self.config.validation_fraction else "train"

    def _count_read(self, raw: Document) -> None:
        self.tally.read += 1
        self.tally.pieces += "piece" in raw.meta
        if raw.meta["path"] != self.last_path:
            self.last_path = raw.meta["path"]
            _count(self.tally.encodings, str(raw.meta["encoding"]))
        if self.tally.read % 100 == 0:
            self.progress.update(self.tally.read)

    def count_kept(self, split: str, document: Document) -> None:
        """Count a document in its part."""
        num_bytes = len(document.text.encode())
        for amounts, name in (
            (self.tally.splits, split),
            (self.tally.languages[split], document.lang),
            (self.tally.sources, document.source),
        ):
            amounts.setdefault(name, Amount()).add(document.text, num_bytes)


def _place(document: Document) -> str:
    line = f":{document.meta['line']}" if "line" in document.meta else ""
    return str(document.meta.get("path", document.id)) + line


def _count(counts: dict[str, int], name: str, number: int = 1) -> None:
    counts[name] = counts.get(name, 0) + number


def _drop_leaks(build: _Build, folder: Path) -> None:
    """Keep of the validation part what training has not: only now is all of the training part known."""
    path, read = _file(folder, "validation"), _file(folder, "candidates")
    path.rename(read)
    shares = leaked_shares(
        (one.text for one in _documents(read)), (one.text for one in _documents(_file(folder, "train")))
    )
    with contextlib.ExitStack() as stack:
        file = _packer(path, stack)
        stack.enter_context(file)
        for document, share in zip(_documents(read), shares, strict=True):
            if share > build.config.most_leaked:
                build.refuse(document, "leaked", f"{share:.0%}")
            else:
                build.count_kept("validation", document)
                file.write(_line(document))
    read.unlink()


@contextlib.contextmanager
def _writers(folder: Path) -> Iterator[dict[str, IO[bytes]]]:
    with contextlib.ExitStack() as stack:
        yield {split: stack.enter_context(_packer(_file(folder, split), stack)) for split in SPLITS}


def _packer(path: Path, stack: contextlib.ExitStack) -> Any:
    # One compressor for each file: two streams of one would mix. The level still outruns the rest of the chain.
    return zstandard.ZstdCompressor(level=6).stream_writer(stack.enter_context(path.open("wb")))


def _file(folder: Path, split: str) -> Path:
    return folder / f"{split}.jsonl.zst"


def _line(document: Document) -> bytes:
    return (json.dumps(asdict(document), ensure_ascii=False) + "\n").encode()


def _figures(tally: Tally, folder: Path) -> dict[str, Any]:
    checksums = {split: sha256_file(_file(folder, split)) for split in SPLITS}
    return {"format": FORMAT, **asdict(tally), "sha256": checksums}


def _report_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """The figures in the user's language."""
    for split in SPLITS:
        amount = figures["splits"][split]
        by_language = ", ".join(
            f"{lang} {held['bytes']:,}" for lang, held in sorted(figures["languages"][split].items())
        )
        yield say(f"text.report_{split}", **{k: f"{v:,}" for k, v in amount.items()}, languages=by_language or "-")
    for name, amount in figures["sources"].items():
        yield say("text.report_source", name=name, documents=f"{amount['documents']:,}", bytes=f"{amount['bytes']:,}")
    if figures["pieces"]:
        yield say("text.report_pieces", number=f"{figures['pieces']:,}")
    for section in ("encodings", "changes"):
        if figures[section]:
            counts = ", ".join(f"{name} {number:,}" for name, number in sorted(figures[section].items()))
            yield say(f"text.report_{section}", counts=counts)
    yield from personal_lines(figures["personal"])
    for reason, number in figures["dropped"].items():
        places = ", ".join(example["location"] for example in figures["examples"].get(reason, ()))
        yield say("text.report_dropped", number=f"{number:,}", reason=say(f"text.drop_{reason}"), places=places or "-")


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
    known, path = read_json(folder / MANIFEST), _file(folder, split)
    if not isinstance(known, dict) or known.get("format") != FORMAT:
        raise InputError("text.corpus_damaged", path=folder / MANIFEST)
    if not path.is_file() or sha256_file(path) != known["sha256"][split]:
        raise InputError("text.corpus_damaged", path=path)
    return _documents(path)


def _documents(path: Path) -> Iterator[Document]:
    longest = 1 << 40  # a corpus of ours holds only rows that were short enough when it was built
    for line in lines_of(decoded_stream(chunks_of(path), "utf-8"), longest):
        if line:
            yield Document(**json.loads(line))
