"""What lies at a path, in memory that does not grow with it: files by suffix, oddities, and which files to look into.

Files are drawn by the hash of their name, so the same folder gives the same sample; a folder too large to be listed
in the time given is told of as such. Nothing is opened here.
"""

from __future__ import annotations

import glob
import heapq
import os
import stat
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hanlin.base.errors import InputError
from hanlin.text.doctor.findings import Findings
from hanlin.text.files import PACKED, kind_suffix

DRAWN = 400
"""Files of one suffix that may be looked into: more than the time allows for."""
MOST_OTHERS = 100_000
"""Further files that are remembered to be glanced at: about 20 MB."""
MOST_SUFFIXES = 300
MOST_SIZES = 200_000
"""Different sizes that are remembered to find equal files: about 40 MB."""
MOST_OF_A_SIZE = 64
HUGE_BYTES = 1 << 30
PATIENCE = 2.5
_CHECKED = 64  # files between two looks at the clock


@dataclass
class Suffix:
    """Files with one suffix: how many, how large, and those drawn as (hash, path, size), a heap."""

    files: int = 0
    bytes: int = 0
    drawn: list[tuple[int, str, int]] = field(default_factory=list)

    def add(self, path: str, size: int, root: str) -> tuple[str, int] | None:
        """Take a file; an empty one is not worth looking into. Returns the one that is not drawn, or not any more."""
        self.files += 1
        self.bytes += size
        entry = (-zlib.crc32(os.fsencode(path.removeprefix(root))), path, size)
        if size and len(self.drawn) < DRAWN:
            heapq.heappush(self.drawn, entry)
        elif size:
            return heapq.heappushpop(self.drawn, entry)[1:]
        return None

    def in_order(self) -> list[tuple[str, int]]:
        """Return the drawn files as (path, size), in the order in which to look."""
        return [(path, size) for _, path, size in sorted(self.drawn, reverse=True)]


@dataclass
class Survey:
    """Everything that was listed; `others` are (path, size) of files that were not drawn. `is_whole` tells whether the
    time sufficed for all of it."""

    suffixes: dict[str, Suffix] = field(default_factory=dict)
    sizes: dict[int, list[str]] = field(default_factory=dict)
    others: list[tuple[str, int]] = field(default_factory=list)
    licences: list[str] = field(default_factory=list)
    is_whole: bool = True

    @property
    def num_files(self) -> int:
        """Files listed."""
        return sum(suffix.files for suffix in self.suffixes.values())

    @property
    def num_bytes(self) -> int:
        """Their bytes, packed ones as they lie on the disk."""
        return sum(suffix.bytes for suffix in self.suffixes.values())

    def take(self, path: str, size: int, root: str, findings: Findings) -> None:
        """Take a file in. It is drawn by its name below `root`: a folder gives the same sample wherever it lies."""
        name = suffix_of(path)
        if name not in self.suffixes and len(self.suffixes) >= MOST_SUFFIXES:
            name = "*"
        other = self.suffixes.setdefault(name, Suffix()).add(path, size, root)
        if other and len(self.others) < MOST_OTHERS:
            self.others.append(other)
        base = os.path.basename(path).lower()
        if base.startswith(("licen", "copying")) and len(self.licences) < 100:
            self.licences.append(path)
        if not size:
            findings.add("empty_file", path)
        elif size in self.sizes or len(self.sizes) < MOST_SIZES:
            same = self.sizes.setdefault(size, [])
            if len(same) < MOST_OF_A_SIZE:
                same.append(path)
        if size >= HUGE_BYTES:
            findings.add("huge_file", path, f"{size / 2**30:.1f} GiB")

    def drawn(self) -> Iterator[tuple[str, int]]:
        """Yield the files to look into: one of every suffix in turn, suffixes with most bytes first."""
        ordered = sorted(self.suffixes.values(), key=lambda suffix: -suffix.bytes)
        queues = [iter(suffix.in_order()) for suffix in ordered]
        while queues:
            rest = []
            for queue in queues:
                if (found := next(queue, None)) is not None:
                    rest.append(queue)
                    yield found
            queues = rest


def suffix_of(path: str) -> str:
    """Return the suffix that tells the format, with that of packing: ".jsonl.zst"; "-" where there is none."""
    packing = next((one for one in PACKED if path.lower().endswith(one)), "")
    return f"{kind_suffix(Path(path))}{packing}" or "-"


def survey(paths: Sequence[str], findings: Findings, *, seconds: float, leave_out: Path | None = None) -> Survey:
    """List what lies at some paths, folders, files or patterns, for so many seconds (0: to the end), and for PATIENCE
    times as long while there is nothing to look into.

    Raises InputError where nothing stands at a path, or nothing in any of them may be read.
    """
    begun = time.monotonic() if seconds else float("inf")
    found, ends, patient = Survey(), begun + seconds, begun + PATIENCE * seconds
    for path in paths:
        for number, (file, size) in enumerate(_files(path, findings, leave_out)):
            found.take(file, size, path, findings)
            if number % _CHECKED == 0 and time.monotonic() > (ends if found.num_bytes else patient):
                found.is_whole = False
                break
    if not found.num_files:
        passed_over = sum(findings.number(kind) for kind in ("hidden", "special_file", "unreadable"))
        raise InputError("text.source_empty", path=", ".join(paths), num_passed_over=passed_over)
    return found


def _files(path: str, findings: Findings, leave_out: Path | None) -> Iterator[tuple[str, int]]:
    place = os.path.expanduser(path)
    if os.path.isdir(place):
        yield from _below(place, findings, os.path.realpath(leave_out) if leave_out else None)
    elif os.path.isfile(place):
        yield place, os.path.getsize(place)
    elif glob.has_magic(path):
        yield from ((name, os.path.getsize(name)) for name in glob.iglob(place, recursive=True) if os.path.isfile(name))
    else:
        raise InputError("text.source_missing", path=path)


def _below(root: str, findings: Findings, leave_out: str | None) -> Iterator[tuple[str, int]]:
    """Every file below a folder; each folder once, whatever links lead to it."""
    waiting, entered = [root], {leave_out, os.path.realpath(root)}
    while waiting:
        folder = waiting.pop()
        folders: list[str] = []
        try:
            with os.scandir(folder) as entries:  # a list of a million entries would take 250 MB
                for entry in entries:
                    yield from _entry(entry, folders, entered, findings)
        except OSError as error:
            findings.add("unreadable", folder, str(error.strerror))
        waiting += sorted(folders, reverse=True)


def _entry(
    entry: os.DirEntry[str], folders: list[str], entered: set[str | None], findings: Findings
) -> Iterator[tuple[str, int]]:
    """A file with its size, or nothing: folders are put aside, what is neither is told of."""
    if entry.name.startswith("."):
        findings.add("hidden", entry.path)
        return
    try:
        status = entry.stat()
    except OSError as error:  # a link to nothing, or in a circle
        findings.add("special_file", entry.path, str(error.strerror))
        return
    if stat.S_ISDIR(status.st_mode):
        real = os.path.realpath(entry.path)
        if real not in entered:
            entered.add(real)
            folders.append(entry.path)
    elif stat.S_ISREG(status.st_mode):
        yield entry.path, status.st_size
    else:  # a pipe, a socket, a device: opening one may wait for ever
        findings.add("special_file", entry.path, stat.filemode(status.st_mode))
