"""Memory flat in the size of the corpus, every step on: the slope of the peak against the size, from 30 to 300 MB."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

SIZES_MB = (30, 300)
MOST = 0.12
"""MB of memory for each MB of text, which is what 10 GB in 1.5 GB allows. A step that held keys of lines or documents
would need up to 1, one that held texts more."""
LINES, PAGE_BYTES = 100, 9200
_LETTERS = str.maketrans("0123456789", "ghijklmnop")
BUILD = """
import os, sys, threading, time
from pathlib import Path
from hanlin.base.engines import Processes
from hanlin.text.config import CorpusConfig
from hanlin.text.corpus import build_corpus

def resident(pid):
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, IndexError):
        return 0.0

def look():
    while True:
        me = os.getpid()
        children = [path.read_text().split() for path in Path(f"/proc/{me}/task").glob("*/children")]
        peaks.append(max(peaks.pop(), sum(map(resident, (me, *sum(children, []))))))
        time.sleep(0.05)

peaks = [0.0]
threading.Thread(target=look, daemon=True).start()
config = CorpusConfig(
    sources=(sys.argv[1],), rules={"html_debris": True, "watermarks": True, "thresholds": {"min_words": 5}},
    near_dup={"action": "drop"}, validation_fraction=0.1, split_by="id", privacy={"action": "mask"},
    lines={"repeated": "lines", "boilerplate": 50, "passages": 200},
)
report = build_corpus(config, Path(sys.argv[2]), engine=Processes(2))
print(report.spent["bytes"] / 1e6, peaks[0])
"""


def write(folder: Path, megabytes: int) -> None:
    """Two files, of which the larger has to be cut. Each line stands once, a tenth of the documents has a near twin far
    away, every page has the same footer, one in a hundred the same watermark in one of its spellings."""
    draw = random.Random(3)
    words = ["".join(draw.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(draw.randint(2, 9))) for _ in range(3000)]
    words += ["the", "of", "and", "to", "in", "it", "was", "that", "he", "she", "with"] * 100
    lines = [" ".join(draw.choices(words, k=14)).capitalize() for _ in range(20_000)]
    folder.mkdir()
    number = 0
    for name, share in (("large.jsonl", 0.9), ("small.jsonl", 1.0)):
        with (folder / name).open("a") as file:
            while number * PAGE_BYTES < megabytes * 1e6 * share:
                file.write(json.dumps({"text": page(draw, lines, number), "id": str(number)}) + "\n")
                number += 1


def page(draw: random.Random, lines: list[str], number: int) -> str:
    """A page of `PAGE_BYTES`."""
    twin = number - 3000 if number % 10 == 0 and number > 3000 else number
    draw = random.Random(twin)
    text = [f"{line} {f'{draw.getrandbits(48):x}'.translate(_LETTERS)}." for line in draw.choices(lines, k=LINES)]
    mark = draw.choice("*.-~/").join(["w*w*w.ｂook", "ＨeaVen", "c-o-m"]) if number % 100 == 1 else ""
    return "\n".join([*text, f"Page {number}.", "Copyright of this page, all rights reserved.", mark])


@pytest.mark.story
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read in /proc")
def test_the_slope_of_memory_against_size_is_flat(tmp_path: Path) -> None:
    found = []
    for size in SIZES_MB:
        write(tmp_path / f"in-{size}", size)
        command = [sys.executable, "-c", BUILD, str(tmp_path / f"in-{size}"), str(tmp_path / f"out-{size}")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.append(tuple(map(float, done.stdout.split())))
    (first_size, first_peak), (size, peak) = found
    slope = (peak - first_peak) / (size - first_size)
    print(", ".join(f"{size:.0f} MB: {peak:.0f} MB" for size, peak in found), f"slope {slope:.4f}")
    assert slope < MOST
