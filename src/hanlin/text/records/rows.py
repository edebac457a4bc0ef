"""Files of training data to rows: each a table of columns, or the rule that it breaks.

    .jsonl .ndjson    a table a line            .json    one list, one table, SQuAD's tree, or lines
    .csv .tsv         with or without header    .txt     a line a row; with tabs throughout, a table
    .parquet .arrow   by text/formats           .xlsx    by text/formats, every sheet with its header
    .zip .tar         each member by its name, .txt and what holds no rows left aside
    .warc             each answer that holds rows, by its media type or address; pages left aside
Each also as .gz, .zst, .xz and .bz2. Lines end at line feeds alone: text holds other characters that Python takes for
line ends. What is packed may unpack to no more than a corpus allows.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hanlin.base.messages import say
from hanlin.text.config import ReadConfig
from hanlin.text.document import Dropped
from hanlin.text.encodings import HEAD_BYTES, decoded_stream, encoding_of
from hanlin.text.files import UNREADABLE, kind_suffix, shown
from hanlin.text.formats.archives import BETWEEN, is_archive, members_of
from hanlin.text.formats.columns import read_arrow, read_parquet
from hanlin.text.formats.content import Content, Fault, Guard, Item, UnpacksTooMuch
from hanlin.text.formats.content import Row as TableRow
from hanlin.text.formats.warc import row_files_of
from hanlin.text.formats.xlsx import read_xlsx
from hanlin.text.reasons import reason_text

LINES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt")
TABLES: Mapping[str, Callable[[Content], Iterator[Item]]] = {
    ".parquet": read_parquet, ".arrow": read_arrow, ".feather": read_arrow, ".xlsx": read_xlsx, ".xlsm": read_xlsx,
}  # fmt: skip
INSIDE = (*LINES[:-1], *TABLES, ".zip", ".tar")
"""Kinds of members of an archive that are read: a .txt in one is a note to it more often than rows."""
KINDS = (*INSIDE, ".txt", ".warc")
MAX_ROW_BYTES = 64 << 20
HOLDERS = ("data", "rows", "examples", "records", "items", "train", "数据")
"""Names under which a table holds the list of rows."""

IsHeader = Callable[[Sequence[str]], bool]
Numbered = tuple[str, object]
"""The place of a row in its file (":7", "!/member.csv:7", "!/Sheet1:7"), and its table or the rule it breaks."""

_BLANK = object()  # a line without content: no row, but it counts as a line


class Rule(Exception):
    """A rule that a row breaks; `values` fill its sentence `text.row_<reason>`."""

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(reason)
        self.reason, self.values = reason, values

    def __str__(self) -> str:
        return say(f"text.row_{self.reason}", **self.values)

    def dropped(self, source: str, file: Path, place: str) -> Dropped:
        """The row as a report names it."""
        return Dropped(self.reason, shown(f"{file.name}{place}"), source, shown(f"{file}{place}"), shown(self))


class Unread(Rule):
    """A part of a file that its reader could not take apart: a damaged page, a member with a password, a bomb."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason, example=fault.example)

    def __str__(self) -> str:
        return f"{reason_text(self.reason)} ({shown(self.values['example'])})"


def is_readable(path: Path) -> bool:
    """Whether a file of this name holds rows."""
    return kind_suffix(path) in KINDS and not path.name.startswith(".")


def rows_of(path: Path, is_header: IsHeader) -> Iterator[Numbered]:
    """Yield (place, table or broken rule), numbered from 1: lines of a file, or rows of a list, a tree or a sheet.

    `is_header` tells whether the first row of a .csv or .tsv names columns; where it does not, they are called
    "column 1", "column 2" ...
    """
    options = ReadConfig()
    try:
        content = Content(path, str(path), options, Guard(path.stat().st_size, options))
    except OSError as error:
        yield ":1", Rule("unreadable", detail=error)
        return
    yield from _of_content(content, is_header, depth=0)


def _of_content(content: Content, is_header: IsHeader, depth: int) -> Iterator[Numbered]:
    """The rows of a file or of a member of an archive; what damage there is ends them."""
    place = ":0"
    try:
        for place, value in _placed(content, is_header, depth):
            if value is not _BLANK:
                yield place, value
    except UnpacksTooMuch as error:
        yield _after(place), Unread(Fault("bomb", example=str(error)))
    except UNREADABLE as error:
        yield _after(place), Rule("unreadable", detail=error)


