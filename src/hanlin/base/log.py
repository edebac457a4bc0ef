"""One folder per run: config, origin, metrics, events, status, samples, log; locked while the run is alive.

A killed run leaves at most one torn last line per file: readers skip and count it, `Run.open` cuts it off.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from hanlin.base.errors import InputError, Interrupted
from hanlin.base.files import FolderLock, disk_errors, read_json, write_atomic, write_json
from hanlin.base.processes import is_alive, process_mark

FINAL_PHASES = ("finished", "failed", "interrupted")
HEARTBEAT_SECONDS = 2.0  # a status is written at most this often, so that fast steps do not wait for the disk
LOST_AFTER_SECONDS = 600.0  # for runs of other machines, whose processes cannot be asked
_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Run:
    """A run directory that this process owns until `finish`, or until the end of a `with` block."""

    def __init__(self, folder: Path, lock: FolderLock) -> None:
        self.folder = folder
        self._lock = lock
        self._status: dict[str, Any] = {"phase": "starting", "step": 0, "total": None, "eta_s": None}
        self._started = time.time()
        self._last_heartbeat = -math.inf

    @classmethod
    def create(cls, root: Path | str, command: str, name: str, config_toml: str, origin: dict[str, Any]) -> Run:
        """Make `root/YYYYMMDD-HHMM-command-name-xxxx` with config.toml and origin.json, and lock it."""
        label = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
        stamp = datetime.now().strftime("%Y%m%d-%H%M")
        folder = Path(root) / f"{stamp}-{command}-{label}-{secrets.token_hex(2)}"
        run = cls(folder, FolderLock(folder).acquire())
        write_atomic(folder / "config.toml", config_toml)
        created = datetime.now().astimezone().isoformat(timespec="microseconds")  # two of one second have an order
        write_json(folder / "origin.json", {"command": command, "name": name, "created": created, **origin})
        run.status("starting", 0, None, None)
        return run

    @classmethod
    def open(cls, folder: Path | str) -> Run:
        """Open a run again to resume it. Raises InputError when it is none, MachineError E107 when it is in use."""
        folder = Path(folder)
        if not (folder / "origin.json").is_file():
            raise InputError("base.not_a_run", path=folder)
        run = cls(folder, FolderLock(folder).acquire())
        run._started = read_status(folder).get("started", run._started)
        cut = {name: _cut_torn_line(folder / name) for name in ("metrics.jsonl", "events.jsonl", "samples.jsonl")}
        run.event("opened", torn_lines=sum(cut.values()))
        return run

    def metrics(self, step: int, tokens: int, **values: float | int | str | None) -> None:
        """Add one line to metrics.jsonl; non-finite numbers are kept as "nan", "inf", "-inf"."""
        self._append("metrics.jsonl", {"step": step, "tokens": tokens, "time": round(time.time(), 3), **values})

    def event(self, kind: str, **values: Any) -> None:
        """Add one line to events.jsonl: a checkpoint, a rollback, a resume."""
        self._append("events.jsonl", {"kind": kind, "time": _now(), **values})

    def sample(self, step: int, prompt: str, text: str) -> None:
        """Add one generated text to samples.jsonl."""
        self._append("samples.jsonl", {"step": step, "prompt": prompt, "text": text})

    def log(self, text: str) -> None:
        """Add lines to log.txt, each with its time."""
        lines = "".join(f"{_now()} {line}\n" for line in text.splitlines() or [""])
        self._append_bytes("log.txt", lines.encode())

    def status(self, phase: str, step: int, total: int | None, eta_s: float | None) -> None:
        """Write status.json: at once when the phase changes, else at most every two seconds."""
        changed = phase != self._status["phase"]
        self._status = {"phase": phase, "step": step, "total": total, "eta_s": eta_s}
        if changed or time.monotonic() - self._last_heartbeat >= HEARTBEAT_SECONDS:
            self._beat()

    def _beat(self) -> None:
        who = {"pid": os.getpid(), "mark": process_mark(), "host": socket.gethostname()}
        times = {"started": self._started, "heartbeat": time.time()}
        write_json(self.folder / "status.json", _finite({**who, **self._status, **times}), durable=False)
        self._last_heartbeat = time.monotonic()

    def rewind(self, step: int) -> int:
        """Drop metrics and samples after `step`, which a resumed run will write again; return how many lines."""
        dropped = sum(_keep_until(self.folder / name, step) for name in ("metrics.jsonl", "samples.jsonl"))
        self.event("rewound", step=step, dropped_lines=dropped)
        return dropped

    def finish(self, outcome: str) -> None:
        """Write the last status ("finished", "failed", "interrupted") and give the folder back."""
        assert outcome in FINAL_PHASES, outcome
        try:
            self.event(outcome)
            self._status["phase"] = outcome
            self._beat()
        finally:
            self._lock.release()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status["phase"] in FINAL_PHASES:
            return
        if error is None:
            self.finish("finished")
        elif isinstance(error, Interrupted | KeyboardInterrupt):
            self.finish("interrupted")
        else:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        try:
            self.log(f"{type(error).__name__}: {error}")
            self.finish("failed")
        except Exception as second:  # a full disk must not hide what really went wrong
            error.add_note(f"{type(second).__name__}: {second}")
            self._lock.release()

    def _append(self, name: str, row: dict[str, Any]) -> None:
        self._append_bytes(name, (json.dumps(_finite(row), ensure_ascii=False, allow_nan=False) + "\n").encode())

    def _append_bytes(self, name: str, data: bytes) -> None:
        path = self.folder / name
        with disk_errors(path), open(path, "ab", buffering=0) as file:
            file.write(data)


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """The row with non-finite floats as text, because JSON has no word for them and a NaN loss must stay visible."""
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


def _cut_torn_line(path: Path) -> int:
    if not path.exists():
        return 0
    with open(path, "rb+") as file:
        data = file.read()
        whole = data.rfind(b"\n") + 1
        file.truncate(whole)
    return int(whole < len(data))


def _keep_until(path: Path, step: int) -> int:
    if not path.exists():
        return 0
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["step"] <= step]
    if len(kept) < len(lines):
        write_atomic(path, "".join(kept))
    return len(lines) - len(kept)


class Rows(list[dict[str, Any]]):
    """Lines of a run's file, and how many could not be read: a killed run leaves one torn last line."""

    num_damaged: int = 0


