"""A whole life in seconds: a little text, a few conversations, a recipe for a toy model."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.stories.launcher import Command

from hanlin.recipe.shipped import stories
from hanlin.recipe.world.world import SKILLS, conversations, held_out

RECIPE = """
[recipe]
name = "tiny"
[corpus]
sources = ["${DATA}/texts"]
validation_fraction = 0.1
[tokenizer]
vocab_size = 400
[model]
hidden_size = 32
num_layers = 1
num_heads = 2
max_seq_len = 96
[pretrain]
steps = 6
batch_size = 2
seq_len = 48
tokens_per_step = 96
save_steps = 2
eval_steps = 3
[finetune]
data = ["${DATA}/chat.jsonl"]
steps = 4
batch_size = 2
seq_len = 96
tokens_per_step = 192
[evaluate]
max_bytes = 2000
max_answer_tokens = 4
max_cases = 6
tasks = ["${DATA}/task.jsonl"]
prompts = ["从前", "Once"]
sample_tokens = 8
"""


@dataclass(frozen=True)
class World:
    """A folder of work with data, a recipe and a home of its own."""

    folder: Path

    @property
    def env(self) -> dict[str, str]:
        own = {
            "DATA": str(self.folder),
            "HANLIN_HOME": str(self.folder / "home"),
            "HANLIN_LANG": "en",
            "OMP_NUM_THREADS": "1",
        }
        return {**os.environ, **own}

    def start(self, *words: str, stdin: int | None = subprocess.DEVNULL) -> Command:
        """Begin a command in a process of its own."""
        if os.name == "nt":
            pytest.skip("processes are not forked on Windows")
        return Command(words, self.folder, self.env, stdin)

    def hanlin(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.start(*words, stdin=subprocess.PIPE)
        out, err = process.communicate(stdin, timeout=300)
        return subprocess.CompletedProcess(words, process.returncode, out, err)


def make_world(folder: Path) -> World:
    """Texts as files of several kinds, conversations, a task, and the recipe."""
    texts = folder / "texts"
    texts.mkdir(parents=True)
    for lang in ("zh", "en"):
        told = list(stories(lang, 150, seed=1))
        (texts / f"{lang}.jsonl").write_text("".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in told))
    (texts / "note.md").write_text("# A note\n\nOne page in Markdown.\n")
    (texts / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)
    rows = [json.dumps(row, ensure_ascii=False) for row in conversations(60, seed=1)]
    (folder / "chat.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    sentiment = next(skill for skill in SKILLS if skill.name == "sentiment")
    asked = [case.task() for case in held_out(sentiment, 12, seed=1)]
    (folder / "task.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in asked))
    (folder / "life.toml").write_text(RECIPE)
    return World(folder)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world whose recipe has run to its end, once for all stories that only look at it."""
    world = make_world(tmp_path_factory.mktemp("finished"))
    done = world.hanlin("run", "life.toml", "--json")
    assert done.returncode == 0, done.stderr
    (world.folder / "report.json").write_text(done.stdout)
    return world
