"""Tasks for tests: worker processes import them by name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hanlin.base.errors import InputError
from hanlin.base.storage import Storage


def number(job: Mapping[str, Any], folder: Path, storage: Storage) -> dict[str, Any]:
    """Write a number, and leave word that it was worked out."""
    if "log" in job:
        with Path(job["log"]).open("a") as file:
            file.write(f"{job['value']}\n")
    (folder / "value").write_text(str(job["value"]))
    return {"value": job["value"]}


def total(job: Mapping[str, Any], folder: Path, storage: Storage) -> dict[str, Any]:
    """Add up what the tasks of an earlier step wrote."""
    values = [int((storage.folder(f"number/{task:06}") / "value").read_text()) for task in range(job["num"])]
    (folder / "total").write_text(str(sum(values)))
    return {"total": sum(values)}


def dying(job: Mapping[str, Any], folder: Path, storage: Storage) -> dict[str, Any]:
    """Die in the first attempts, as many as asked."""
    marks = Path(job["marks"])
    if job["value"] == 3 and len(list(marks.iterdir())) < job["deaths"]:
        (marks / str(time.monotonic_ns())).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number(job, folder, storage)


def refusing(job: Mapping[str, Any], folder: Path, storage: Storage) -> dict[str, Any]:
    """Refuse what was given."""
    raise InputError("base.file_missing", path=job["path"])


def broken(job: Mapping[str, Any], folder: Path, storage: Storage) -> dict[str, Any]:
    """A mistake of ours."""
    raise ZeroDivisionError("a mistake")
