"""`hanlin data report`: the report of a built corpus, made again from what lies in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hanlin.base.files import write_atomic, write_json
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.config import DataReportConfig
from hanlin.life.places import expanded
from hanlin.life.report import Report
from hanlin.life.settings import Given, settled
from hanlin.text.pages.corpus_figures import corpus_figures
from hanlin.text.pages.corpus_page import corpus_lines, corpus_page


def data_report(config: Given[DataReportConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Write report.html and report.json of a corpus, in the user's language. Raises InputError, DiskFull."""
    job = settled(DataReportConfig, config, settings, first="corpus").value
    folder = expanded(job.corpus)
    figures = write_report(folder)
    return Report("data report", folder, figures, tuple(corpus_lines(figures)), next_steps=(opened(folder),))


def write_report(folder: Path) -> dict[str, Any]:
    """Write report.html and report.json beside a corpus; return the figures."""
    figures = corpus_figures(folder)
    write_json(folder / "report.json", figures)
    write_atomic(folder / "report.html", corpus_page(figures, folder.resolve().name))
    return figures


def opened(folder: Path) -> str:
    """What to do with a report."""
    return say("life.doctor_open", path=folder / "report.html")
