"""`hanlin data augment`: more rows out of rows, each marked as made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.config import AugmentDataConfig
from hanlin.life.places import expanded
from hanlin.life.report import Report
from hanlin.life.settings import Given, settled
from hanlin.text.augment.augment import Augmented, augment
from hanlin.text.augment.config import AugmentConfig
from hanlin.text.records.reading import FileReading, Placed, read_records
from hanlin.text.records.writing import check_out


def augment_data(
    config: Given[AugmentDataConfig] = None, *, progress: Progress | None = None, **settings: Any
) -> Report:
    """Write rows and what is made of them. Raises ConfigError, InputError, NetworkError, MissingExtra, DiskFull."""
    job = settled(AugmentDataConfig, config, settings, first="data").value
    paths = [str(expanded(path)) for path in job.data]
    check_out(expanded(job.out), map(Path, paths))
    readings: list[FileReading] = []
    records = read_records(
        paths, columns=job.columns, format=job.format, on_drop=lambda dropped: None, on_read=readings.append
    )
    fields = {name: getattr(job, name) for name in AugmentConfig.model_fields}
    progress = progress or Progress("none")
    progress.start(say("life.augmenting"))
    made = augment(
        _told(records, progress),
        expanded(job.out),
        AugmentConfig(**fields),
        columns=job.columns,
        key=f"{paths} {job.format}",
    )
    progress.done(made.num_rows)
    lines = (*(reading.sentence() for reading in readings), *_lines(made, job))
    return Report("data augment", expanded(job.out), made.figures(), lines)


def _told(records: Iterator[Placed], progress: Progress) -> Iterator[Placed]:
    for number, placed in enumerate(records, start=1):
        yield placed
        progress.update(number)


def _lines(made: Augmented, job: AugmentDataConfig) -> Iterator[str]:
    for operation in job.operations:
        numbers = {name: f"{getattr(made, name)[operation]:,}" for name in ("made", "unchanged", "odd")}
        yield say("life.augmented_made", operation=operation, **numbers)
    for reason, num in made.rejected.items():
        first = made.examples[reason]
        yield say("life.augmented_rejected", num=f"{num:,}", place=first.location, rule=first.example)
    if made.num_resumed:
        yield say("life.augmented_resumed", num=f"{made.num_resumed:,}")
    if made.num_retries:
        yield say("life.augmented_retries", num=f"{made.num_retries:,}")
    num_rows, num_made = f"{made.num_rows:,}", f"{made.made.total():,}"
    yield say("life.augmented", num_rows=num_rows, num_made=num_made, path=job.out)
