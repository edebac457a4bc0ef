"""A disk that is really full: a build stops with one sentence, and goes on to the same corpus when there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.text.building.messy import digest_of
from tests.text.doctor.junk import english

from hanlin.base.errors import DiskFull
from hanlin.text.config import CorpusConfig
from hanlin.text.corpus import build_corpus


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 KB in memory."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"mount: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_build_stops_and_goes_on_when_there_is_room(disk: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    for number in range(60):
        (texts / f"{number:02}.txt").write_text(english(60))
    config = CorpusConfig(sources=(str(texts),), near_dup={"action": "drop"}, validation_fraction=0.1)
    build_corpus(config, tmp_path / "calm")
    sizes, stops = [200, 400, 800, 1600, 64_000], []
    for size in sizes:
        subprocess.run(["mount", "-o", f"remount,size={size}k", str(disk)], check=True)
        try:
            build_corpus(config, disk / "out")
            break
        except DiskFull as error:
            stops.append(str(error))
            assert not (disk / "out").exists(), "whole or not there"
            assert error.exit_code == 4 and "\n" not in str(error) and str(disk) in str(error)
    assert 1 <= len(stops) < len(sizes)
    assert digest_of(disk / "out") == digest_of(tmp_path / "calm")
    assert [path.name for path in disk.iterdir() if path.name.startswith(".out")] == []
