"""Tasks with tiny fakes for the model: what counts as right, chance, error bars, damaged files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from hanlin.base.errors import InputError
from hanlin.evaluate.harness import Case, chance_level, normalised, read_task, read_tasks, run_tasks
from hanlin.text.chat import Message


def written(path: Path, rows: list[dict]) -> Path:  # type: ignore[type-arg]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def parrot(answers: dict[str, str | None]):  # type: ignore[no-untyped-def]
    return lambda asked: [answers.get(messages[-1].content, "?") for messages in asked]


def no_choice(asked: object) -> list[list[float]]:
    raise AssertionError("no task with choices here")


def test_exact_match_ignores_case_width_and_closing_marks(tmp_path: Path) -> None:
    rows = [{"prompt": str(n), "answer": answer} for n, answer in enumerate(["8", "Cat", "红色的猫", "9", "yes"])]
    task = read_task(written(tmp_path / "t.jsonl", rows))
    said = {"0": "８。", "1": " cat!", "2": "红色的猫", "3": "8", "4": "yes, I think"}
    (score,) = run_tasks([task], generate=parrot(said), choose=no_choice)
    assert (score.num_correct, score.num_cases) == (3, 5)
    assert score.accuracy == 0.6
    assert score.answers[3] == "8"


def test_any_of_several_answers_counts(tmp_path: Path) -> None:
    task = read_task(written(tmp_path / "t.jsonl", [{"prompt": "q", "answer": ["big", "large"]}]))
    (score,) = run_tasks([task], generate=parrot({"q": "Large."}), choose=no_choice)
    assert score.num_correct == 1


def test_a_case_that_does_not_fit_is_wrong_and_counted(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "answer": "1"}, {"prompt": "b", "answer": "?"}]
    task = read_task(written(tmp_path / "t.jsonl", rows))
    (score,) = run_tasks([task], generate=parrot({"a": None}), choose=no_choice)
    assert (score.num_correct, score.num_too_long) == (1, 1)
    assert score.as_dict()["num_too_long"] == 1


def test_the_likeliest_choice_is_the_answer(tmp_path: Path) -> None:
    rows = [{"prompt": str(n), "answer": "b", "choices": ["a", "b", "c"]} for n in range(3)]
    task = read_task(written(tmp_path / "t.jsonl", rows))
    scores = {"0": [-3.0, -1.0, -2.0], "1": [-1.0, -3.0, -2.0], "2": None}

    def choose(asked):  # type: ignore[no-untyped-def]
        return [scores[messages[-1].content] for messages, _ in asked]

    (score,) = run_tasks([task], generate=parrot({}), choose=choose)
    assert score.metric == "multiple_choice"
    assert (score.num_correct, score.num_too_long, score.answers) == (1, 1, ("b", "a", ""))


def test_chance_is_the_better_of_guessing_and_one_constant_answer() -> None:
    def case(answer: str, *choices: str) -> Case:
        return Case((Message("user", "q"),), (answer,), choices)

    assert chance_level([case("a", "a", "b"), case("b", "a", "b")]) == 0.5
    assert chance_level([case("a", "a", "b")] * 3 + [case("b", "a", "b")]) == 0.75, "always saying a gets three of four"
    assert chance_level([case("1"), case("2"), case("3"), case("1")]) == 0.5
    assert chance_level([case(str(n)) for n in range(10)]) == pytest.approx(0.1)


def test_the_standard_error_is_of_a_share(tmp_path: Path) -> None:
    rows = [{"prompt": str(n), "answer": "x" if n < 3 else "y"} for n in range(12)]
    task = read_task(written(tmp_path / "t.jsonl", rows))
    (score,) = run_tasks([task], generate=lambda asked: ["x"] * len(asked), choose=no_choice)
    assert score.standard_error == pytest.approx(math.sqrt(0.25 * 0.75 / 12))
    assert score.interval[0] < 0.25 < score.interval[1]


def test_a_limit_takes_cases_evenly_spread(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", [{"prompt": str(n), "answer": "x"} for n in range(100)])
    assert [c.messages[0].content for c in read_task(path, limit=4).cases] == ["0", "25", "50", "75"]
    assert len(read_task(path, limit=1000).cases) == 100


def test_a_folder_gives_its_tasks_by_name(tmp_path: Path) -> None:
    for name in ("b", "a"):
        written(tmp_path / f"{name}.jsonl", [{"prompt": "q", "answer": "x"}])
    (tmp_path / "notes.txt").write_text("not a task")
    assert [task.name for task in read_tasks(tmp_path)] == ["a", "b"]
    assert [task.name for task in read_tasks(tmp_path / "a.jsonl")] == ["a"]


def test_messages_carry_a_whole_conversation(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yes?"},
        {"role": "user", "content": "q"},
    ]
    (case,) = read_task(written(tmp_path / "t.jsonl", [{"messages": turns, "answer": "x", "lang": "en"}])).cases
    assert [m.role for m in case.messages] == ["user", "assistant", "user"]
    assert case.lang == "en"


@pytest.mark.parametrize(
    "line",
    ["{", "[1]", '{"answer": "x"}', '{"prompt": "q"}', '{"prompt": "q", "answer": []}',
     '{"prompt": "q", "answer": "z", "choices": ["x", "y"]}', '{"messages": [], "answer": "x"}',
     '{"messages": 3, "answer": "x"}', '{"messages": [{"role": "user"}], "answer": "x"}',
     '{"prompt": 5, "answer": "x"}', '{"prompt": "q", "answer": [1]}', '{"prompt": "q", "answer": "x", "choices": 2}'],
)  # fmt: skip
def test_a_damaged_case_is_named_by_file_and_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"prompt": "q", "answer": "x"}\n' + line + "\n")
    with pytest.raises(InputError) as caught:
        read_task(path)
    assert caught.value.code == "E702"
    assert caught.value.values["line"] == 2
    assert str(path) in str(caught.value)


def test_an_empty_task_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text("\n\n")
    with pytest.raises(InputError) as caught:
        read_task(tmp_path / "t.jsonl")
    assert caught.value.code == "E701"


def test_tasks_that_are_not_there_are_not_passed_over(tmp_path: Path) -> None:
    """`hanlin eval --tasks tsks` used to measure nothing and say nothing."""
    for path in (tmp_path, tmp_path / "tsks"):
        with pytest.raises(InputError) as caught:
            read_tasks(path)
        assert caught.value.code == "E704" and str(path) in str(caught.value)


def test_normalising_keeps_what_matters() -> None:
    assert normalised("3.5") != normalised("35")
    assert normalised("“Cat.”") == "cat"
    assert normalised("ＡＢ") == "ab"
