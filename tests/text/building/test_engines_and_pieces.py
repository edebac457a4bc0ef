"""A corpus is the same to the byte whoever builds it, and the same to the document however it is cut into pieces."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.text.building.messy import LARGE_BYTES, PIECE_BYTES, SETTINGS, build, digest_of, write_messy

from hanlin.base.engines import Processes, Ranks, RayTasks
from hanlin.base.errors import InputError, MachineError
from hanlin.base.files import FolderLock
from hanlin.text import reading
from hanlin.text.building import compare
from hanlin.text.config import CorpusConfig
from hanlin.text.corpus import FILES, build_corpus, read_corpus
from hanlin.text.ledger import LEDGER, REMOVED, documents_of, path_of, rows_of
from hanlin.text.reading import pieces_of


@pytest.fixture(scope="module", autouse=True)
def small_pieces() -> Iterator[None]:
    """A build of a hundred documents in several pieces, of which one is cut out of a large file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "PIECE_BYTES", PIECE_BYTES)
        patch.setattr(reading, "LARGE_BYTES", LARGE_BYTES)
        yield


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("messy") / "in"
    write_messy(folder)
    return folder


@pytest.fixture(scope="module")
def alone(texts: Path) -> Path:
    """The build of one process, which all others have to equal."""
    build(texts, texts.parent / "alone", Processes(1))
    return texts.parent / "alone"


def test_the_example_meets_every_step_in_many_pieces(texts: Path, alone: Path) -> None:
    figures = build(texts, texts.parent / "seen", Processes(1)).figures
    reasons = {"hidden", "binary", "not_json", "duplicate", "near_duplicate", "evaluation", "max_dup_lines"}
    assert reasons <= set(figures["dropped"])
    assert set(figures["edits"]) == {"html_debris", "watermarks"}
    assert {"repeated", "boilerplate"} <= set(figures["refined"]["lines"])
    assert figures["personal"]["kinds"]["mobile"] > 3 and figures["groups"]["validation"] > 0
    kept = sum(part["documents"] for part in figures["splits"].values())
    unread = sum(figures["dropped"][name] for name in ("hidden", "binary", "not_json"))
    assert figures["read"] == kept + sum(figures["dropped"].values()) - unread
    sizes = {path.name: path.stat().st_size for path in texts.iterdir()}
    assert min(sizes[name] for name in ("large.jsonl", "large.parquet", "marked.jsonl")) > PIECE_BYTES
    assert digest_of(texts.parent / "seen") == digest_of(alone)


def test_three_processes_build_what_one_builds(texts: Path, alone: Path, tmp_path: Path) -> None:
    build(texts, tmp_path / "out", Processes(3))
    assert digest_of(tmp_path / "out") == digest_of(alone)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_local_ray_builds_what_one_process_builds(texts: Path, alone: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    build(texts, tmp_path / "out", RayTasks(num_cpus=2))
    assert digest_of(tmp_path / "out") == digest_of(alone)


def test_ranks_build_what_one_process_builds(texts: Path, alone: Path, tmp_path: Path) -> None:
    figures: dict[int, Any] = {}

    def rank(number: int) -> None:
        figures[number] = build(texts, tmp_path / "out", Ranks(number, 2)).figures

    other = threading.Thread(target=rank, args=[1])
    other.start()
    rank(0)
    other.join()
    assert digest_of(tmp_path / "out") == digest_of(alone)
    assert figures[0] == figures[1], "every rank knows what came of it"


@pytest.mark.story
def test_torchrun_starts_ranks_that_build_what_one_process_builds(texts: Path, tmp_path: Path) -> None:
    """The real launcher with two ranks, each a program of its own."""
    shutil.copy(texts / "large.jsonl", tmp_path / "large.jsonl")
    build_corpus(CorpusConfig(sources=(str(tmp_path / "large.jsonl"),)), tmp_path / "alone", engine=Processes(1))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--no-python"]
    command = [sys.executable, str(Path(__file__).with_name("small_pieces.py")), "data", "build"]
    job = [str(tmp_path / "large.jsonl"), "--engine", "rank", "--out", str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([*torchrun, *command, *job], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    for name in FILES:
        assert path_of(tmp_path / "out", name).read_bytes() == path_of(tmp_path / "alone", name).read_bytes()


def test_tasks_may_meet_at_an_address(texts: Path, tmp_path: Path) -> None:
    """At one that two processes see, and at one that is no folder of any disk, which only this process sees."""
    config = CorpusConfig(sources=(str(texts),), near_dup={"action": "drop"})
    one = build_corpus(config, tmp_path / "one", engine=Processes(1))
    two = build_corpus(config, tmp_path / "two", engine=Processes(2), work=f"file://{tmp_path}/shared")
    far = build_corpus(config, tmp_path / "far", engine=Processes(1), work=f"memory://{tmp_path}/bucket")
    assert one.figures == two.figures == far.figures
    assert digest_of(tmp_path / "one") == digest_of(tmp_path / "two") == digest_of(tmp_path / "far")


def test_pieces_change_no_document_and_no_row_of_the_ledger(
    texts: Path, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same sources as one piece, as all small corpora are."""
    monkeypatch.setattr(reading, "PIECE_BYTES", 16 << 20)
    monkeypatch.setattr(reading, "LARGE_BYTES", 32 << 20)
    exam = {"paths": (str(texts.parent / "exam.jsonl"),)}
    config = CorpusConfig(sources=(str(texts),), against=exam, **SETTINGS)
    assert len(pieces_of(config)) == 1
    build_corpus(config, tmp_path / "whole", engine=Processes(1))
    assert list(rows_of(path_of(tmp_path / "whole", LEDGER))) == list(rows_of(path_of(alone, LEDGER)))
    for part in ("train", "validation"):
        assert list(read_corpus(tmp_path / "whole", part)) == list(read_corpus(alone, part)) != []
    assert list(documents_of(path_of(tmp_path / "whole", REMOVED))) == list(documents_of(path_of(alone, REMOVED)))


def test_portions_change_nothing(texts: Path, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "PAIRS_PER_PORTION", 1)
    build(texts, tmp_path / "out", Processes(1))
    assert digest_of(tmp_path / "out") == digest_of(alone)


def test_an_earlier_build_in_pieces_is_taken_again_piece_by_piece(texts: Path, alone: Path, tmp_path: Path) -> None:
    shutil.copytree(alone, tmp_path / "out")
    other = {"near_dup": {}, "lines": {}}
    again = build(texts, tmp_path / "out", Processes(2), **other)
    build(texts, tmp_path / "fresh", Processes(1), **other)
    assert digest_of(tmp_path / "out") == digest_of(tmp_path / "fresh")
    assert str(tmp_path / "out") in again.lines[-1]
    build(texts, tmp_path / "out", Processes(1))
    assert digest_of(tmp_path / "out") == digest_of(alone), "and back"


def test_two_builds_of_one_folder_are_one_too_many(texts: Path, tmp_path: Path, lang: str) -> None:
    with FolderLock(tmp_path / ".out.work"), pytest.raises(MachineError) as caught:
        build(texts, tmp_path / "out", Processes(1))
    assert caught.value.code == "E107" and str(tmp_path / ".out.work") in str(caught.value)
    build(texts, tmp_path / "out", Processes(1))


def test_a_group_that_no_document_has_is_refused_and_leaves_nothing(texts: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        build(texts, tmp_path / "out", Processes(2), split_by="chapter")
    assert caught.value.code == "E295" and list(tmp_path.iterdir()) == []
