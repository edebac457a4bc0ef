"""`hanlin data build`: raw files to a cleaned corpus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.config import BuildDataConfig
from hanlin.life.data_report import opened, write_report
from hanlin.life.report import Report
from hanlin.life.settings import Given, settled
from hanlin.text.config import CorpusConfig
from hanlin.text.corpus import build_corpus


def build_data(
    config: Given[BuildDataConfig] = None,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Report:
    """Clean raw files into a corpus under `out`; every drop is counted. Raises InputError, DiskFull."""
    job = settled(BuildDataConfig, config, settings, first="sources").value
    fields = {name: getattr(job, name) for name in CorpusConfig.model_fields}
    built = build_corpus(CorpusConfig(**fields), job.out, earlier=job.earlier, progress=progress)
    write_report(built.path)
    steps = (opened(built.path), f"hanlin tokenizer train {job.out}", f"hanlin pretrain {job.out}")
    return Report("data build", built.path, built.figures, built.lines, next_steps=steps)


def main_result(figures: Mapping[str, Any]) -> str:
    """A corpus in one phrase, for the table of a recipe."""
    train, validation = (figures["splits"][split] for split in ("train", "validation"))
    return say(
        "life.corpus_result",
        documents=f"{train['documents']:,}",
        megabytes=f"{train['bytes'] / 1e6:.1f}",
        held_out=f"{validation['bytes'] / 1e6:.2f}",
        dropped=f"{sum(figures.get('dropped', {}).values()):,}",
    )
