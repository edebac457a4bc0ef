"""Engines: the same outcomes from processes, Ray and ranks; a worker that dies is told of and its task done again."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from hanlin.base import engines as engines_module
from hanlin.base.engines import Processes, Ranks, RayTasks, engine_of
from hanlin.base.errors import InputError, MachineError, MissingExtra
from hanlin.base.progress import Progress
from hanlin.base.tasks import Engine, workplace

HERE = "tests.base.shard_tasks"


def run(root: Path, engine: Engine, function: str = "number", **job: Any) -> tuple[str, str]:
    """One digest of all outcomes, and what was told."""
    told, digest = io.StringIO(), hashlib.sha256()
    with workplace(str(root), "k", engine, Progress("plain", stream=told)) as tasks:
        tasks.each("number", f"{HERE}:{function}", [{"value": value, **job} for value in range(8)])
        tasks.one("total", f"{HERE}:total", {"num": 8})
        for step, number, name in (*(("number", number, "value") for number in range(8)), ("total", 0, "total")):
            digest.update((tasks.folder(step, number) / name).read_bytes())
    return digest.hexdigest(), told.getvalue()


@pytest.fixture
def alone(tmp_path: Path) -> str:
    return run(tmp_path / "alone", Processes(1))[0]


@pytest.fixture
def ray_engine() -> Any:
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    engine = RayTasks(num_cpus=2)
    yield engine
    engine.close()


def test_two_processes_do_what_one_does(tmp_path: Path, alone: str) -> None:
    assert run(tmp_path / "two", Processes(2)) == (alone, "")


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_ray_does_what_one_process_does_and_a_worker_that_dies_is_told_of(
    tmp_path: Path, alone: str, ray_engine: Any
) -> None:
    (tmp_path / "marks").mkdir()
    found, told = run(tmp_path / "ray", ray_engine, "dying", marks=str(tmp_path / "marks"), deaths=1)
    assert found == alone
    assert len(told.splitlines()) == 1 and "number/000003" in told


@pytest.mark.parametrize("late", [0.0, 0.6])
def test_ranks_do_what_one_process_does(tmp_path: Path, alone: str, late: float) -> None:
    found: dict[int, str] = {}

    def rank(number: int) -> None:
        found[number] = run(tmp_path / "ranks", Ranks(number, 3))[0]

    threads = [threading.Timer(late * number, rank, [number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(3), alone) and not (tmp_path / "ranks").exists()


def test_a_rank_that_never_comes_is_done_by_the_others(tmp_path: Path, alone: str, lang: str) -> None:
    found, told = run(tmp_path / "ranks", Ranks(0, 4, patience=0.3))
    assert found == alone
    assert "number/000001" in told and len(told.splitlines()) == 6, "two of eight tasks were its own"


def test_a_rank_that_fails_ends_the_others(tmp_path: Path) -> None:
    caught: list[str] = []

    def rank(number: int) -> None:
        try:
            run(tmp_path / "ranks", Ranks(number, 2, patience=20), "refusing", path="nowhere")
        except InputError as error:
            caught.append(error.code)

    threads = [threading.Thread(target=rank, args=[number]) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert caught == ["E102", "E102"]


def test_a_killed_worker_is_told_of_and_its_task_done_again(tmp_path: Path, alone: str, lang: str) -> None:
    (tmp_path / "marks").mkdir()
    found, told = run(tmp_path / "x", Processes(2), "dying", marks=str(tmp_path / "marks"), deaths=2)
    assert found == alone
    assert len(told.splitlines()) == 2 and all(
        "number/000003" in line and "SIGKILL" in line for line in told.splitlines()
    )


def test_a_task_that_kills_every_worker_is_given_up_and_the_rest_stays(tmp_path: Path, lang: str) -> None:
    (tmp_path / "marks").mkdir()
    with pytest.raises(MachineError) as caught:
        run(tmp_path / "x", Processes(2), "dying", marks=str(tmp_path / "marks"), deaths=3)
    assert caught.value.code == "E114"
    assert "number/000003" in str(caught.value) and "SIGKILL" in str(caught.value)
    assert (tmp_path / "x" / "number" / "000000").is_dir()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_task_raises_is_raised_here(workers: int, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        run(tmp_path / "x", Processes(workers), "refusing", path="nowhere.txt")
    assert caught.value.code == "E102" and "nowhere.txt" in str(caught.value)
    with pytest.raises((RuntimeError, ZeroDivisionError), match="a mistake"):
        run(tmp_path / "y", Processes(workers), "broken")


def test_a_worker_ends_with_its_owner_in_the_middle_of_a_task(tmp_path: Path) -> None:
    code = "from hanlin.base.worker import main; main()"
    worker = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdin is not None and worker.stdout is not None
    call = {"function": "time:sleep", "job": {}, "root": str(tmp_path), "name": "a/0", "key": "k"}
    worker.stdin.write(str(call).replace("'", '"').encode() + b"\n")
    worker.stdin.close()
    worker.stdout.close()
    assert worker.wait(timeout=20) == 0


def test_ray_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra) as caught:
        engine_of("ray")
    assert (caught.value.code, caught.value.exit_code) == ("E115", 4)
    assert "hanlin[cluster]" in str(caught.value)


@pytest.mark.parametrize(
    "environment",
    [
        {"RANK": "1", "WORLD_SIZE": "3"},
        {"SLURM_PROCID": "1", "SLURM_NTASKS": "3"},
        {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "3"},
        {"PMI_RANK": "1", "PMI_SIZE": "3"},
    ],
)
def test_launchers_tell_the_rank_each_in_its_way(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    engine = engine_of("rank")
    assert isinstance(engine, Ranks) and (engine.rank, engine.world) == (1, 3)
    given = engine_of("rank", rank=0, world=2)
    assert isinstance(given, Ranks) and (given.rank, given.world) == (0, 2), "what is given wins"


@pytest.mark.parametrize(("rank", "world"), [(None, None), (3, 3), (None, 2)])
def test_a_rank_that_nobody_knows_is_refused(
    rank: int | None, world: int | None, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    for name in ("RANK", "WORLD_SIZE", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MachineError) as caught:
        engine_of("rank", rank=rank, world=world)
    assert caught.value.code == "E116" and "WORLD_SIZE" in str(caught.value)


def test_as_many_workers_as_cores_unless_told() -> None:
    assert engine_of("processes").num_workers == engines_module.num_cores()
    assert engine_of("processes", workers=5).num_workers == 5
