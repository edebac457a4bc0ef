"""The little text the package ships, in Chinese and English: prose, a grammar of stories, and the world of `world/`.

Everything is expanded from tables by one seed, so that two machines train on the same words.
"""

from __future__ import annotations

import json
import random
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from hanlin.base.files import sha256_bytes, write_atomic
from hanlin.recipe.world import tables
from hanlin.recipe.world.reviews import free_reviews
from hanlin.recipe.world.sheets import sheets
from hanlin.recipe.world.suggestions import suggested_cases
from hanlin.recipe.world.world import SKILLS, conversations, held_out

NUM_STORIES, NUM_SHEETS = 1000, 6000  # of each language
NUM_CONVERSATIONS = 40_000
NUM_CASES = 120  # of each skill, in both languages together


@dataclass(frozen=True)
class Word:
    """One filler in both languages; ``str()`` of it is never used, a template picks its language."""

    zh: str
    en: str


def table(name: str) -> dict[str, Any]:
    """One of the shipped tables (``fillers``, ``stories``)."""
    return tomllib.loads(resources.files("hanlin.recipe").joinpath("texts", f"{name}.toml").read_text("utf-8"))


def fillers() -> dict[str, list[Word]]:
    return {name: [Word(*line.split("|")) for line in lines] for name, lines in table("fillers").items()}


def fill(template: str, words: Mapping[str, Word], lang: str) -> str:
    """Put words into ``{slot}``, in the language of the template."""
    return tables.fill(template, **{name: word.zh if lang == "zh" else word.en for name, word in words.items()})


# ---------------------------------------------------------------- text to read


def prose(lang: str) -> list[str]:
    """The shipped essays, one string per heading."""
    text = resources.files("hanlin.recipe").joinpath("texts", f"prose.{lang}.md").read_text("utf-8")
    return ["# " + part.strip() for part in text.split("# ") if part.strip()]


def stories(lang: str, num_stories: int, seed: int) -> Iterator[str]:
    """``num_stories`` little stories from the grammar; the same seed tells the same stories."""
    parts, words = table("stories")[lang], fillers()
    dice = random.Random(f"{seed}/{lang}")
    for _ in range(num_stories):
        chosen = {name: dice.choice(rows) for name, rows in words.items()}
        scenes = dice.sample(parts["scene"], 2)
        told = [dice.choice(parts["opening"]), *scenes, *(dice.choice(parts[p]) for p in ("trouble", "help", "ending"))]
        sentences = [fill(sentence, chosen, lang) for sentence in told]
        yield ("" if lang == "zh" else " ").join(map(tables.capitalised, sentences))


def documents(num_stories: int, num_sheets: int, seed: int) -> Iterator[dict[str, str]]:
    """Every shipped text as one row ``id, text, lang, source``."""
    for lang in tables.LANGUAGES:
        told = [("prose", text) for text in prose(lang)]
        told += [("story", text) for text in stories(lang, num_stories, seed)]
        told += sheets(lang, num_sheets, seed)
        for number, (kind, text) in enumerate(told):
            yield {"id": f"{kind}-{lang}-{number}", "text": text, "lang": lang, "source": f"shipped/{kind}-{lang}"}


# ---------------------------------------------------------------- files


def shipped_version() -> str:
    """A name for what `write_shipped` would write by default: it changes with the tables and with the generator."""
    room = resources.files("hanlin.recipe")
    files = [room.joinpath("shipped.py")]
    files += [file for part in ("texts", "world", "world/data") for file in room.joinpath(part).iterdir()]
    texts = [file.read_bytes() for file in sorted(files, key=str) if file.is_file()]
    return sha256_bytes(b"\0".join(texts))[:8]


@dataclass(frozen=True)
class Shipped:
    """Where the shipped text was written, and how much of it there is."""

    texts: Path
    conversations: Path
    tasks: Path
    num_documents: int
    num_conversations: int
    num_cases: int


def write_shipped(
    out: Path,
    *,
    num_stories: int = NUM_STORIES,
    num_sheets: int = NUM_SHEETS,
    num_conversations: int = NUM_CONVERSATIONS,
    num_cases: int = NUM_CASES,
    seed: int = 0,
) -> Shipped:
    """Write ``texts.jsonl``, ``conversations.jsonl``, and one task file per skill, of the free reviews and of the
    suggestions. Raises DiskFull, MachineError."""
    tasks = {skill.name: held_out(skill, num_cases, seed) for skill in SKILLS}
    tasks |= {"free_reviews": free_reviews(), "suggestions": suggested_cases()}
    for name, cases in tasks.items():
        _write_rows(out / "tasks" / f"{name}.jsonl", [case.task() for case in cases])
    return Shipped(
        texts=out / "texts.jsonl",
        conversations=out / "conversations.jsonl",
        tasks=out / "tasks",
        num_documents=_write_rows(out / "texts.jsonl", documents(num_stories, num_sheets, seed)),
        num_conversations=_write_rows(out / "conversations.jsonl", conversations(num_conversations, seed)),
        num_cases=sum(map(len, tasks.values())),
    )


def _write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as JSON lines and return how many there are."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    write_atomic(path, "\n".join(lines) + "\n")
    return len(lines)
