"""`hanlin data convert`: training data of any format as rows of another."""

from __future__ import annotations

from typing import Any

from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.config import ConvertDataConfig
from hanlin.life.places import expanded
from hanlin.life.report import Report
from hanlin.life.settings import Given, settled
from hanlin.text.document import Dropped
from hanlin.text.records.reading import FileReading, Placed, read_records
from hanlin.text.records.rows import Rule
from hanlin.text.records.writing import RowWriter, check_out, rows_as


def convert_data(
    config: Given[ConvertDataConfig] = None, *, progress: Progress | None = None, **settings: Any
) -> Report:
    """Write the rows of files in another format; what it cannot hold is rejected and named. Raises InputError."""
    job = settled(ConvertDataConfig, config, settings, first="data").value
    out = expanded(job.out)
    check_out(out, (expanded(path) for path in job.data))
    readings: list[FileReading] = []
    rejected: list[Dropped] = []
    dropped: list[Dropped] = []
    records = read_records(
        [str(expanded(path)) for path in job.data],
        columns=job.columns,
        format=job.format,
        on_drop=dropped.append,
        on_read=readings.append,
    )
    with RowWriter(out) as file:
        for placed in records:
            if rule := _write(placed, job, file):
                rejected.append(Dropped(rule.reason, placed.location, out.name, placed.location, str(rule)))
    lines = [reading.sentence() for reading in readings]
    if rejected:
        first = rejected[0]
        lines.append(say("life.convert_rejected", num=f"{len(rejected):,}", place=first.location, rule=first.example))
    lines.append(say("life.converted", num=f"{file.num_rows:,}", path=out))
    figures = {
        "rows_read": sum(reading.formats.total() for reading in readings),
        "rows_written": file.num_rows,
        "rejected": [vars(one) for one in (*dropped, *rejected)],
    }
    return Report("data convert", out, figures, tuple(lines))


def _write(placed: Placed, job: ConvertDataConfig, file: RowWriter) -> Rule | None:
    """Write what a record gives; the rule where the format cannot hold it."""
    try:
        for row in list(rows_as(placed, job.to)):
            file.write(row)
    except Rule as rule:
        return rule
    return None
