"""The one JSON file that seals a folder: what it holds, the checksum of every other file, and its own."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hanlin.base import files
from hanlin.base.device import num_cores
from hanlin.base.errors import BundleError, HanlinError

FORMAT = 1
STRETCH = 16 << 20
"""Bytes of a large file that are summed by themselves, about 10 ms of work."""


Stretches = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Manifest:
    """Content of a sealed folder, SHA-256 of each file by name, and those of the stretches of large ones."""

    content: dict[str, Any]
    checksums: dict[str, str]
    stretches: dict[str, list[str]] = field(default_factory=dict)


def write_manifest(
    path: Path, content: Mapping[str, Any], checksums: Mapping[str, str], stretches: Stretches | None = None
) -> None:
    """Seal a folder: call it after every other file is written. `content` must be JSON without NaN.

    stretches: as `sum_stretches` gives them, of files that are going to be compared in a hurry.
    """
    body = {"format": FORMAT, **json.loads(json.dumps(content)), "checksums": dict(checksums)}
    if stretches:
        body["stretches"] = {name: list(sums) for name, sums in stretches.items()}
    files.write_json(path, {**body, "checksum": _digest(body)})


def sum_stretches(folder: Path, names: Iterable[str]) -> dict[str, list[str]]:
    """SHA-256 of every STRETCH bytes of those files of a folder that are longer than one, by all cores."""
    large = [name for name in names if (folder / name).stat().st_size > STRETCH]
    with _threads() as pool:
        work = {name: [pool.submit(_sum, folder / name, start) for start in _starts(folder / name)] for name in large}
        return {name: [job.result() for job in jobs] for name, jobs in work.items()}


def read_manifest(path: Path) -> Manifest:
    """Read a seal. Raises BundleError E450 when it is absent or damaged, E470 when it is of a later format."""
    try:
        body = files.read_json(path)
        sound = body.pop("checksum") == _digest(body)
        made_for = body.pop("format")
    except (HanlinError, AttributeError, KeyError, TypeError):
        sound, made_for = False, FORMAT
    if type(made_for) is int and made_for > FORMAT:
        raise BundleError("bundle.from_the_future", path=path.parent, found=made_for, known=FORMAT)
    if not sound or made_for != FORMAT:
        raise BundleError("bundle.manifest_damaged", file=path.name, path=path.parent)
    return Manifest(checksums=body.pop("checksums"), stretches=body.pop("stretches", {}), content=body)


@contextlib.contextmanager
def verifying(folder: Path, checksums: Mapping[str, str], stretches: Stretches | None = None) -> Iterator[None]:
    """Compare every file with its checksum while the block reads them, and let nobody have what it made of others.

    Raises as `verify_files`, rather than what the block raises over a file that is not what was saved. In threads:
    SHA-256 takes longer than all else, even where the processor has instructions for it.
    """
    if not checksums:
        yield
        return
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(verify_files, folder, checksums, stretches)
        try:
            yield
        finally:
            outcome.result()


def verify_files(folder: Path, checksums: Mapping[str, str], stretches: Stretches | None = None) -> None:
    """Compare every file with its checksum, a large one by its stretches where they are known: a stretch is all that
    one core can sum at a time. Raises BundleError naming all that are missing (E451) or changed (E452)."""
    missing = [name for name in checksums if not (folder / name).is_file()]
    if missing:
        raise BundleError("bundle.files_missing", files=", ".join(missing), path=folder)
    known = stretches or {}
    with _threads() as pool:
        work = {name: _compare(pool, folder / name, whole, known.get(name, ())) for name, whole in checksums.items()}
        changed = [name for name, pairs in work.items() if any(job.result() != wanted for job, wanted in pairs)]
    if changed:
        raise BundleError("bundle.files_changed", files=", ".join(changed), path=folder)


def _compare(
    pool: ThreadPoolExecutor, path: Path, whole: str, stretches: Sequence[str]
) -> list[tuple[Future[str], str]]:
    """Sums of a file in the making, each with what it must be: of its stretches if there are as many as are known."""
    starts = _starts(path)
    if not stretches or len(starts) != len(stretches):
        return [(pool.submit(files.sha256_file, path), whole)]
    return [(pool.submit(_sum, path, start), wanted) for start, wanted in zip(starts, stretches, strict=True)]


def _starts(path: Path) -> range:
    return range(0, path.stat().st_size, STRETCH)


def _sum(path: Path, start: int) -> str:
    return files.sha256_stretch(path, start, STRETCH)


def _threads() -> ThreadPoolExecutor:
    """As many as there are cores; hashing lets others run."""
    return ThreadPoolExecutor(min(8, num_cores()))


def _digest(body: Mapping[str, Any]) -> str:
    return files.sha256_bytes(json.dumps(body, sort_keys=True, ensure_ascii=False).encode())
