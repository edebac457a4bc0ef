"""`hanlin models`: the bundles on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from hanlin.base.errors import UsageError
from hanlin.base.files import disk_errors
from hanlin.base.messages import say
from hanlin.base.progress import Progress, value_text
from hanlin.bundle.bundle import Info, read_info
from hanlin.life.config import ListModelsConfig, ModelInfoConfig, RemoveModelConfig
from hanlin.life.open import find_model
from hanlin.life.places import MARK, find_bundle, list_bundles, name_of, roots
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled


def list_models(
    config: Given[ListModelsConfig] = None,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Report:
    """Every bundle of the runs folder and of HANLIN_HOME."""
    job = settled(ListModelsConfig, config, settings).value
    bundles = [read_info(path) for path in list_bundles(roots(job.runs))]
    columns = tuple(say(f"life.column_{name}") for name in ("model", "stage", "parameters", "size", "made"))
    lines = () if bundles else (say("life.no_models_yet"),)
    tables = (Table("", columns, tuple(_row(info) for info in bundles)),) if bundles else ()
    return Report("models ls", job.runs, {"models": [summary(info) for info in bundles]}, lines, tables)


def size_bytes(path: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def summary(info: Info) -> dict[str, Any]:
    """A bundle in figures."""
    return {
        "name": name_of(info.path),
        "path": str(info.path),
        "family": info.family,
        "stage": info.lineage.stage if info.lineage else None,
        "num_parameters": info.config.num_parameters(),
        "max_seq_len": info.config.max_seq_len,
        "vocab_size": info.config.vocab_size,
        "bytes": size_bytes(info.path),
        "fingerprint": info.fingerprint,
        "scores": dict(info.scores),
    }


def _row(info: Info) -> tuple[str, ...]:
    made = datetime.fromtimestamp((info.path / MARK).stat().st_mtime).strftime("%Y-%m-%d %H:%M")
    stage = info.lineage.stage if info.lineage else "-"
    size = f"{size_bytes(info.path) / 1e6:.1f} MB"
    return name_of(info.path), stage, value_text(info.config.num_parameters()), size, made


def model_info(
    config: Given[ModelInfoConfig] = None,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Report:
    """One bundle: what it is, where it comes from, what was measured."""
    job = settled(ModelInfoConfig, config, settings, first="model").value
    info = read_info(find_model(job.model, pickles=job.pickles), pickles=job.pickles)
    figures = summary(info)
    rows = [(name, _shown(value)) for name, value in figures.items() if name != "scores"]
    rows += [(f"scores.{name}", _shown(value)) for name, value in _flat(info.scores)]
    lineage = info.lineage
    stages = [*lineage.earlier, lineage] if lineage else []
    table = Table("", (say("life.column_name"), say("life.column_value")), tuple(rows))
    history = Table(
        say("life.lineage"),
        tuple(say(f"life.column_{name}") for name in ("stage", "made", "data")),
        tuple((one.stage, one.created, ", ".join(one.data) or "-") for one in stages),
    )
    figures["lineage"] = [one.to_dict() for one in stages]
    return Report("models info", info.path, figures, info.notes, (table, history) if stages else (table,))


def _flat(scores: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in scores.items():
        flat += _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(prefix + name, value)]
    return flat


def _shown(value: object) -> str:
    return value_text(value) if isinstance(value, int | float | str) else str(value)


def remove_model(
    config: Given[RemoveModelConfig] = None,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Report:
    """Delete a bundle; its run, checkpoints and figures stay.

    Raises UsageError E853 unless `yes` is set, and E858 for a folder that Hanlin did not make: any project may have a
    config.json.
    """
    job = settled(RemoveModelConfig, config, settings, first="model").value
    path = find_bundle(job.model)
    if not (path / MARK).is_file():
        raise UsageError("life.not_ours", path=path)
    freed = size_bytes(path)
    if not job.yes:
        raise UsageError("life.really_remove", path=path, megabytes=f"{freed / 1e6:.1f}", model=job.model)
    with disk_errors(path):
        shutil.rmtree(path)
    line = say("life.removed", path=path, megabytes=f"{freed / 1e6:.1f}")
    return Report("models rm", path, {"removed": str(path), "bytes": freed}, (line,))
