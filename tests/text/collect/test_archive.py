"""The journal and the data it speaks of: cut anywhere, broken anywhere, they tell one story."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base import files
from hanlin.text.collect import archive as module
from hanlin.text.collect.archive import CONTROL, Archive, Row


def journal(folder: Path) -> Path:
    return folder / CONTROL / "journal.jsonl"


def record(name: str) -> bytes:
    return json.dumps({"text": name * 5}).encode() + b"\n"


def fill(folder: Path, names: str) -> None:
    """One record for each name, in order."""
    archive = Archive(folder, "jsonl")
    for name in names:
        archive.add(Row(name, "kept", num_documents=1, at="2026-01-01T00:00:00Z"), [record(name)])
    archive.close()


def story(folder: Path) -> tuple[list[str], bytes]:
    """The places of the journal, and the data, as whoever opens the collection finds them."""
    archive = Archive(folder, "jsonl")
    archive.close()
    return list(archive.rows), archive.path.read_bytes()


def assert_whole(folder: Path) -> list[str]:
    """Every row names its own record, and no byte of the data is without one."""
    archive = Archive(folder, "jsonl")
    archive.close()
    data = archive.path.read_bytes()
    rows = [row for row in archive.rows.values() if row.end > row.start]
    assert sorted(data[row.start : row.end] for row in rows) == sorted(record(row.place[0]) for row in rows)
    assert sum(row.end - row.start for row in rows) == len(data)
    return list(archive.rows)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive") / "filled"
    fill(folder, "abcde")
    return folder


def test_rows_and_records_come_back(filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled, tmp_path / "copy")
    places, data = story(tmp_path / "copy")
    assert places == list("abcde")
    assert data == b"".join(map(record, "abcde"))


@given(data=st.data())
def test_a_journal_cut_anywhere_is_a_shorter_story(filled: Path, data: st.DataObject, tmp_path_factory: Any) -> None:
    """What a kill leaves: a journal that ends anywhere, and data that may go on behind it."""
    folder = tmp_path_factory.mktemp("cut") / "c"
    shutil.copytree(filled, folder)
    whole = journal(folder).read_bytes()
    size = data.draw(st.integers(0, len(whole)))
    journal(folder).write_bytes(whole[:size])
    num_rows = max(0, whole[:size].count(b"\n") - 1)
    places, kept = story(folder)
    assert places == list("abcde")[:num_rows]
    assert kept == b"".join(map(record, "abcde"[:num_rows]))
    fill(folder, "abcde"[num_rows:])
    assert story(folder) == story(filled)


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make the process die before the n-th write, fsync or rename."""

    def arm(number: int) -> None:
        left = [number]

        def dying(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*words: Any) -> Any:
                left[0] -= 1
                if left[0] == 0:
                    raise Killed
                return real(*words)

            return call

        for name in ("write_bytes", "fsync", "rename"):
            monkeypatch.setattr(files, name, dying(getattr(files, name)))
        for name in ("write_bytes", "fsync"):
            monkeypatch.setattr(module, name, dying(getattr(module, name)))

    return arm


STEPS = range(1, 16)


@pytest.mark.parametrize("number", STEPS)
def test_death_at_any_step_of_adding(
    tmp_path: Path, kill: Callable[[int], None], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "ab")
    with monkeypatch.context():
        kill(number)
        archive = Archive(tmp_path, "jsonl")
        try:
            for name in "cde":
                archive.add(Row(name, "kept", num_documents=1), [record(name)])
        except Killed:
            pass
        archive.close()
    monkeypatch.undo()
    places = assert_whole(tmp_path)
    assert places == list("abcde")[: len(places)]
    assert len(places) >= 2


@pytest.mark.parametrize("number", STEPS)
def test_death_at_any_step_of_tidying(
    tmp_path: Path, kill: Callable[[int], None], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "abc")
    archive = Archive(tmp_path, "jsonl")
    archive.add(Row("b", "kept", num_documents=1, detail="newer"), [record("b")])
    with monkeypatch.context():
        kill(number)
        try:
            archive.tidy()
        except Killed:
            pass
    monkeypatch.undo()
    archive.close()
    again = Archive(tmp_path, "jsonl")
    assert again.rows["b"].detail == "newer"
    again.tidy()
    again.close()
    assert assert_whole(tmp_path) == ["a", "b", "c"]
    assert len(list(tmp_path.glob("documents-*.jsonl"))) == 1


def test_tidying_without_need_changes_nothing(filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled, tmp_path / "c")
    archive = Archive(tmp_path / "c", "jsonl")
    before = archive.path
    archive.tidy()
    archive.close()
    assert archive.path == before


def test_a_row_may_be_completed_when_its_records_are_written(tmp_path: Path) -> None:
    archive = Archive(tmp_path, "jsonl")
    seen: list[int] = []

    def records() -> Iterator[bytes]:
        for name in "xy":
            seen.append(1)
            yield record(name)

    def counted(row: Row) -> Row:
        return Row(**{**vars(row), "num_documents": len(seen)})

    assert archive.add(Row("f", "kept"), records(), counted=counted).num_documents == 2
    archive.close()
    again = Archive(tmp_path, "jsonl")
    assert again.rows["f"].num_documents == 2
    again.close()


def test_an_error_on_the_way_leaves_nothing_behind(tmp_path: Path) -> None:
    archive = Archive(tmp_path, "jsonl")
    archive.add(Row("a", "kept"), [record("a")])

    def broken() -> Iterator[bytes]:
        yield record("b")
        raise ValueError("a reader's mistake")

    with pytest.raises(ValueError, match="mistake"):
        archive.add(Row("b", "kept"), broken())
    archive.add(Row("c", "kept"), [record("c")])
    archive.close()
    assert assert_whole(tmp_path) == ["a", "c"]


def test_names_that_no_encoding_writes(tmp_path: Path) -> None:
    """A file name may hold a byte of another encoding, which Python shows as half of a surrogate pair."""
    archive = Archive(tmp_path, "jsonl")
    archive.add(Row("caf\udce9.txt", "refused", reason="unreadable"))
    archive.close()
    again = Archive(tmp_path, "jsonl")
    assert list(again.rows) == ["caf\udce9.txt"]
    again.close()