def _after(place: str) -> str:
    """The place of the row after one."""
    part, _, number = place.rpartition(":")
    return f"{part}:{int(number) + 1}" if number.isdigit() else place


def _placed(content: Content, is_header: IsHeader, depth: int) -> Iterator[Numbered]:
    kind = kind_suffix(Path(content.name))
    if is_archive(content.name) or kind == ".warc":
        yield from _members(content, is_header, depth)
    elif kind in TABLES:
        yield from map(_of_item, TABLES[kind](content))
    else:
        yield from ((f":{number}", value) for number, value in _numbered(content, is_header))


def _members(content: Content, is_header: IsHeader, depth: int) -> Iterator[Numbered]:
    if depth >= content.options.max_archive_depth:
        yield "", Unread(Fault("nested"))
        return
    is_crawl = kind_suffix(Path(content.name)) == ".warc"
    for member in row_files_of(content, INSIDE) if is_crawl else members_of(content):
        if isinstance(member, Fault):
            if member.reason != "hidden":  # what systems put into every archive holds no rows
                yield member.place, Unread(member)
        elif kind_suffix(Path(member.name)) in INSIDE:
            inside = replace(content, path=member.path, name=f"{content.name}{BETWEEN}{member.name}")
            for place, value in _of_content(inside, is_header, depth + 1):
                yield f"{BETWEEN}{member.name}{place}", value


def _of_item(item: Item) -> Numbered:
    if isinstance(item, TableRow):
        return f"{item.part}:{item.number}", item.values
    assert isinstance(item, Fault)  # these readers yield no texts
    return item.place, Unread(item)


def _numbered(content: Content, is_header: IsHeader) -> Iterator[tuple[int, object]]:
    match kind_suffix(Path(content.name)):
        case ".csv" | ".tsv" as kind:
            yield from _table(_text_lines(content), "," if kind == ".csv" else "\t", is_header)
        case ".txt":
            yield from _text_file(content, is_header)
        case ".json":
            yield from enumerate(_whole(b"".join(_utf8(content))), start=1)
        case _:
            yield from enumerate(map(_value, _lines(_utf8(content))), start=1)


# ---------------------------------------------------------------- bytes to lines


def _utf8(content: Content) -> Iterator[bytes]:
    """The bytes of a file as UTF-8, whatever they were."""
    encoding = _encoding(_head(content))
    if encoding == "utf-8":
        yield from content.chunks()
    else:
        yield from (text.encode("utf-8", "surrogatepass") for text in decoded_stream(content.chunks(), encoding))


def _head(content: Content) -> bytes:
    head = b""
    for chunk in content.chunks():
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    return head[:HEAD_BYTES]


def _encoding(head: bytes) -> str:
    """The encoding; UTF-8 as soon as one line is: single lines in another encoding are bad rows of a good file."""
    found = encoding_of(head)
    if found is None or found.startswith("utf-8") or any(map(_is_sound, head.split(b"\n"))):
        return "utf-8"
    return found


def _is_sound(line: bytes) -> bool:
    try:
        return not line.isascii() and bool(line.decode())
    except UnicodeDecodeError:
        return False


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes | Rule]:
    row = bytearray()
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            yield _ended(row, piece)
            row.clear()
        row += rest[: MAX_ROW_BYTES + 1 - len(row)]
    if row:
        yield _ended(row, b"")


def _ended(row: bytearray, piece: bytes) -> bytes | Rule:
    if len(row) + len(piece) > MAX_ROW_BYTES:
        return Rule("too_long", limit=MAX_ROW_BYTES)
    return bytes(row) + piece


def _text_lines(content: Content) -> Iterator[str | Rule]:
    for line in _lines(_utf8(content)):
        yield line if isinstance(line, Rule) else _decoded(line)


def _decoded(line: bytes) -> str | Rule:
    try:
        return line.decode().removeprefix("\ufeff").removesuffix("\r")
    except UnicodeDecodeError as error:
        return Rule("not_utf8", place=error.start + 1)


# ---------------------------------------------------------------- JSON


