"""A corpus build killed with -9 at random moments, its workers too: the next goes on, the outcome is the same.

Three kills in every run; the lab asks for fifty: HANLIN_KILLS=50 pytest tests/stories/test_corpus_cuts.py
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.text.building.messy import digest_of, write_messy

from hanlin.text.corpus import read_corpus

KILLS = int(os.environ.get("HANLIN_KILLS", "3"))
ROOT = Path(__file__).parents[2]


def started(texts: Path, out: Path) -> subprocess.Popen[str]:
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, "-m", "tests.text.building.messy", str(texts), str(out), "2"]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> str:
    """What was told by a process that came to a good end."""
    told = process.communicate()[1]
    assert process.returncode == 0, told
    return told


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in found for child in path.read_text().split()]


@pytest.mark.story
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children of a process are looked up in /proc")
def test_killed_at_random_and_gone_on(tmp_path: Path) -> None:
    write_messy(tmp_path / "in")
    begun = time.monotonic()
    ended(started(tmp_path / "in", tmp_path / "calm"))
    seconds = time.monotonic() - begun
    chance, killed, workers_killed, told = random.Random(11), 0, 0, ""
    while killed < KILLS:
        process = started(tmp_path / "in", tmp_path / "out")
        time.sleep(chance.uniform(0.3, 1.1) * seconds)
        if killed % 3 == 2 and process.poll() is None and (workers := children_of(process.pid)):
            os.kill(chance.choice(workers), signal.SIGKILL)
            workers_killed += 1
            told += ended(process)
        else:
            process.kill()
            process.communicate()
        killed += 1
        if (tmp_path / "out").exists():
            assert digest_of(tmp_path / "out") == digest_of(tmp_path / "calm"), "whole or not there"
            assert list(read_corpus(tmp_path / "out"))
            for path in (tmp_path / "out").iterdir():
                path.unlink()
            (tmp_path / "out").rmdir()
    ended(started(tmp_path / "in", tmp_path / "out"))
    assert digest_of(tmp_path / "out") == digest_of(tmp_path / "calm")
    assert not list(tmp_path.glob(".out*")), "nothing is left of all the cuts"
    print(f"{killed} kills, {workers_killed} of them of a worker; told: {told!r}")
