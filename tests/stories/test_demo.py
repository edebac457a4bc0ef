"""`hanlin demo` as people run it: cut in every stage and started again, twice at once, and a page at its end.

The demo's own stages on a toy: its recipe with less text, a tiny model and a few steps.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
from collections.abc import Iterator

import httpx
import pytest
from tests.stories.conftest import World, make_world
from tests.stories.launcher import Command

STAGES = ["corpus", "tokenizer", "shards", "pretrain", "finetune", "baselines", "evaluate"]
SMALL = {
    "corpus.sources": '["{folder}/texts"]',
    "corpus.validation_fraction": "0.1",
    "tokenizer.vocab_size": "400",
    "pretrain.model": "{{ hidden_size = 32, num_layers = 2, num_heads = 2, max_seq_len = 96 }}",
    "pretrain.init": "normal",
    "pretrain.budget": "none",
    "pretrain.steps": "6",
    "pretrain.seq_len": "48",
    "pretrain.batch_size": "2",
    "pretrain.tokens_per_step": "96",
    "finetune.data": '["{folder}/chat.jsonl"]',
    "finetune.budget": "none",
    "finetune.steps": "4",
    "finetune.seq_len": "96",
    "finetune.batch_size": "2",
    "finetune.tokens_per_step": "192",
    "evaluate.tasks": '["{folder}/sentiment.jsonl"]',
    "evaluate.max_cases": "4",
    "evaluate.max_bytes": "2000",
    "evaluate.max_answer_tokens": "4",
    "evaluate.sample_tokens": "8",
}

pytestmark = [
    pytest.mark.story,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals"),
]


def words(world: World) -> list[str]:
    """The command line of the small demo."""
    settings = {name: value.format(folder=world.folder) for name, value in SMALL.items()}
    changed = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    return ["demo", "--no-browser", "--port", "0", "--json", "--progress", "plain", *changed]


def until(process: Command, part: str) -> str:
    """All that the process says on stderr up to the line with `part`."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if part in line:
            return said
    pytest.fail(f"it never said {part!r} but {said}")


@contextlib.contextmanager
def started(world: World, *command: str) -> Iterator[Command]:
    """A command that does not outlive its test."""
    with world.start(*command) as process:
        try:
            yield process
        finally:
            process.kill()


def end(process: Command, number: int = signal.SIGINT) -> tuple[int, str]:
    """Press Ctrl-C; the exit code and what it still says."""
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    return process.returncode, err


def address_of(process: Command) -> str:
    """Where the demo serves, once it does."""
    assert process.stdout is not None
    line = next((line for line in process.stdout if '"ready"' in line), None)
    assert line, f"no page: {process.communicate()[1]}"
    return str(json.loads(line)["address"])


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, list[tuple[int, str]]]:
    """A demo that met Ctrl-C in every stage, and how each of its lives ended."""
    world = make_world(tmp_path_factory.mktemp("demo"))
    (world.folder / "task.jsonl").rename(world.folder / "sentiment.jsonl")  # a task goes by its file's name
    ends = []
    for stage in STAGES:
        with started(world, *words(world)) as process:
            until(process, f"] {stage}:")
            ends.append(end(process))
    return world, ends


def test_ctrl_c_in_each_stage_is_told_in_a_sentence(cut: tuple[World, list[tuple[int, str]]]) -> None:
    for stage, (code, err) in zip(STAGES, cut[1], strict=True):
        assert code == 130, f"{stage}: {err}"
        assert "Traceback" not in err and err.endswith("goes on from there.\n"), stage


def test_the_next_start_goes_on_and_ends_on_a_page(cut: tuple[World, list[tuple[int, str]]]) -> None:
    world, _ = cut
    with started(world, *words(world)) as process:
        address = address_of(process)
        assert httpx.get(address, trust_env=False).status_code == 200
        page = httpx.get(f"{address}/v1/page", trust_env=False).json()
        assert [skill["name"] for skill in page["skills"]] == ["sentiment"]
        code, err = end(process)
    assert code == 0 and "Traceback" not in err
    stages = json.loads((world.folder / "home/demo/recipe.json").read_text())["stages"]
    assert {row["stage"]: row["state"] for row in stages} == {**dict.fromkeys(STAGES, "done"), "evaluate": "resumed"}


def test_a_finished_demo_opens_at_once_and_a_second_one_beside_it(cut: tuple[World, list[tuple[int, str]]]) -> None:
    """The port of the first is taken: the second takes the next free one, says so, and both answer."""
    world, _ = cut
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    plain = ["demo", "--no-browser", "--json", "--port", str(port)]
    with started(world, *plain) as first, started(world, *plain) as second:
        addresses = {address_of(first), address_of(second)}
        assert len(addresses) == 2 and f"http://127.0.0.1:{port}" in addresses
        for address in addresses:
            assert httpx.get(f"{address}/ready", trust_env=False).status_code == 200
        said = end(first)[1] + end(second)[1]
    assert f"Port {port} is taken" in said
    assert said.count("in a browser") == 2, "without a browser the address is told"


def test_two_demos_that_would_train_at_once(world: World) -> None:
    """The second says who holds the folder, and ends; the first goes on unharmed."""
    with started(world, *words(world)) as first:
        until(first, "] corpus:")
        first.send_signal(signal.SIGSTOP)
        refused = world.hanlin(*words(world))
        assert refused.returncode == 4 and "error[E107]" in refused.stderr and f"process {first.pid} " in refused.stderr
        first.send_signal(signal.SIGCONT)
        until(first, "] tokenizer:")
        assert end(first)[0] == 130


@pytest.mark.parametrize(("budget", "seconds"), [("2min", 120), ("10min", 600), ("1h", 3600)])
def test_a_budget_is_shared_out_as_it_is_written(world: World, budget: str, seconds: int) -> None:
    """`--dry-run` shows what each training would get, and makes nothing."""
    plan = world.hanlin("demo", "--dry-run", "--budget", budget)
    assert plan.returncode == 0, plan.stderr
    given = [float(re.findall(rf"{stage}\.budget +([\d.]+)", plan.stdout)[0]) for stage in ("pretrain", "finetune")]
    assert 0.35 * seconds <= sum(given) <= seconds
    assert not (world.folder / "home" / "demo").exists()
