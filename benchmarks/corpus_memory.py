"""Memory of whole corpus builds by the size of their text: all steps on, near duplicates dropped, lines
and passages cut.

The memory of a build is that of its process and of all its workers, summed up every tenth of a second; the peak counts.
Shared pages count in each process, so that the true sum is smaller. Promise: 10 GB under 1.5 GB.

    HANLIN_TEST_DATA=/path/to/data python benchmarks/corpus_memory.py [--megabytes 250 500 1000] [--workers 2]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from grown import write_grown

PROMISED_MB, AT_MB = 1500, 10_000


def main() -> None:
    """Measure and print."""
    options = parse()
    if options.build:
        build(Path(options.build), options.workers)
        return
    peaks: list[tuple[float, float]] = []
    for megabytes in options.megabytes:
        with tempfile.TemporaryDirectory(dir=options.room) as room:
            size = write_grown(Path(room, "in"), megabytes, options.file_megabytes)
            begun = time.monotonic()
            by_step = peaks_of(room, options.workers)
            peaks.append((size, max(by_step.values())))
            say(f"  {size:.0f} MB of text: {peaks[-1][1]:.0f} MB at the peak, {time.monotonic() - begun:.0f} s")
            say("    " + ", ".join(f"{step} {peak:.0f}" for step, peak in by_step.items()))
    if len(peaks) > 1:
        (size, peak), (first_size, first_peak) = peaks[-1], peaks[0]
        slope = (peak - first_peak) / (size - first_size)
        at_end = peak + slope * (AT_MB - size)
        say(f"  slope: {slope:.4f} MB of memory for each MB of text")
        say(f"  at {AT_MB:,} MB that would be {at_end:,.0f} MB (by the slope, not measured), promised {PROMISED_MB:,}")


def peaks_of(room: str, workers: int) -> dict[str, float]:
    """The peak of one build's memory in MB, step by step."""
    command = [sys.executable, __file__, "--build", room, "--workers", str(workers)]
    process, peaks = subprocess.Popen(command), dict[str, float]()
    while process.poll() is None:
        step = last_step(Path(room, ".out.work"))
        peaks[step] = max(peaks.get(step, 0.0), sum(map(resident, tree_of(process.pid))))
        time.sleep(0.1)
    assert process.returncode == 0
    return peaks


def last_step(work: Path) -> str:
    """The last step of which an outcome stands; what is sampled belongs to it or to the next one."""
    try:
        steps = [path for path in work.iterdir() if path.is_dir() and path.name != "drafts"]
        return max(steps, key=lambda path: path.stat().st_ctime).name if steps else "begin"
    except OSError:  # it has just been removed
        return "end"


def tree_of(pid: int) -> list[int]:
    """A process and its children."""
    try:
        threads = [Path(f"/proc/{pid}/task/{one}/children") for one in os.listdir(f"/proc/{pid}/task")]
        return [pid, *(int(child) for thread in threads for child in thread.read_text().split())]
    except OSError:  # it has just ended
        return [pid]


def resident(pid: int) -> float:
    """Resident memory of a process in MB."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, IndexError):
        return 0.0


def build(room: Path, workers: int) -> None:
    """One corpus with all steps."""
    from hanlin.base.engines import Processes
    from hanlin.text.config import CorpusConfig
    from hanlin.text.corpus import build_corpus

    config = CorpusConfig(
        sources=(str(room / "in"),),
        rules={"preset": "hanlin"},
        near_dup={"action": "drop"},
        lines={"repeated": "lines", "boilerplate": 100, "passages": 200},
    )
    build_corpus(config, room / "out", engine=Processes(workers))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[250, 500, 1000], help="sizes of the text")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    parser.add_argument("--room", help="folder for the text and the work; needs 4 times the size")
    parser.add_argument("--file-megabytes", type=float, default=12.0, help="size of the files the text is in")
    parser.add_argument("--build", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