def read_metrics(folder: Path | str) -> Rows:
    """Return the rows of metrics.jsonl with non-finite numbers restored; none when nothing was written yet."""
    rows = _read_rows(Path(folder) / "metrics.jsonl")
    for row in rows:
        row.update({k: _NON_FINITE[v] for k, v in row.items() if isinstance(v, str) and v in _NON_FINITE})
    return rows


def read_events(folder: Path | str) -> Rows:
    """Return the rows of events.jsonl."""
    return _read_rows(Path(folder) / "events.jsonl")


def read_samples(folder: Path | str) -> Rows:
    """Return the rows of samples.jsonl."""
    return _read_rows(Path(folder) / "samples.jsonl")


def _read_rows(path: Path) -> Rows:
    rows = Rows()
    if not path.exists():
        return rows
    for line in path.read_bytes().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            rows.num_damaged += 1
    return rows


def read_status(folder: Path | str) -> dict[str, Any]:
    """Return status.json with the phase "lost" when its process is gone; {} before the first status."""
    path = Path(folder) / "status.json"
    if not path.exists():
        return {}
    status: dict[str, Any] = read_json(path)
    if status["phase"] not in FINAL_PHASES and not _is_beating(status):
        status["phase"] = "lost"
    return status


def _is_beating(status: dict[str, Any]) -> bool:
    if status["host"] == socket.gethostname():
        return is_alive(status["mark"])
    return time.time() - float(status["heartbeat"]) < LOST_AFTER_SECONDS


@dataclass(frozen=True)
class RunInfo:
    """One run as `hanlin runs` lists it."""

    folder: Path
    command: str
    name: str
    created: str
    phase: str
    step: int
    total: int | None
    eta_s: float | None


def list_runs(root: Path | str) -> list[RunInfo]:
    """Return the runs under `root`, oldest first; folders that are no runs are passed over."""
    return list(_runs(Path(root)))


def _runs(root: Path) -> Iterator[RunInfo]:
    for path in sorted(root.glob("*/origin.json")):
        origin, status = read_json(path), read_status(path.parent)
        yield RunInfo(
            folder=path.parent,
            command=origin["command"],
            name=origin["name"],
            created=origin["created"],
            phase=status.get("phase", "lost"),
            step=status.get("step", 0),
            total=status.get("total"),
            eta_s=status.get("eta_s"),
        )
