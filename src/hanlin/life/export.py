"""`hanlin export`: a model in the Hugging Face layout, in shards of a size, in another dtype."""

from __future__ import annotations

from typing import Any

import torch

from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.bundle.export import Exported, export_folder
from hanlin.life.export_config import ExportConfig
from hanlin.life.open import find_model
from hanlin.life.places import expanded
from hanlin.life.report import Report
from hanlin.life.settings import Given, settled


def export(config: Given[ExportConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Write a model for other programs: the folder opens in transformers and here.

    Raises InputError, BundleError (E481 for a dtype that cannot hold the numbers), DiskFull.
    """
    job = settled(ExportConfig, config, settings, first="model").value
    made = export_folder(
        find_model(job.model, pickles=job.pickles),
        expanded(job.out),
        max_shard_size=job.max_shard_size,
        dtype=None if job.dtype == "keep" else getattr(torch, job.dtype),
        pickles=job.pickles,
    )
    return Report("export", made.path, _figures(made), tuple(_lines(made, job.dtype)))


def _figures(made: Exported) -> dict[str, Any]:
    num_tensors = sum(map(len, made.shards.values()))
    return {"files": list(made.shards), "tensors": num_tensors, "bytes": made.num_bytes, "rounding": made.rounding}


def _lines(made: Exported, dtype: str) -> list[str]:
    num_tensors = sum(map(len, made.shards.values()))
    size = f"{made.num_bytes / 1e6:,.1f} MB"
    lines = [say("life.exported", path=made.path, num_tensors=num_tensors, size=size, num_files=len(made.shards))]
    if made.rounding is not None:
        lines.append(say("life.export_rounding", dtype=dtype, share=f"{made.rounding:.2g}"))
    return lines
