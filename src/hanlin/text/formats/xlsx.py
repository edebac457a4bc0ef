"""Excel files: each sheet as a table with a header, read row by row by openpyxl.

The strings that cells share are held while the file is read, as openpyxl does it: at most what `max_row_chars` allows.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

from hanlin.text.files import UNREADABLE
from hanlin.text.formats.content import Content, Fault, Item, Row
from hanlin.text.formats.docx import is_encrypted
from hanlin.text.formats.office import DAMAGED, opened

_SHARED = "xl/sharedStrings.xml"


def read_xlsx(content: Content) -> Iterator[Item]:
    """Yield the rows of all sheets; values of cells, not their formulas, as text. Faults: encrypted, unreadable,
    missing_column, part (a sheet), row_too_long (more shared text than max_row_chars)."""
    if is_encrypted(content):
        yield Fault("encrypted")
        return
    with opened(content) as package:
        if _SHARED in package.namelist() and package.getinfo(_SHARED).file_size > content.options.max_row_chars:
            yield Fault("row_too_long", f"!/{_SHARED}")
            return
        yield from _sheets(package, content)


def _sheets(package: ZipFile, content: Content) -> Iterator[Item]:
    from openpyxl import load_workbook  # half a second to load

    try:
        with warnings.catch_warnings(action="ignore"):  # of parts of the file that hold no text
            book = load_workbook(str(package.filename), read_only=True, data_only=True, keep_links=False)
    except (*DAMAGED, *UNREADABLE) as error:
        yield Fault("unreadable", example=str(error))
        return
    try:
        for sheet in book.worksheets:
            yield from _rows(sheet, content, f"!/{sheet.title}")
    finally:
        book.close()


def _rows(sheet: Any, content: Content, part: str) -> Iterator[Item]:
    columns: list[str] | None = None
    number = 0
    try:
        for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
            if all(value is None for value in row):
                continue
            if columns is not None:
                values = zip(columns, map(_cell, row), strict=False)
                yield Row(number, {name: value for name, value in values if name or value is not None}, part)
                continue
            columns = [_cell(value) or "" for value in row]
            if fault := content.lacking(columns, f"{part}:{number}"):
                yield fault
                return
    except (*DAMAGED, *UNREADABLE, SyntaxError) as error:
        yield Fault("part", f"{part}:{number + 1}", str(error))


def _cell(value: object) -> str | None:
    return None if value is None else str(value)
