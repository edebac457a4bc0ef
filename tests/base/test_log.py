"""The run folder: what it holds, what a killed run leaves, how a resumed one goes on."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base import log
from hanlin.base.errors import DiskFull, InputError, Interrupted, MachineError
from hanlin.base.log import Run, list_runs, read_events, read_metrics, read_samples, read_status


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path, "pretrain", "demo", "steps = 1\n", {"seed": 42})


def status_of(run: Run) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((run.folder / "status.json").read_text())
    return loaded


def test_a_new_run_has_name_config_origin_and_status(run: Run) -> None:
    assert re.fullmatch(r"\d{8}-\d{4}-pretrain-demo-[0-9a-f]{4}", run.folder.name)
    assert (run.folder / "config.toml").read_text() == "steps = 1\n"
    origin = json.loads((run.folder / "origin.json").read_text())
    assert (origin["seed"], origin["command"], origin["name"]) == (42, "pretrain", "demo")
    status = status_of(run)
    assert (status["phase"], status["step"], status["pid"]) == ("starting", 0, os.getpid())
    run.finish("finished")


@pytest.mark.parametrize(
    ("name", "label"), [("a/b c", "a-b-c"), ("唐诗", "唐诗"), ("../..", "run"), ("", "run"), ("x" * 3, "xxx")]
)
def test_any_name_becomes_one_folder(tmp_path: Path, name: str, label: str) -> None:
    with Run.create(tmp_path, "finetune", name, "", {}) as run:
        assert run.folder.parent == tmp_path
        assert f"-finetune-{label}-" in run.folder.name


def test_rows_are_appended_and_read_back(run: Run) -> None:
    run.metrics(1, 512, loss=2.5, learning_rate=1e-3)
    run.metrics(2, 1024, loss=math.nan, grad_norm=-math.inf, note="warm-up", skipped=None)
    run.event("checkpoint", step=2, path="checkpoints/step-2")
    run.sample(2, "从前", "有一座山\n")
    run.log("one\ntwo")
    rows = read_metrics(run.folder)
    assert rows.num_damaged == 0
    assert [(row["step"], row["tokens"]) for row in rows] == [(1, 512), (2, 1024)]
    assert rows[0]["loss"] == 2.5
    assert math.isnan(rows[1]["loss"])
    assert (rows[1]["grad_norm"], rows[1]["note"], rows[1]["skipped"]) == (-math.inf, "warm-up", None)
    assert read_events(run.folder)[-1]["path"] == "checkpoints/step-2"
    assert read_samples(run.folder) == [{"step": 2, "prompt": "从前", "text": "有一座山\n"}]
    assert [line.split(" ", 1)[1] for line in (run.folder / "log.txt").read_text().splitlines()] == ["one", "two"]
    run.finish("finished")


def test_every_line_is_json_that_any_language_reads(run: Run) -> None:
    run.metrics(1, 1, loss=math.nan)
    line = (run.folder / "metrics.jsonl").read_text()
    assert "NaN" not in line
    assert json.loads(line)["loss"] == "nan"
    run.finish("finished")


def test_a_generated_text_that_says_nan_stays_text(run: Run) -> None:
    run.sample(1, "nan", "inf")
    assert read_samples(run.folder)[0] == {"step": 1, "prompt": "nan", "text": "inf"}
    run.finish("finished")


@given(cut=st.integers(min_value=0, max_value=200))
def test_a_file_torn_anywhere_loses_at_most_its_last_line(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    run = Run.create(tmp_path_factory.mktemp("torn"), "pretrain", "torn", "", {})
    for step in range(4):
        run.metrics(step, step, text="行")
    run.finish("finished")
    path = run.folder / "metrics.jsonl"
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    rows = read_metrics(run.folder)
    assert [row["step"] for row in rows] == list(range(len(rows)))
    assert data.count(b"\n") <= len(rows) <= data.count(b"\n") + 1  # a last line may lack no more than its end
    assert rows.num_damaged <= 1
    again = Run.open(run.folder)
    again.metrics(99, 0)
    again.finish("finished")
    reread = read_metrics(run.folder)
    assert (reread[-1]["step"], reread.num_damaged, len(reread)) == (99, 0, data.count(b"\n") + 1)


def test_opening_counts_what_it_cut(run: Run) -> None:
    run.metrics(1, 1)
    run.finish("interrupted")
    with open(run.folder / "metrics.jsonl", "a") as file:
        file.write('{"step": 2, "tok')
    with Run.open(run.folder):
        pass
    assert [event["torn_lines"] for event in read_events(run.folder) if event["kind"] == "opened"] == [1]


def test_rewinding_drops_what_will_be_written_again(run: Run) -> None:
    for step in (1, 2, 3, 4):
        run.metrics(step, step * 10)
    run.sample(1, "a", "b")
    run.sample(3, "a", "b")
    assert run.rewind(2) == 3
    assert [row["step"] for row in read_metrics(run.folder)] == [1, 2]
    assert len(read_samples(run.folder)) == 1
    assert read_events(run.folder)[-1]["dropped_lines"] == 3
    assert run.rewind(2) == 0
    run.finish("finished")


def test_two_runs_on_one_folder(run: Run, lang: str) -> None:
    with pytest.raises(MachineError) as caught:
        Run.open(run.folder)
    assert caught.value.code == "E107"
    run.finish("interrupted")
    with Run.open(run.folder) as again:
        assert again.folder == run.folder


def test_opening_what_is_no_run(tmp_path: Path, lang: str) -> None:
    with pytest.raises(InputError) as caught:
        Run.open(tmp_path)
    assert caught.value.code == "E110"
    assert str(tmp_path) in str(caught.value)
    assert list(tmp_path.iterdir()) == [], "nothing was written into a folder that is none of ours"


def test_status_is_written_at_once_on_a_new_phase_and_rarely_within_one(run: Run) -> None:
    run.status("training", 1, 100, 9.5)
    assert (status_of(run)["phase"], status_of(run)["step"], status_of(run)["eta_s"]) == ("training", 1, 9.5)
    run.status("training", 2, 100, 9.4)
    assert status_of(run)["step"] == 1
    run._last_heartbeat -= log.HEARTBEAT_SECONDS
    run.status("training", 3, 100, math.inf)
    assert (status_of(run)["step"], status_of(run)["eta_s"]) == (3, "inf")
    run.status("training", 4, 100, 9.2)
    run.finish("finished")
    assert (status_of(run)["phase"], status_of(run)["step"]) == ("finished", 4)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "finished"),
        (KeyboardInterrupt(), "interrupted"),
        (Interrupted("base.file_missing", signum=signal.SIGTERM, path="x"), "interrupted"),
        (RuntimeError("boom"), "failed"),
    ],
)
def test_a_block_ends_the_run_as_it_ended_itself(run: Run, error: BaseException | None, outcome: str) -> None:
    def work() -> None:
        with run:
            if error:
                raise error

    if error is None:
        work()
    else:
        with pytest.raises(type(error)):
            work()
    assert status_of(run)["phase"] == outcome
    assert ("boom" in (run.folder / "log.txt").read_text()) if outcome == "failed" else True
    Run.open(run.folder).finish("finished")  # the lock was given back


def test_an_outcome_already_given_stays(run: Run) -> None:
    with run:
        run.finish("interrupted")
    assert status_of(run)["phase"] == "interrupted"


def test_a_full_disk_does_not_hide_what_went_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(RuntimeError, match="the real reason") as caught, run:
        monkeypatch.setattr("builtins.open", full)
        raise RuntimeError("the real reason")
    monkeypatch.undo()
    assert "DiskFull" in caught.value.__notes__[0]
    Run.open(run.folder).finish("failed")


def test_metrics_on_a_full_disk_say_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("builtins.open", full)
    with pytest.raises(DiskFull):
        run.metrics(1, 1)
    monkeypatch.undo()
    run.finish("failed")


def test_a_killed_run_is_lost_and_can_be_opened_again(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom hanlin.base.log import Run\n"
        "run = Run.create(sys.argv[1], 'pretrain', 'killed', '', {})\nrun.status('training', 7, 10, 3.0)\n"
        "run.metrics(7, 70, loss=1.0)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    (info,) = list_runs(tmp_path)
    assert (info.phase, info.step, info.total, info.command, info.name) == ("lost", 7, 10, "pretrain", "killed")
    with Run.open(info.folder) as run:
        run.status("training", 8, 10, None)
        assert list_runs(tmp_path)[0].phase == "training"
    assert list_runs(tmp_path)[0].phase == "finished"


def test_a_run_of_another_machine_is_lost_when_its_heart_stops(run: Run) -> None:
    status = status_of(run)
    for age, phase in ((10.0, "starting"), (log.LOST_AFTER_SECONDS + 1, "lost")):
        elsewhere = {**status, "host": "elsewhere", "heartbeat": time.time() - age}
        (run.folder / "status.json").write_text(json.dumps(elsewhere))
        assert read_status(run.folder)["phase"] == phase
    run.finish("finished")


def test_runs_are_listed_oldest_first_and_other_folders_passed_over(tmp_path: Path) -> None:
    for name in ("20240101-0000-b", "20230101-0000-a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "origin.json").write_text('{"command": "c", "name": "n", "created": "t"}')
    (tmp_path / "notes").mkdir()
    infos = list_runs(tmp_path)
    assert [info.folder.name for info in infos] == ["20230101-0000-a", "20240101-0000-b"]
    assert infos[0].phase == "lost"
    assert list_runs(tmp_path / "nowhere") == []


def test_reading_before_anything_was_written(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == read_events(tmp_path) == read_samples(tmp_path) == []
    assert read_status(tmp_path) == {}
