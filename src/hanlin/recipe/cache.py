"""What was made from what: a stage runs again only when its settings, its inputs or its code have changed.

    home/stages/<stage>-<key>.json   one record per outcome; "running" until the stage has ended well

The key is the SHA-256 of the stage's version, its resolved settings and the fingerprints of its inputs. An outcome
names its own content, so a stage that comes out the same does not make later ones run again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from hanlin.base.files import read_json, sha256_file, write_json
from hanlin.text.files import files_of


@dataclass(frozen=True)
class Record:
    """One stage's outcome, or its attempt."""

    stage: str
    key: str
    state: Literal["running", "done"]
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    path: str = ""
    fingerprint: str = ""
    seconds: float = 0.0
    result: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


class Cache:
    """The records of one recipe's home, and its memory of input files."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "stages"

    def find(self, stage: str, key: str) -> Record | None:
        """The record of exactly this key; None too where its outcome is no longer on disk."""
        path = self._path(stage, key)
        record = Record(**read_json(path)) if path.is_file() else None
        if record and record.state == "done" and not Path(record.path).exists():
            return None
        return record

    def latest(self, stage: str, *, state: str | None = None) -> Record | None:
        """The newest record of a stage, whatever its key; only one in `state` where given."""
        paths = sorted(self.folder.glob(f"{stage}-*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        records = (Record(**read_json(path)) for path in paths)
        return next((record for record in records if state in (None, record.state)), None)

    def save(self, record: Record) -> None:
        write_json(self._path(record.stage, record.key), asdict(record))

    def generation(self, stage: str) -> int:
        """How often the user has asked for a stage to be made anew."""
        return int(self._generations().get(stage, 0))

    def renew(self, stages: Iterable[str]) -> None:
        """Make the present outcomes of some stages count as old."""
        raised = {stage: self.generation(stage) + 1 for stage in stages}
        write_json(self.folder / "generations.json", {**self._generations(), **raised})

    def _generations(self) -> dict[str, int]:
        path = self.folder / "generations.json"
        return dict(read_json(path)) if path.is_file() else {}

    def _path(self, stage: str, key: str) -> Path:
        return self.folder / f"{stage}-{key[:12]}.json"

    def fingerprint_files(self, paths: Iterable[str]) -> str:
        """One SHA-256 over names and contents of files, folders and patterns.

        A file whose size and time of change are those of an earlier call is not read again.
        """
        memory_path = self.folder / "inputs.json"
        memory: dict[str, list[Any]] = read_json(memory_path) if memory_path.is_file() else {}
        digest = hashlib.sha256()
        for path in input_files(paths):
            stat = path.stat()
            mark = [stat.st_size, stat.st_mtime_ns]
            known = memory.get(str(path))
            if known is None or known[:2] != mark:
                known = memory[str(path)] = [*mark, sha256_file(path)]
            digest.update(f"{path}\0{known[2]}\n".encode())
        if self.folder.is_dir():  # a dry run leaves nothing behind
            write_json(memory_path, memory, durable=False)
        return digest.hexdigest()


def input_files(paths: Iterable[str]) -> Iterator[Path]:
    """Every file under the given files, folders and patterns, as the readers see them. Raises InputError."""
    for path in paths:
        yield from files_of(str(Path(path).expanduser()))[0]


def stage_key(version: int, generation: int, settings: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """The SHA-256 that names an outcome before it exists."""
    content = {"version": version, "generation": generation, "settings": settings, "inputs": inputs}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()


def changed_settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Dotted names of the settings in which two outcomes differ."""
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
