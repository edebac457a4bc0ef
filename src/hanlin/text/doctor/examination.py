"""One file after the other, looked at closely: its bytes, its rows by their format, its texts for the portrait.

text, tables, lines     slices of bytes, decoded and taken apart here, so that every fault has its line
all other formats       as the readers of a corpus take them apart, archives and columns among them
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hanlin.base.errors import HanlinError
from hanlin.text.config import ReadConfig
from hanlin.text.doctor.findings import Findings
from hanlin.text.doctor.portrait import Text, is_for_training
from hanlin.text.doctor.raw import Raw, look_for_endless_lines, raw_text
from hanlin.text.doctor.remedies import FileFacts
from hanlin.text.doctor.rows import Row, is_json_lines, rows_of, text_column, texts_in
from hanlin.text.doctor.slices import Parts, parts_of
from hanlin.text.doctor.uses import EVALUATION, OTHER, Labels, format_name, look_at_rows, use_of
from hanlin.text.files import CODE_SUFFIXES, UNREADABLE, kind_suffix
from hanlin.text.formats.content import Fault, UnpacksTooMuch
from hanlin.text.formats.content import Row as TableRow
from hanlin.text.formats.content import Text as WholeText
from hanlin.text.formats.items import items_of
from hanlin.text.formats.page import is_page_file
from hanlin.text.html import is_web_page, main_text

ROWS_OF_MEMBER = 1000
"""Rows of one table in a columnar file or an archive that are looked at; the others are only read."""
MOST_ITEMS = 50_000
DOCUMENT_CHARS = 200_000
LARGEST_PAGE = 64 << 20
MOST_PAGES = 200
"""Rows of one file that are web pages of which the main text is taken: about 20 ms each."""
ROWS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv"}
PAGES = frozenset({".html", ".htm", ".xhtml"})
TABLES = frozenset({".parquet", ".arrow", ".feather", ".xlsx", ".xlsm"})
TAKEN_APART = PAGES | TABLES | {".pdf", ".docx", ".epub", ".warc", ".wet", ".zip", ".tar"}
MEDIA = frozenset({
    ".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ico", ".mp3", ".mp4", ".wav", ".flac", ".avi",
    ".mkv", ".mov", ".exe", ".dll", ".so", ".dylib", ".o", ".a", ".bin", ".pyc", ".class", ".pt", ".pth", ".npy",
    ".safetensors", ".gguf", ".npz", ".pkl", ".db", ".sqlite", ".ttf", ".otf", ".woff", ".woff2", ".iso", ".jar",
    ".7z", ".rar",
})  # fmt: skip
# What the readers of a corpus find wrong, under the doctor's names; anything else cannot be read.
_FAULTS = {
    "not_json": "bad_json", "not_object": "not_object", "encoding": "undecodable", "surrogate": "undecodable",
    "bad_table": "ragged_table", "empty": "tiny_text", "no_main_text": "tiny_text", "binary": "no_reader",
    "not_a_page": "no_reader", "row_too_long": "endless_line", "bomb": "bomb", "outside": "outside",
    "link": "special_file", "special": "special_file", "hidden": "hidden", "rows": "damaged", "records": "damaged",
    "part": "damaged", "page": "damaged",
}  # fmt: skip
_SURROGATE = re.compile("[\ud800-\udfff]")
_LICENCE_COLUMNS = ("licence", "license")


class Examination:
    """What was found of the files looked at so far; texts go to `take` with the file they are of."""

    def __init__(self, findings: Findings, take: Callable[[list[Text]], None], is_late: Callable[[], bool]) -> None:
        self.findings, self._take, self._is_late = findings, take, is_late
        self.encodings, self.uses, self.formats, self.licences = (Counter[str]() for _ in range(4))
        self.files: list[FileFacts] = []
        self.large: list[tuple[FileFacts, Parts]] = []
        self.num_bytes = self.num_rows = 0

    def look_at(self, path: str, size: int, most: int) -> None:
        """Look at a file, at so many bytes of it; what a strange one does to the readers of its format is a finding."""
        facts = FileFacts(path, size, ROWS.get(kind_suffix(Path(path)), "text"))
        self.files.append(facts)
        try:
            self._look_at(facts, most)
        except (*UNREADABLE, ValueError, RecursionError, UnpacksTooMuch, HanlinError) as error:
            self.findings.add("unreadable", path, f"{type(error).__name__}: {error}")

    def _look_at(self, facts: FileFacts, most: int) -> None:
        suffix = kind_suffix(Path(facts.path))
        if suffix in MEDIA:
            facts.form = "binary"
            self.findings.add("binary", facts.path, suffix)
        elif suffix in TAKEN_APART:
            self.num_bytes += facts.size
            self._take_apart(facts, "html" if suffix in PAGES else "table" if suffix in TABLES else "document")
        else:
            parts = parts_of(facts.path, facts.size, most)
            self.num_bytes += min(facts.size, parts.num_bytes)
            if parts.fault:
                self.findings.add("truncated" if parts.head else "unreadable", facts.path, parts.fault)
            if parts.head:
                self._look_at_text(facts, parts)

    # ------------------------------------------------------------ by the readers of a corpus

    def _take_apart(self, facts: FileFacts, form: str) -> None:
        facts.form = form
        if facts.size > LARGEST_PAGE and facts.form == "html":
            self.findings.add("huge_file", facts.path, f"{facts.size / 2**20:.0f} MiB")
            return
        tables: dict[str, list[Row]] = {}
        for number, (content, item) in enumerate(items_of(Path(facts.path), ReadConfig())):
            match item:
                case Fault():
                    kind = _FAULTS.get(item.reason, "unreadable")
                    self.findings.add(kind, f"{content.name}{item.place}", item.example or item.reason)
                case TableRow():
                    rows = tables.setdefault(content.name, [])
                    if len(rows) < ROWS_OF_MEMBER:
                        rows.append(Row(f"{content.name}{item.part}:{item.number}", item.values))
                case WholeText():
                    self._look_at_document(facts, f"{content.name}{item.place}", item, content.encoding)
            if number >= MOST_ITEMS or self._is_late():
                break
        for name, rows in tables.items():
            facts.form = "table"
            self._look_at_rows(facts, rows, name)

    def _look_at_document(self, facts: FileFacts, place: str, item: WholeText, encoding: str) -> None:
        text, size = [], 0
        for part in item.parts:
            if isinstance(part, Fault):
                kind = _FAULTS.get(part.reason, "unreadable")
                self.findings.add(kind, f"{place}{part.place}", part.example or part.reason)
                continue
            text.append(part)
            size += len(part)
            if size > DOCUMENT_CHARS:
                break
        self.encodings[str(item.meta.get("encoding", encoding)) or "-"] += 1
        facts.num_texts += 1
        self._take([Text("".join(text), place, "web" if facts.form == "html" else "text")])

    # ------------------------------------------------------------ by their bytes

    def _look_at_text(self, facts: FileFacts, parts: Parts) -> None:
        raw = raw_text(parts, self.findings)
        if not raw.encoding:
            facts.form = "binary"
            return
        facts.encoding, text = raw.encoding, raw.texts[0][1]
        if facts.form == "text" and is_page_file(facts.path, text):
            self.findings.add("web_pages", facts.path, text)
            self._take_apart(facts, "html")
            return
        if len(parts.slices) > 1 and not raw.encoding.startswith("utf-16"):
            self.large.append((facts, parts))
        self.encodings[raw.encoding] += 1
        if facts.form == "text" and is_json_lines(text):
            facts.form, facts.format = "jsonl", "jsonl"
            self.findings.add("other_format", facts.path, "JSON Lines")
        if facts.form == "text":
            self._look_at_plain(facts, raw)
        else:
            columns: list[str] = []
            parts_read = [rows_of(facts.form, one, text, columns, self.findings) for one, text in raw.texts if text]
            rows = [row for part in parts_read for row in part]
            self._look_at_rows(facts, rows, facts.path)

    def _look_at_plain(self, facts: FileFacts, raw: Raw) -> None:
        is_code = kind_suffix(Path(facts.path)) in CODE_SUFFIXES
        facts.kind = "code" if is_code else "text"
        texts = [
            Text(text, facts.path if one.first_line else one.place(0), facts.kind, is_code, one.first_line or 0)
            for one, text in raw.texts
            if text
        ]
        look_for_endless_lines(raw, self.findings)
        facts.num_texts = len(texts)
        self.uses["plain"] += 1
        self.formats["text"] += 1
        self._take(texts)

    # ------------------------------------------------------------ rows

    def _look_at_rows(self, facts: FileFacts, rows: Sequence[Row], place: str) -> None:
        """Look at the rows of a file, or of a member of an archive at `place`."""
        self.num_rows += len(rows)
        if not rows:
            return
        facts.text_field = text_column(rows)
        may_be_exam = not is_for_training(place)
        names = [format_name(row.columns, may_be_exam=may_be_exam) for row in rows]
        main = look_at_rows(rows, names, self.findings)
        self._look_at_labels(rows, place)
        self.formats.update(name for name in names if name not in (EVALUATION, OTHER))
        uses = Counter(use_of(name) if name != OTHER or not facts.text_field else "plain" for name in names)
        self.uses.update(uses)
        facts.use = uses.most_common(1)[0][0]
        facts.kind = "text" if facts.use in ("plain", "classified", OTHER) else "chat"
        if facts.use == OTHER and main is None:
            self.findings.add("no_text_column", place, ", ".join(map(str, rows[0].columns)))
        facts.num_texts += len(rows)
        self._take(self._without_markup([self._text_of(row, facts) for row in rows], facts))

    def _without_markup(self, texts: list[Text], facts: FileFacts) -> list[Text]:
        """The texts with the main text of those that are web pages; of more pages than there is time for, an even part
        is left."""
        are_pages = [is_web_page(one.text) for one in texts]
        if not any(are_pages):
            return texts
        facts.kind = "web" if facts.kind == "text" else facts.kind
        step, number, found = -(-sum(are_pages) // MOST_PAGES), 0, []
        for one, is_page in zip(texts, are_pages, strict=True):
            if not is_page:
                found.append(one)
                continue
            self.findings.add("web_pages", one.place, one.text)
            if number % step == 0 and not self._is_late():
                found.append(replace(one, text=main_text(one.text), kind="web"))
            number += 1
        return found

    def _look_at_labels(self, rows: Sequence[Row], place: str) -> None:
        labels = Labels()
        for row in rows:
            labels.add(row)
            if name := next((name for name in _LICENCE_COLUMNS if row.columns.get(name)), None):
                self.licences[str(row.columns[name])[:80]] += 1
        labels.look(place, self.findings)

    def _text_of(self, row: Row, facts: FileFacts) -> Text:
        """What a row says: its text column, or all that is text in it where it has none."""
        value = row.columns.get(facts.text_field) if facts.use == "plain" and facts.text_field else None
        text = value if isinstance(value, str) else "\n".join(texts_in(_plain(row.columns)))
        if _SURROGATE.search(text):  # JSON may spell half of a pair, which is no text
            self.findings.add("undecodable", row.place, text)
            text = _SURROGATE.sub("\ufffd", text)
        return Text(text, row.place, facts.kind)


def _plain(columns: Mapping[str, object]) -> dict[str, object]:
    return dict(columns)
