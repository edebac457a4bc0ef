"""`hanlin data build`: raw files to a cleaned corpus."""

from __future__ import annotations

from typing import Any

from hanlin.base.config import Resolved
from hanlin.base.progress import Progress
from hanlin.life.config import BuildDataConfig
from hanlin.life.report import Report
from hanlin.life.settings import settled
from hanlin.text.config import CorpusConfig
from hanlin.text.corpus import build_corpus


def build_data(
    config: BuildDataConfig | Resolved[BuildDataConfig] | None = None,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Report:
    """Clean raw files into a corpus under `out`; every drop is counted. Raises InputError, DiskFull."""
    job = settled(BuildDataConfig, config, settings).value
    fields = {name: getattr(job, name) for name in CorpusConfig.model_fields}
    built = build_corpus(CorpusConfig(**fields), job.out, progress=progress)
    return Report("data build", built.path, built.figures, built.lines)
