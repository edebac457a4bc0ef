"""Memory flat in the size of the corpus, every step on: the slope of the peak against the size is measured."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

SIZES_MB = (4, 8, 16)
MOST = 0.5
"""MB of memory for each MB of text: any step that held the texts would need 1 at least, those that hold keys 0.1."""
BUILD = """
import sys
from pathlib import Path
from hanlin.base.engines import Processes
from hanlin.text import reading
from hanlin.text.config import CorpusConfig
from hanlin.text.corpus import build_corpus
reading.PIECE_BYTES = 1 << 20
config = CorpusConfig(
    sources=(sys.argv[1],), rules={"preset": "hanlin"}, near_dup={"action": "drop"}, validation_fraction=0.1,
    lines={"repeated": "lines", "boilerplate": 50, "passages": 200}, privacy={"action": "mask"},
)
report = build_corpus(config, Path(sys.argv[2]), engine=Processes(1))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # getrusage has the parent's in it
print(report.figures["read"], int(peak.split()[1]) / 1024)
"""


def write(folder: Path, megabytes: int) -> None:
    """Files of 1 MB; a tenth of the documents has a near twin in another file, every page the same footer."""
    draw = random.Random(3)
    words = ["".join(draw.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(draw.randint(2, 9))) for _ in range(3000)]
    words += ["the", "of", "and", "to", "in", "it", "was", "that", "he", "she", "with"] * 100
    folder.mkdir()
    for number in range(megabytes):
        with (folder / f"{number:03}.jsonl").open("w") as file:
            while file.tell() < 1e6:
                lines = [" ".join(draw.choices(words, k=30)).capitalize() + "." for _ in range(16)]
                text = "\n".join([*lines, "Copyright of this page, all rights reserved."])
                file.write(json.dumps({"text": text}) + "\n")
                if draw.random() < 0.1:
                    file.write(json.dumps({"text": text + " More."}) + "\n")


@pytest.mark.story
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read in /proc")
def test_the_slope_of_memory_against_size_is_nearly_flat(tmp_path: Path) -> None:
    peaks = {}
    for size in SIZES_MB:
        write(tmp_path / f"in-{size}", size)
        command = [sys.executable, "-c", BUILD, str(tmp_path / f"in-{size}"), str(tmp_path / f"out-{size}")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        peaks[size] = float(done.stdout.split()[1])
    slope = (peaks[SIZES_MB[-1]] - peaks[SIZES_MB[0]]) / (SIZES_MB[-1] - SIZES_MB[0])
    print(", ".join(f"{size} MB: {peak:.0f} MB" for size, peak in peaks.items()), f"slope {slope:.3f}")
    assert slope < MOST
