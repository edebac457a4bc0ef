"""Parquet and Arrow files: rows of a few columns, a small batch at a time, by pyarrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hanlin.text.formats.content import Content, Fault, Item, Row

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = 256


def read_parquet(content: Content) -> Iterator[Item]:
    """Yield the rows, from the wanted columns alone; checksums of pages are verified where there are any.

    A damaged page costs the rest of its row group. Faults: missing_column, rows, surrogate, unreadable.
    """
    import pyarrow.parquet as pq  # half a second to load

    with content.seekable() as path:
        try:
            file = pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True)
        except Exception as error:  # pyarrow's own family, and whatever a damaged file makes of its parts
            yield Fault("unreadable", example=str(error))
            return
        with file:
            yield from _row_groups(file, content)


def row_groups_of(path: Path, column: str) -> list[tuple[int, int]]:
    """Return rows and bytes of each row group of a Parquet file; none where it is damaged or lacks the column."""
    import pyarrow.parquet as pq  # as above

    try:
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(group) for group in range(file.num_row_groups)]
            is_there = column in file.schema_arrow.names
            return [(group.num_rows, group.total_byte_size) for group in groups] if is_there else []
    except Exception:  # whatever it is, the reader will tell
        return []


def _row_groups(file: pq.ParquetFile, content: Content) -> Iterator[Item]:
    names = file.schema_arrow.names
    if fault := content.lacking(names, ":1"):
        yield fault
        return
    start, end, first = content.stretch or (0, file.num_row_groups, 1)
    for group in range(start, end):
        num_rows = file.metadata.row_group(group).num_rows
        batches = file.iter_batches(BATCH_ROWS, row_groups=[group], columns=_wanted(names, content))
        yield from _rows(batches, first, first + num_rows - 1)
        first += num_rows


def _wanted(names: Iterable[str], content: Content) -> list[str]:
    return [name for name in names if content.columns is None or name in content.columns]


def _rows(batches: Iterable[Any], first: int, last: int) -> Iterator[Item]:
    """Rows of a row group, numbered from `first`; one fault for those that a damaged page hides."""
    number = first
    try:
        for batch in batches:
            yield from _of_batch(batch, number)
            number += batch.num_rows
    except Exception as error:  # as above
        yield Fault("rows", f":{number}-{last}", str(error))


def _of_batch(batch: Any, first: int) -> Iterator[Item]:
    try:
        for number, values in enumerate(batch.to_pylist(), start=first):
            yield Row(number, values)
    except UnicodeDecodeError:
        for number in range(batch.num_rows):
            yield from _of_row(batch.slice(number, 1), first + number)


def _of_row(row: Any, number: int) -> Iterator[Item]:
    try:
        yield Row(number, row.to_pylist()[0])
    except UnicodeDecodeError as error:
        yield Fault("surrogate", f":{number}", str(error))


def read_arrow(content: Content) -> Iterator[Item]:
    """Yield the rows of an Arrow file (.arrow, .feather) or stream (as `datasets` writes it).

    Faults: missing_column, rows (a record batch), surrogate, unreadable.
    """
    import pyarrow as pa  # as above

    with content.seekable() as path, pa.memory_map(str(path)) as file:
        try:
            reader = _reader(file)
        except Exception as error:  # as above
            yield Fault("unreadable", example=str(error))
            return
        if fault := content.lacking(reader.schema.names, ":1"):
            yield fault
            return
        yield from _batches(reader, _wanted(reader.schema.names, content))


def _reader(file: pa.MemoryMappedFile) -> Any:
    import pyarrow as pa

    try:
        return pa.ipc.open_file(file)
    except pa.ArrowInvalid:
        file.seek(0)
        return pa.ipc.open_stream(file)


def _batches(reader: Any, wanted: list[str]) -> Iterator[Item]:
    number, place = 1, 0
    while True:
        try:
            batch = _batch(reader, place)
            if batch is None:
                return
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield from _of_batch(batch.slice(start, BATCH_ROWS).select(wanted), number + start)
            number += batch.num_rows
        except Exception as error:  # as above
            yield Fault("rows", f":{number}-", str(error))
            return
        place += 1


def _batch(reader: Any, place: int) -> Any:
    """The next record batch, or None after the last."""
    if hasattr(reader, "num_record_batches"):
        return reader.get_batch(place) if place < reader.num_record_batches else None
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None
