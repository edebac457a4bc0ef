"""A million empty files: the doctor and a build, each in a process of its own, with their time and memory.

Promise: both end with one sentence, in memory that a laptop has to spare.

    python benchmarks/many_files.py [--files 1000000] [--keep /tmp/empty]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hanlin.base.device import describe_machine

PER_FOLDER = 1000


def main() -> None:
    """Make the folder, run both, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--keep", help="make the folder here, or use it again")
    options = parser.parse_args()
    print(json.dumps(describe_machine()))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.keep or temporary) / "empty"
        if not folder.is_dir():
            make(folder, options.files)
        run("doctor, nothing but empty files", "data", "doctor", str(folder), "--out", "none")
        build = ["data", "build", "--sources", str(folder), "--out", f"{temporary}/out"]
        run("build, nothing but empty files", *build)
        (folder / "one.txt").write_text("The only text among them all is this one sentence.\n" * 5)
        run("build, one text among them", *build)
        (folder / "one.txt").unlink()


def make(folder: Path, number: int) -> None:
    """So many files without a byte, a thousand in a folder."""
    for first in range(0, number, PER_FOLDER):
        place = folder / f"{first // PER_FOLDER:05}"
        place.mkdir(parents=True)
        for file in range(first, min(number, first + PER_FOLDER)):
            os.close(os.open(place / f"{file}.txt", os.O_CREAT | os.O_WRONLY))


def run(name: str, *command: str) -> None:
    """Run a command as a user does, and print what it took and its last words."""
    begun = time.monotonic()
    line = [sys.executable, "-m", "hanlin.cli.main", *command, "--progress", "none"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    most = 0
    while process.poll() is None:
        most = max(most, _memory(process.pid))
        time.sleep(0.2)
    out, error = process.communicate()
    print(f"{name}: {time.monotonic() - begun:.1f} s, {most / 1024:.0f} MB at most, exit code {process.returncode}")
    print("  " + " | ".join((error or out).strip().splitlines()[:3]))


def _memory(pid: int) -> int:
    """The memory of a process and its children, in KB."""
    total = 0
    for one in [str(pid), *_children(pid)]:
        try:
            lines = Path(f"/proc/{one}/status").read_text().splitlines()
        except OSError:  # it ended meanwhile
            continue
        total += next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)
    return total


def _children(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


if __name__ == "__main__":
    main()
