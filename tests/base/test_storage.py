"""Storage: whole outcomes or none, in a folder and at an address alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanlin.base.engines import Processes
from hanlin.base.errors import DiskFull
from hanlin.base.progress import Progress
from hanlin.base.storage import MARKER, Local, Remote, Storage, open_storage
from hanlin.base.tasks import workplace


@pytest.fixture(params=["folder", "file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A folder; the same by its address; one that is no folder of this machine, as buckets are."""
    return open_storage(str(tmp_path / "work") if request.param == "folder" else f"{request.param}://{tmp_path}/work")


def put(storage: Storage, name: str, content: str) -> None:
    with storage.drafting(name) as folder:
        (folder / "text").write_text(content)
        (folder / MARKER).write_text("{}")


def test_an_outcome_stands_there_whole_or_not_at_all(storage: Storage) -> None:
    assert isinstance(storage, Local | Remote) and storage.finished("a/1") is None
    with pytest.raises(ZeroDivisionError), storage.drafting("a/1") as folder:
        (folder / "text").write_text("half")
        raise ZeroDivisionError
    assert storage.finished("a/1") is None
    put(storage, "a/1", "whole")
    assert storage.finished("a/1") is not None
    storage.forget("a/1")
    assert storage.finished("a/1") is None
    storage.forget("a/1")


def test_files_of_one_kind_are_read_by_all(storage: Storage) -> None:
    with storage.drafting("a/1") as folder:
        (folder / "text").write_text("whole")
        (folder / MARKER).write_text("{}")
    assert (open_storage(storage.root).folder("a/1") / "text").read_text() == "whole"


def test_small_files_and_clearing(storage: Storage) -> None:
    assert storage.read("key") is None
    storage.write("key", b"one")
    storage.write("key", b"two")
    assert storage.read("key") == b"two"
    put(storage, "a/1", "x")
    storage.clear()
    assert storage.read("key") is None and storage.finished("a/1") is None
    storage.remove()
    storage.remove()


def test_the_slower_of_two_workers_gives_way(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path / "work"))
    with storage.drafting("a/1") as folder:
        (folder / "text").write_text("x")
        (folder / MARKER).write_text("{}")
        put(open_storage(str(tmp_path / "work")), "a/1", "x")
    assert storage.finished("a/1") is not None
    assert list((tmp_path / "work" / "drafts").iterdir()) == []


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with pytest.raises(DiskFull), open_storage(str(tmp_path / "work")).drafting("a/1"):
        raise OSError(28, "No space left on device")


def test_tasks_meet_at_an_address_of_fsspec(tmp_path: Path) -> None:
    """Two worker processes, each with copies of its own of what the others left."""
    address = f"file://{tmp_path}/shared"
    with workplace(address, "k", Processes(2), Progress("none")) as tasks:
        tasks.each("number", "tests.base.shard_tasks:number", [{"value": value} for value in range(5)])
        assert tasks.one("total", "tests.base.shard_tasks:total", {"num": 5}) == {"total": 10}
    assert not (tmp_path / "shared" / "number").exists()