def _value(row: bytes | Rule) -> object:
    """The JSON value of a row, or the rule that it breaks."""
    if isinstance(row, Rule):
        return row
    try:
        text = row.decode().removeprefix("\ufeff")
        return json.loads(text) if text.strip() else _BLANK
    except UnicodeDecodeError as error:
        return Rule("not_utf8", place=error.start + 1)
    except (ValueError, RecursionError) as error:
        return Rule("not_json", detail=error)


def _whole(data: bytes) -> Iterator[object]:
    value = _value(data)
    held = _held(value)
    if held is not None:
        for row in held:
            yield from _unfolded(row)
    elif isinstance(value, Rule) and b"\n" in data.strip():
        yield from map(_value, _lines([data]))  # lines under the name of .json, as many data sets have them
    else:
        yield value


def _held(value: object) -> list[object] | None:
    """The rows that a value holds; None where it is a row itself."""
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping):
        lists = [value[name] for name in HOLDERS if isinstance(value.get(name), list)]
        return lists[0] if len(lists) == 1 and all(isinstance(row, Mapping) for row in lists[0]) else None
    return None


def _unfolded(row: object) -> Iterator[object]:
    """The questions of an article of SQuAD, which stand below its paragraphs; any other row as it is."""
    if not isinstance(row, Mapping) or not isinstance(row.get("paragraphs"), list):
        yield row
        return
    for paragraph in row["paragraphs"]:
        asked = paragraph.get("qas") if isinstance(paragraph, Mapping) else None
        if not isinstance(asked, list):
            yield paragraph
            continue
        shared = {"title": row.get("title", ""), "context": paragraph.get("context")}
        yield from ({**shared, **one} if isinstance(one, Mapping) else one for one in asked)


# ---------------------------------------------------------------- tables and text


def _table(lines: Iterable[str | Rule], delimiter: str, is_header: IsHeader) -> Iterator[tuple[int, object]]:
    names: list[str] | None = None
    for place, row in _cells(lines, delimiter):
        if isinstance(row, Rule):
            yield place, row
        elif names is None:
            has_header = is_header(row)
            names = row if has_header else [f"column {number}" for number in range(1, len(row) + 1)]
            if not has_header:
                yield place, dict(zip(names, row, strict=True))
        elif len(row) == len(names):
            yield place, dict(zip(names, row, strict=True))
        else:
            yield place, Rule("bad_width", found=len(row), wanted=len(names))


def _cells(lines: Iterable[str | Rule], delimiter: str) -> Iterator[tuple[int, list[str] | Rule]]:
    """Rows of a table with the number of their first line; one that is not CSV costs only itself."""
    csv.field_size_limit(MAX_ROW_BYTES)
    broken: list[Rule] = []
    # Quotes mean nothing in tab-separated text: people write them there as they are.
    form: dict[str, Any] = {"strict": True} if delimiter == "," else {"quoting": csv.QUOTE_NONE}
    rows = csv.reader(_fed(lines, broken), delimiter=delimiter, **form)
    while True:
        place = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:  # the reader goes on with the next line
            yield place, Rule("bad_table", detail=error)
            continue
        if broken:
            yield place, broken.pop()
        elif any(cell.strip() for cell in row):
            yield place, row


def _fed(lines: Iterable[str | Rule], broken: list[Rule]) -> Iterator[str]:
    """Lines for the parser; a broken one is empty to it, and remembered."""
    for line in lines:
        if isinstance(line, Rule):
            broken.append(line)
        yield "\n" if isinstance(line, Rule) else f"{line}\n"


def _text_file(content: Content, is_header: IsHeader) -> Iterator[tuple[int, object]]:
    if _has_tabs(content):
        yield from _table(_text_lines(content), "\t", is_header)
        return
    for place, line in enumerate(_text_lines(content), start=1):
        yield place, line if isinstance(line, Rule) else {"text": line} if line.strip() else _BLANK


def _has_tabs(content: Content, most: int = 50) -> bool:
    """Whether the first lines are all cut into equally many cells."""
    numbers = {line.count(b"\t") for line, _ in zip(_lines(_utf8(content)), range(most), strict=False)
               if isinstance(line, bytes) and line.strip()}  # fmt: skip
    return len(numbers) == 1 and numbers != {0}
