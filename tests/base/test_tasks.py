"""Tasks: done once, found again, the same whoever does them, and told of where something went wrong."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from hanlin.base.engines import Processes
from hanlin.base.errors import InputError, MachineError
from hanlin.base.progress import Progress
from hanlin.base.tasks import Tasks, sealed, unsealed, workplace

HERE = "tests.base.shard_tasks"


def jobs(log: Path, num: int = 6) -> list[dict[str, Any]]:
    return [{"value": value, "log": str(log)} for value in range(num)]


def run(root: Path, log: Path, key: str = "k", workers: int = 1) -> tuple[int, str]:
    """The total, and what was told on the way."""
    told = io.StringIO()
    with workplace(str(root), key, Processes(workers), Progress("plain", stream=told)) as tasks:
        numbers = list(tasks.each("number", f"{HERE}:number", jobs(log)))
        assert [one["value"] for one in numbers] == list(range(6)), "in their order, whoever was first"
        found = tasks.one("total", f"{HERE}:total", {"num": 6})["total"]
        assert (tasks.folder("total") / "total").read_text() == str(found)
        if log.with_suffix(".stop").exists():
            raise MachineError("base.cannot_write", path=root, reason="a test")
    return found, told.getvalue()


def stopped(root: Path, log: Path, **settings: Any) -> None:
    """A run that ends before its end."""
    log.with_suffix(".stop").touch()
    with pytest.raises(MachineError):
        run(root, log, **settings)
    log.with_suffix(".stop").unlink()


def done(log: Path) -> list[str]:
    return sorted(log.read_text().split()) if log.exists() else []


def test_each_task_is_done_once_and_all_is_gone_after_the_end(tmp_path: Path) -> None:
    assert run(tmp_path / "work", tmp_path / "log") == (15, "")
    assert done(tmp_path / "log") == list("012345")
    assert not (tmp_path / "work").exists()


def test_a_run_that_was_cut_goes_on_from_the_markers(tmp_path: Path) -> None:
    stopped(tmp_path / "work", tmp_path / "log")
    assert run(tmp_path / "work", tmp_path / "log")[0] == 15
    assert done(tmp_path / "log") == list("012345"), "nothing was done again"


def test_work_of_other_settings_is_not_taken(tmp_path: Path, lang: str) -> None:
    stopped(tmp_path / "work", tmp_path / "log")
    found, told = run(tmp_path / "work", tmp_path / "log", key="other")
    assert found == 15 and done(tmp_path / "log") == sorted(2 * "012345")
    assert str(tmp_path / "work") in told and len(told.splitlines()) == 1


@pytest.mark.parametrize("damage", ["marker", "cut marker", "content", "missing", "another key"])
def test_what_was_damaged_is_told_and_done_again(damage: str, tmp_path: Path, lang: str) -> None:
    stopped(tmp_path / "work", tmp_path / "log")
    folder = tmp_path / "work" / "number" / "000002"
    marker = folder / "done.json"
    if damage == "marker":
        marker.write_bytes(marker.read_bytes().replace(b'"counters"', b'"counterz"'))
    elif damage == "cut marker":
        marker.write_bytes(marker.read_bytes()[:-7])
    elif damage == "content":
        (folder / "value").write_text("7")
    elif damage == "missing":
        (folder / "value").unlink()
    else:
        table = unsealed(marker.read_bytes())
        assert table is not None
        marker.write_bytes(sealed({**table, "key": "x"}))
    found, told = run(tmp_path / "work", tmp_path / "log")
    assert found == 15 and done(tmp_path / "log") == sorted("0123452")
    assert "number/000002" in told and len(told.splitlines()) == 1


def test_two_runs_in_one_place_are_one_too_many(tmp_path: Path, lang: str) -> None:
    with workplace(str(tmp_path / "work"), "k", Processes(1), Progress("none")):
        with pytest.raises(MachineError) as caught:
            run(tmp_path / "work", tmp_path / "log")
        assert caught.value.code == "E107" and str(tmp_path / "work") in str(caught.value)


def test_after_an_error_of_the_input_nothing_stays(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError),
        workplace(str(tmp_path / "work"), "k", Processes(1), Progress("none")) as tasks,
    ):
        tasks.one("refusing", f"{HERE}:refusing", {"path": "nowhere"})
    assert list(tmp_path.iterdir()) == []


def test_a_draft_of_a_killed_worker_is_never_taken_for_an_outcome(tmp_path: Path) -> None:
    stopped(tmp_path / "work", tmp_path / "log")
    folder = tmp_path / "work" / "number" / "000004"
    (folder / "done.json").unlink()
    (tmp_path / "work" / "drafts" / "number-000004-x").mkdir()
    assert run(tmp_path / "work", tmp_path / "log")[0] == 15
    assert done(tmp_path / "log") == sorted("0123454")


def test_progress_counts_what_stood_already(tmp_path: Path) -> None:
    with contextlib.suppress(MachineError):
        stopped(tmp_path / "work", tmp_path / "log")
    told = io.StringIO()
    tasks = Tasks(tmp_path / "work", "k", Processes(1), Progress("json", stream=told))
    (tmp_path / "work" / "number" / "000005" / "done.json").unlink()
    tasks.each("number", f"{HERE}:number", jobs(tmp_path / "log"), title="Counting")
    rows = [json.loads(line) for line in told.getvalue().splitlines()]
    assert rows[0]["total"] == 6 and rows[-1]["step"] == 6 and (tasks.num_found, tasks.num_done) == (5, 1)
