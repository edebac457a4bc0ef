"""`hanlin data doctor`: what a folder of raw text is, what is wrong with it, and the recipe lines that mend it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hanlin.base.files import write_atomic, write_json
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.config import DataDoctorConfig
from hanlin.life.places import expanded
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.text.config import DiagnosisConfig
from hanlin.text.doctor.diagnosis import Diagnosis, diagnose
from hanlin.text.doctor.findings import found_sentence, mend_sentence
from hanlin.text.pages.doctor_page import doctor_page, format_text, use_text


def data_doctor(config: Given[DataDoctorConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Look at folders and files for some seconds. Raises InputError where nothing stands at a path, DiskFull."""
    job = settled(DataDoctorConfig, config, settings, first="paths").value
    out = expanded(job.out) if job.out else None
    wanted = DiagnosisConfig(**{name: getattr(job, name) for name in DiagnosisConfig.model_fields})
    found = diagnose(wanted, leave_out=out, progress=progress)
    steps = _written(found, out) if out else ()
    tables = tuple(_tables(found.figures))
    return Report("data doctor", out, found.figures, tuple(_lines(found)), tables, next_steps=steps)


def _written(found: Diagnosis, out: Path) -> tuple[str, ...]:
    write_json(out / "report.json", found.figures)
    write_atomic(out / "report.html", doctor_page(found.figures))
    write_atomic(out / "recipe.toml", found.recipe)
    return f"hanlin data build --config {out / 'recipe.toml'}", say("life.doctor_open", path=out / "report.html")


def _lines(found: Diagnosis) -> Iterator[str]:
    looked, figures = found.figures["looked"], found.figures
    yield say("life.doctor_looked", **{name: f"{value:,}" for name, value in looked.items()})
    if not looked["is_listed_whole"]:
        yield say("life.doctor_not_listed")
    for name in ("formats", "encodings", "languages", "scripts", "uses", "training_formats", "personal", "licences"):
        if figures[name]:
            yield say(f"life.doctor_{name}", counts=_counts(name, figures[name]))
    if not figures["findings"]:
        yield say("life.doctor_found_nothing")


def _counts(name: str, counts: Mapping[str, Any], most: int = 14) -> str:
    numbers = {key: value["files"] if name == "formats" else value for key, value in counts.items()}
    titles = {"uses": use_text, "training_formats": format_text}
    title = titles.get(name, str)
    return ", ".join(f"{title(key)} {number:,}" for key, number in list(numbers.items())[:most])


def _tables(figures: Mapping[str, Any]) -> Iterator[Table]:
    columns = tuple(say(f"life.column_{name}") for name in ("level", "finding", "where"))
    rows = tuple(
        (
            say(f"text.level_{one['level']}"),
            f"{found_sentence(one)}\n{mend_sentence(one)}",
            "\n".join(f"{example['place']} {example['text']}".strip() for example in one["examples"][:3]),
        )
        for one in figures["findings"]
    )
    if rows:
        yield Table("", columns, rows)
