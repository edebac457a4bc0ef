"""Look at any folder or file: what it is, what is wrong with it, and the lines of a recipe that mend it.

    survey      paths -> every file's name and size                                 a third of the time
    look        drawn files -> bytes, rows, texts of each; then the rest of large ones; until the time is up
    settle      duplicates, repeated lines, watermarks among all texts
    prescribe   findings -> [corpus] of a recipe

A file that cannot be read is a finding like any other. What was looked at is told as a share.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanlin.base.errors import HanlinError
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.text.config import DiagnosisConfig, ReadConfig
from hanlin.text.doctor.findings import Finding, Findings, found_sentence
from hanlin.text.doctor.portrait import TEXT_CHARS, Portrait, Text, is_for_training
from hanlin.text.doctor.raw import Raw, raw_text
from hanlin.text.doctor.remedies import FileFacts, prescription
from hanlin.text.doctor.rows import Row, is_json_lines, rows_of, text_column, texts_in
from hanlin.text.doctor.slices import Parts, parts_of
from hanlin.text.doctor.survey import Survey, survey
from hanlin.text.doctor.sweep import check, lines_between
from hanlin.text.doctor.uses import Labels, look_at_row, use_of
from hanlin.text.document import Dropped
from hanlin.text.files import UNREADABLE, kind_suffix
from hanlin.text.pages.bins import size_bins
from hanlin.text.readers import CODE_SUFFIXES, read_documents

FORMAT = 1
SHOWN_MEASURES = ("letters", "common_words", "punct_lines", "mean_line_chars", "dup_line_chars", "symbols")
SURVEY_SHARE = 0.35
SETTLE_SHARE = 0.2
PATIENCE = 3
CHARS_PER_SECOND = 1_500_000
LEAST_CLOSE, LEAST_BYTES, MOST_BYTES = 10_000, 1 << 20, 16 << 20
"""Of one file: characters looked at closely, bytes read."""
FILES_BEFORE_TEXTS = 12
"""Files that are read before their texts are looked at closely: what bytes and rows tell is told at once."""
ENOUGH_TEXTS = 400
"""Texts that tell what a folder is like; from then on the time goes to more files, a text of every fourth."""
WHOLE_DOCUMENTS = 64
MOST_COMPARED = 2000
"""Files with a size that others have, looked at for equal content."""
LARGEST_PAGE = 64 << 20
_ROWS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv"}
_PAGES = (
    ".html", ".htm", ".xhtml", ".pdf", ".docx", ".epub", ".xlsx", ".parquet", ".arrow", ".warc", ".zip", ".tar", ".tgz",
)  # fmt: skip
_MEDIA = frozenset({
    ".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ico", ".mp3", ".mp4", ".wav", ".flac", ".avi",
    ".mkv", ".mov", ".exe", ".dll", ".so", ".dylib", ".o", ".a", ".bin", ".pyc", ".class", ".pt", ".pth", ".npy",
    ".safetensors", ".gguf", ".npz", ".pkl", ".db", ".sqlite", ".ttf", ".otf", ".woff", ".woff2", ".iso", ".jar",
    ".7z", ".rar",
})  # fmt: skip
_SURROGATE = re.compile("[\ud800-\udfff]")
_LICENCE_COLUMNS = ("licence", "license")


@dataclass(frozen=True)
class Diagnosis:
    """What was found, as figures ready for JSON; `recipe` is TOML that `hanlin data build --config` takes."""

    figures: dict[str, Any]
    recipe: str


def diagnose(config: DiagnosisConfig, *, leave_out: Path | None = None, progress: Progress | None = None) -> Diagnosis:
    """Look at the paths for about `config.seconds`. Raises InputError where nothing stands at one of them."""
    doctor = _Doctor(config, progress or Progress("none"))
    doctor.survey(leave_out)
    doctor.look()
    doctor.settle()
    return doctor.diagnosis()


class _Doctor:
    """One examination."""

    def __init__(self, config: DiagnosisConfig, progress: Progress) -> None:
        self.config, self.progress = config, progress
        self.begun, self.begun_working = time.monotonic(), time.process_time()
        self.findings = Findings(config.max_examples, self._told)
        self.portrait = Portrait(self.findings)
        self.found = Survey()
        self.encodings, self.uses, self.licences = Counter[str](), Counter[str](), Counter[str]()
        self.files: list[FileFacts] = []
        self.large: list[tuple[FileFacts, Parts]] = []
        self.waiting: list[Text] = []
        self.num_bytes = self.num_rows = 0
        self.close = MOST_BYTES

    def _told(self, finding: Finding) -> None:
        place = finding.examples[0].place if finding.examples else ""
        self.progress.note(f"{found_sentence(finding.figures())} {place}".strip())

    def _is_late(self) -> bool:
        """Whether what is left of the time is needed to look at all texts together.

        On a machine that is busy with other work the time is stretched, up to PATIENCE times, rather than next to
        nothing looked at.
        """
        seconds = self.config.seconds * (1 - SETTLE_SHARE)
        passed, worked = time.monotonic() - self.begun, time.process_time() - self.begun_working
        return 0 < seconds < passed and (worked > seconds / 2 or passed > PATIENCE * seconds)

    def survey(self, leave_out: Path | None) -> None:
        """List the files."""
        self.progress.start(say("text.doctor_listing"))
        seconds = self.config.seconds * SURVEY_SHARE
        self.found = survey(self.config.paths, self.findings, seconds=seconds, leave_out=leave_out)
        self.progress.done(self.found.num_files)

    def look(self) -> None:
        """Look into the drawn files, until the time is up."""
        drawn = list(self.found.drawn())
        chars = int(self.config.seconds * CHARS_PER_SECOND) or 1 << 40
        self.close = min(MOST_BYTES, max(LEAST_CLOSE, chars // max(1, len(drawn))))
        most = max(LEAST_BYTES, self.close)
        self.progress.start(say("text.doctor_looking"), len(drawn))
        for number, (path, size) in enumerate(drawn):
            if self._is_late():
                break
            self._look_safely(path, size, most)
            self.progress.update(number + 1)
            if number % FILES_BEFORE_TEXTS == FILES_BEFORE_TEXTS - 1:
                self._look_closely()
        self._look_closely()
        self._sweep()
        self.progress.done(len(self.files))

    def _sweep(self) -> None:
        """With the time that is left, go through what the slices of large files left out."""
        for facts, parts in self.large:
            try:
                for stretch in lines_between(facts.path, parts):
                    check(stretch, facts.form, facts.encoding, self.findings)
                    self.num_bytes += len(stretch.data)
                    if self._is_late():
                        return
            except OSError as error:
                self.findings.add("unreadable", facts.path, str(error))

    # ------------------------------------------------------------ one file

    def _look_safely(self, path: str, size: int, most: int) -> None:
        """Look at a file; whatever a strange one does to the readers of its format is a finding."""
        try:
            self._look_at(path, size, most)
        except (*UNREADABLE, ValueError, RecursionError, HanlinError) as error:
            self.findings.add("unreadable", path, f"{type(error).__name__}: {error}")

    def _look_at(self, path: str, size: int, most: int) -> None:
        facts = FileFacts(path, size, _ROWS.get(kind_suffix(Path(path)), "text"))
        self.files.append(facts)
        suffix = kind_suffix(Path(path))
        if suffix in _MEDIA:
            facts.form = "binary"
            self.findings.add("binary", path, suffix)
        elif suffix in _PAGES:
            self._look_at_pages(facts, suffix)
        else:
            parts = parts_of(path, size, most)
            self.num_bytes += min(size, parts.num_bytes)
            if parts.fault:
                self.findings.add("truncated" if parts.slices and parts.head else "unreadable", path, parts.fault)
            if parts.head:
                self._look_at_text(facts, parts)

    def _look_at_pages(self, facts: FileFacts, suffix: str) -> None:
        """Formats that only the readers of a corpus can take apart: a few documents of each."""
        facts.form = "html" if "htm" in suffix else "document"
        self.num_bytes += facts.size
        if facts.size > LARGEST_PAGE and facts.form == "html":
            self.findings.add("huge_file", facts.path, f"{facts.size / 2**20:.0f} MiB")
            return
        documents = read_documents(facts.path, options=ReadConfig(), on_drop=self._dropped)
        for document in itertools.islice(documents, WHOLE_DOCUMENTS):
            self.encodings[str(document.meta.get("encoding", "-"))] += 1
            self._take([Text(document.text, document.id, "web" if facts.form == "html" else "text")])
            facts.num_texts += 1

    def _dropped(self, dropped: Dropped) -> None:
        """What the readers could not read, under the doctor's names."""
        names = {"not_json": "bad_json", "encoding": "undecodable", "empty": "tiny_text", "binary": "no_reader"}
        kind = names.get(dropped.reason, "unreadable")
        self.findings.add(kind, dropped.location, dropped.example or dropped.reason)

    def _look_at_text(self, facts: FileFacts, parts: Parts) -> None:
        raw = raw_text(parts, self.findings)
        if not raw.encoding:
            facts.form = "binary"
            return
        facts.encoding = raw.encoding
        if len(parts.slices) > 1 and not raw.encoding.startswith("utf-16"):
            self.large.append((facts, parts))
        self.encodings[raw.encoding] += 1
        text = raw.texts[0][1]
        if facts.form == "text" and is_json_lines(text):
            facts.form, facts.format = "jsonl", "jsonl"
            self.findings.add("other_format", facts.path, "JSON Lines")
        if facts.form == "text":
            self._look_at_plain(facts, raw)
        else:
            self._look_at_rows(facts, raw)

    def _look_at_plain(self, facts: FileFacts, raw: Raw) -> None:
        is_code = kind_suffix(Path(facts.path)) in CODE_SUFFIXES
        facts.kind = "code" if is_code else "text"
        texts = [
            Text(text, facts.path if one.first_line else one.place(0), facts.kind, is_code, one.first_line or 0)
            for one, text in raw.texts
        ]
        facts.num_texts = len(texts)
        self.uses["text"] += 1
        self._take(texts)

    def _look_at_rows(self, facts: FileFacts, raw: Raw) -> None:
        columns: list[str] = []
        rows = [row for one, text in raw.texts for row in rows_of(facts.form, one, text, columns, self.findings)]
        self.num_rows += len(rows)
        facts.text_field = text_column(rows)
        if not rows:
            return
        uses, labels = Counter[str](), Labels()
        for row in rows:
            use = use_of(row.columns)
            use = "instruction" if use == "evaluation" and is_for_training(facts.path) else use
            uses[use] += 1
            look_at_row(row, use, self.findings)
            labels.add(row)
            self._look_at_licence(row)
        labels.look(facts.path, self.findings)
        facts.use = uses.most_common(1)[0][0]
        facts.kind = "text" if facts.use in ("text", "classification") else "chat"
        self.uses.update(uses)
        if facts.use == "text" and not facts.text_field:
            self.findings.add("no_text_column", facts.path, ", ".join(rows[0].columns))
        facts.num_texts = len(rows)
        self._take([self._text_of(row, facts) for row in rows])

    def _text_of(self, row: Row, facts: FileFacts) -> Text:
        """What a row says: its text column, or all that is text in it where it has none."""
        value = row.columns.get(facts.text_field) if facts.use == "text" and facts.text_field else None
        text = value if isinstance(value, str) else "\n".join(texts_in(dict(row.columns)))
        if _SURROGATE.search(text):  # JSON may spell half of a pair, which is no text
            self.findings.add("undecodable", row.place, text)
            text = _SURROGATE.sub("\ufffd", text)
        return Text(text, row.place, facts.kind)

    def _look_at_licence(self, row: Row) -> None:
        if name := next((name for name in _LICENCE_COLUMNS if row.columns.get(name)), None):
            self.licences[str(row.columns[name])[:80]] += 1

    def _take(self, texts: list[Text]) -> None:
        """Tell copies among all texts, and set an even sample aside for a close look."""
        new = [one for one in texts if self.portrait.is_new(one)]
        size = sum(min(len(one.text), TEXT_CHARS) for one in new)
        step = max(1, -(-size // self.close))
        if self.config.seconds and self.portrait.num_texts + len(self.waiting) >= ENOUGH_TEXTS:
            new, step = new[:1] if len(self.files) % 4 == 0 else [], 1
        self.waiting += new[::step]

    def _look_closely(self) -> None:
        """Look at the texts of the last few files, at one at least."""
        for number, one in enumerate(self.waiting):
            if number and self._is_late():
                break
            self.portrait.add(one)
        self.waiting.clear()

    # ------------------------------------------------------------ all files

    def settle(self) -> None:
        """Look at all texts together, and for equal files."""
        self.progress.note(say("text.doctor_comparing"))
        for one, other in _equal_files(self.found.sizes.values()):
            self.findings.add("duplicate_files", other, f"= {one}")
        self.portrait.settle()
        if len(self.encodings) > 1 and not set(self.encodings) <= {"utf-8", "ascii", "utf-8-sig", "-"}:
            counts = ", ".join(f"{name} {number:,}" for name, number in self.encodings.most_common())
            self.findings.add("several_encodings", "", counts)
        if not self.found.licences and not self.licences:
            self.findings.add("no_licence", ", ".join(self.config.paths), number=self.found.num_files)

    def diagnosis(self) -> Diagnosis:
        """Everything as figures, and the recipe."""
        findings = [finding.figures() for finding in self.findings]
        recipe = prescription(
            self.config.paths, self.files, {one["kind"] for one in findings}, self.portrait.num_texts,
            is_complete=len(self.files) == self.found.num_files - self.findings.number("empty_file"),
        )  # fmt: skip
        return Diagnosis({**self._looked(), **self._what(), "findings": findings, "recipe": recipe}, recipe)

    def _looked(self) -> dict[str, Any]:
        looked = {
            "files": len(self.files), "of_files": self.found.num_files, "bytes": self.num_bytes,
            "of_bytes": self.found.num_bytes, "texts": self.portrait.num_texts, "rows": self.num_rows,
            "is_listed_whole": self.found.is_whole, "seconds": round(time.monotonic() - self.begun, 2),
        }  # fmt: skip
        return {"format": FORMAT, "paths": list(self.config.paths), "looked": looked}

    def _what(self) -> dict[str, Any]:
        suffixes = sorted(self.found.suffixes.items(), key=lambda item: -item[1].bytes)
        portrait = self.portrait
        return {
            "formats": {name: {"files": one.files, "bytes": one.bytes} for name, one in suffixes},
            "encodings": dict(self.encodings.most_common()),
            "languages": dict(portrait.languages.most_common()),
            "scripts": dict(portrait.scripts.most_common()),
            "uses": dict(self.uses.most_common()),
            "licences": dict(self.licences.most_common()),
            "licence_files": self.found.licences[:20],
            "personal": dict(portrait.personal.most_common()),
            "lengths": size_bins(portrait.lengths).figures(),
            "measures": {name: portrait.histogram(name) for name in SHOWN_MEASURES if name in portrait.measures},
            "broken_rules": dict(portrait.broken.most_common()),
            "near_duplicates": portrait.num_near,
        }  # fmt: skip


def _equal_files(groups: Iterable[list[str]]) -> Iterator[tuple[str, str]]:
    """Files of one size with the same content, by the first and last 64 KB of it: (the first, another)."""
    candidates = (path for paths in groups if len(paths) > 1 for path in sorted(paths))
    seen: dict[bytes, str] = {}
    for path in itertools.islice(candidates, MOST_COMPARED):
        try:
            first = seen.setdefault(_ends_digest(path), path)
        except OSError:
            continue
        if first != path:
            yield first, path


def _ends_digest(path: str) -> bytes:
    with open(path, "rb") as file:
        head = file.read(1 << 16)
        file.seek(max(0, file.seek(0, 2) - (1 << 16)))
        return hashlib.blake2b(b"%d\n" % file.tell() + head + file.read(), digest_size=16).digest()
