"""The one JSON file that seals a folder: what it holds, the checksum of every other file, and its own."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanlin.base import files
from hanlin.base.errors import BundleError, HanlinError

FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """Content of a sealed folder, and SHA-256 of each file by name."""

    content: dict[str, Any]
    checksums: dict[str, str]


def write_manifest(path: Path, content: Mapping[str, Any], checksums: Mapping[str, str]) -> None:
    """Seal a folder: call it after every other file is written. `content` must be JSON without NaN."""
    body = {"format": FORMAT, **json.loads(json.dumps(content)), "checksums": dict(checksums)}
    files.write_json(path, {**body, "checksum": _digest(body)})


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
    return Manifest(checksums=body.pop("checksums"), content=body)


@contextlib.contextmanager
def verifying(folder: Path, checksums: Mapping[str, str]) -> Iterator[None]:
    """Compare every file with its checksum while the block reads them, and let nobody have what it made of others.

    Raises as `verify_files`, rather than what the block raises over a file that is not what was saved. In a thread:
    SHA-256 takes longer than all else, even where the processor has instructions for it.
    """
    if not checksums:
        yield
        return
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(verify_files, folder, checksums)
        try:
            yield
        finally:
            outcome.result()


def verify_files(folder: Path, checksums: Mapping[str, str]) -> None:
    """Compare every file with its checksum. Raises BundleError naming all that are missing (E451) or changed (E452)."""
    missing = [name for name in checksums if not (folder / name).is_file()]
    if missing:
        raise BundleError("bundle.files_missing", files=", ".join(missing), path=folder)
    changed = [name for name, checksum in checksums.items() if files.sha256_file(folder / name) != checksum]
    if changed:
        raise BundleError("bundle.files_changed", files=", ".join(changed), path=folder)


def _digest(body: Mapping[str, Any]) -> str:
    return files.sha256_bytes(json.dumps(body, sort_keys=True, ensure_ascii=False).encode())
