"""Raw text to a conversation, by the command line and by Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.stories.conftest import World

import hanlin
from hanlin.base.errors import RequestTooLong

STAGES = ["corpus", "tokenizer", "shards", "pretrain", "finetune", "baselines", "evaluate"]


@pytest.fixture
def report(finished: World) -> dict[str, Any]:
    return json.loads((finished.folder / "report.json").read_text())  # type: ignore[no-any-return]


def test_one_command_goes_from_raw_text_to_a_measured_model(finished: World, report: dict[str, Any]) -> None:
    assert [row["stage"] for row in report["stages"]] == STAGES
    assert all(row["state"] == "ran" and row["result"] for row in report["stages"])
    bundle = Path(report["bundle"])
    for name in ("config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja", "hanlin.json", "card.md"):
        assert (finished.folder / bundle / name).is_file(), name


def test_the_picture_among_the_texts_was_counted_not_read(finished: World, report: dict[str, Any]) -> None:
    corpus = next(row for row in report["stages"] if row["stage"] == "corpus")
    figures = json.loads((finished.folder / corpus["path"] / "corpus.json").read_text())
    assert sum(figures["dropped"].values()) == 1
    assert "picture.png" in json.dumps(figures["examples"])


def test_scores_have_chance_and_error_bar_and_stand_in_the_bundle(finished: World, report: dict[str, Any]) -> None:
    scores = report["figures"]["evaluate"]
    assert set(scores["language"]) >= {"zh", "en"}
    for row in scores["language"].values():
        assert set(row["baselines"]) == {"kneser_ney", "xz", "curve", "untrained"}
        assert row["bits_per_byte"] > 0
    (task,) = scores["tasks"]
    assert task["chance"] >= 1 / 3 and len(task["interval"]) == 2
    assert scores["before"][0]["task"] == task["task"]
    assert all(row["ratio"] > 0 for row in scores["forgetting"])
    info = finished.hanlin("models", "info", "runs/tiny", "--json")
    assert json.loads(info.stdout)["scores"]["language"].keys() == scores["language"].keys()
    assert [one["stage"] for one in json.loads(info.stdout)["lineage"]] == ["pretrain", "finetune"]


def test_a_second_run_has_nothing_to_do(finished: World) -> None:
    again = finished.hanlin("run", "life.toml", "--json")
    assert again.returncode == 0, again.stderr
    assert {row["state"] for row in json.loads(again.stdout)["stages"]} == {"done"}


def test_what_was_done_before_is_told_in_the_readers_language(finished: World) -> None:
    """The phrases of the first run used to come back as they were stored: a Chinese table with English results."""
    for lang, corpus, training in (("zh", "篇文档", "验证损失"), ("en", "documents", "validation loss")):
        again = finished.hanlin("run", "life.toml", "--json", "--lang", lang)
        results = {row["stage"]: row["result"] for row in json.loads(again.stdout)["stages"]}
        assert corpus in results["corpus"] and training in results["pretrain"] and training in results["finetune"]


def test_a_dry_run_tells_what_a_change_would_cost(finished: World) -> None:
    plan = finished.hanlin("run", "life.toml", "--dry-run", "--json", "--set", "finetune.steps=9")
    assert plan.returncode == 0, plan.stderr
    states = {row["stage"]: row["state"] for row in json.loads(plan.stdout)["stages"]}
    assert states["pretrain"] == "done" and states["finetune"] == "run" and states["evaluate"] == "run"
    assert json.loads(plan.stdout)["origins"]["finetune.steps"] == "command line"


def test_chat_answers_every_line_in_one_conversation(finished: World) -> None:
    done = finished.hanlin("chat", "runs/tiny", "--json", "--max_tokens", "5", stdin="你好\nWho are you?\n")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["question"] for row in rows] == ["你好", "Who are you?"]
    assert all(isinstance(row["answer"], str) for row in rows)


def test_ask_by_the_beginning_of_a_name(finished: World) -> None:
    runs = json.loads(finished.hanlin("runs", "ls", "--json").stdout)["runs"]
    assert [run["command"] for run in runs] == ["pretrain", "finetune"]
    name = Path(runs[0]["folder"]).name[:24]
    done = finished.hanlin("ask", name, "从前", "--max_tokens", "4", "--temperature", "0", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["prompt"] == "从前"


def test_runs_show_and_tail_read_the_figures(finished: World) -> None:
    shown = json.loads(finished.hanlin("runs", "show", "--json").stdout)
    assert shown["status"]["phase"] == "finished"
    tail = finished.hanlin("runs", "tail", "--json")
    assert tail.returncode == 0
    assert json.loads(tail.stdout.splitlines()[-1])["step"] == 4


def test_ten_lines_of_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pretrain, finetune, eval, load, chat: the same stages as functions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANLIN_HOME", str(tmp_path / "home"))
    Path("text.txt").write_text("从前有一个孩子。\nOnce there was a child.\n" * 2000, encoding="utf-8")
    Path("chat.jsonl").write_text('{"instruction": "hello", "output": "Hello!"}\n' * 20)
    shape = {"hidden_size": 32, "num_layers": 1, "num_heads": 2, "max_seq_len": 64}
    loop: dict[str, Any] = {"steps": 3, "batch_size": 2, "seq_len": 32, "tokens_per_step": 64, "threads": 1}

    first = hanlin.pretrain(data=("text.txt",), model=shape, **loop)
    tuned = hanlin.finetune(from_bundle=first.path, data=("chat.jsonl",), **loop)
    scores = hanlin.eval(model=str(tuned.path), data=("text.txt",), parent=str(first.path), baselines=False)
    model = hanlin.load(tuned.path, exact=True)

    assert isinstance(model.chat("hello", max_tokens=4), str)
    assert isinstance(model.generate("从前", max_tokens=4), str)
    assert "".join(model.stream("hello", max_tokens=4, temperature=0.0)) == model.chat(
        "hello", max_tokens=4, temperature=0.0
    )
    logits = model.logits([[1, 7, 8], [1, 9, 9]])
    assert logits.shape == (2, 3, model.config.vocab_size) and logits.dtype == torch.float32
    assert scores.report["language"] and scores.report["forgetting"]
    with pytest.raises(RequestTooLong) as caught:
        model.generate("很长的问题" * 100)
    assert caught.value.values["max_seq_len"] == 64
    on = hanlin.pretrain(from_bundle=tuned.path / "bundle", data=("text.txt",), **loop)
    assert on.report["steps"] == 3
