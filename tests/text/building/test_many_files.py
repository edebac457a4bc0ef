"""Many files without a byte: one sentence, and little memory for each (a million: benchmarks/many_files.py)."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from hanlin.base.errors import InputError
from hanlin.text.config import CorpusConfig, DiagnosisConfig
from hanlin.text.corpus import build_corpus, read_corpus
from hanlin.text.doctor.diagnosis import diagnose

FILES = 3000


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many") / "empty"
    folder.mkdir()
    for number in range(FILES):
        os.close(os.open(folder / f"{number}.txt", os.O_CREAT))
    return folder


def test_nothing_but_empty_files_is_one_sentence(empty: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        build_corpus(CorpusConfig(sources=(str(empty),)), tmp_path / "out")
    assert caught.value.code == "E203" and "\n" not in str(caught.value) and f"{FILES}" in str(caught.value)


def test_each_empty_file_is_counted_and_costs_little(empty: Path, tmp_path: Path) -> None:
    (empty / "one.txt").write_text("The only text among them all is this one sentence.\n" * 5)
    tracemalloc.start()
    build_corpus(CorpusConfig(sources=(str(empty),), validation_fraction=0), tmp_path / "out")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(list(read_corpus(tmp_path / "out"))) == 1
    found = diagnose(DiagnosisConfig(paths=(str(empty),)))
    counted = {one["kind"]: one["number"] for one in found.figures["findings"]}
    (empty / "one.txt").unlink()
    assert counted["empty_file"] == FILES
    assert found.figures["looked"]["unseen"] == 0
    assert most < 40_000_000 + 2000 * FILES
