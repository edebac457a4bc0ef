"""The little text the package ships, in Chinese and English: prose, a grammar of stories, skills with held-out cases.

Everything is expanded from the tables in ``texts/`` by one seed, so that two machines train on the same words. A case
is taught or held out, never both: the combinations of a skill's ``split`` fillers are ordered by their SHA-256 and the
first fifth is kept for the evaluation, in both languages and in every wording.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import random
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from hanlin.base.files import write_atomic

LANGUAGES = ("zh", "en")
HELD_OUT_SHARE = 0.2


@dataclass(frozen=True)
class Word:
    """One filler in both languages; ``str()`` of it is never used, a template picks its language."""

    zh: str
    en: str


@dataclass(frozen=True)
class Case:
    """One question with its answer; ``choices`` is empty where the answer has to be written."""

    skill: str
    lang: str
    question: str
    answer: str
    choices: tuple[str, ...]
    held_out: bool

    def conversation(self) -> dict[str, Any]:
        """The case as one row of training data, in the OpenAI messages layout."""
        messages = [{"role": "user", "content": self.question}, {"role": "assistant", "content": self.answer}]
        return {"messages": messages, "skill": self.skill, "lang": self.lang}

    def task(self) -> dict[str, Any]:
        """The case as one row of an evaluation task."""
        row: dict[str, Any] = {"prompt": self.question, "answer": self.answer, "lang": self.lang}
        return row | {"choices": list(self.choices)} if self.choices else row


def table(name: str) -> dict[str, Any]:
    """One of the shipped tables (``fillers``, ``stories``, ``skills``)."""
    return tomllib.loads(resources.files("hanlin.recipe").joinpath("texts", f"{name}.toml").read_text("utf-8"))


def fillers() -> dict[str, list[Word]]:
    return {name: [Word(*line.split("|")) for line in lines] for name, lines in table("fillers").items()}


def fill(template: str, words: Mapping[str, Word | int | str], lang: str) -> str:
    """Put words into ``{slot}`` (the template's own language) and ``{slot.zh}`` / ``{slot.en}``."""
    text = template
    for name, word in words.items():
        if isinstance(word, Word):
            text = text.replace(f"{{{name}.zh}}", word.zh).replace(f"{{{name}.en}}", word.en)
            text = text.replace(f"{{{name}}}", word.zh if lang == "zh" else word.en)
        else:
            text = text.replace(f"{{{name}}}", str(word))
    return text


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
        chosen: dict[str, Word | int | str] = {name: dice.choice(rows) for name, rows in words.items()}
        scenes = dice.sample(parts["scene"], 2)
        told = [dice.choice(parts["opening"]), *scenes, *(dice.choice(parts[p]) for p in ("trouble", "help", "ending"))]
        sentences = [fill(sentence, chosen, lang) for sentence in told]
        yield ("" if lang == "zh" else " ").join(s[0].upper() + s[1:] for s in sentences)


def documents(num_stories: int, seed: int) -> Iterator[dict[str, str]]:
    """Every shipped text as one row ``id, text, lang, source``."""
    for lang in LANGUAGES:
        for kind, texts in (("prose", prose(lang)), ("story", stories(lang, num_stories, seed))):
            for number, text in enumerate(texts):
                yield {"id": f"{kind}-{lang}-{number}", "text": text, "lang": lang, "source": f"shipped/{kind}-{lang}"}


# ---------------------------------------------------------------- skills


def cases() -> list[Case]:
    """All cases of all skills, taught and held out."""
    return [case for name, skill in table("skills").items() for case in _cases_of(name, skill)]


def _cases_of(name: str, skill: Mapping[str, Any]) -> Iterator[Case]:
    if isinstance(skill["zh"], list):
        for lang in LANGUAGES:
            for question, answer in skill[lang]:
                yield Case(name, lang, question, answer, (), held_out=False)
        return
    for words, held_out in _combinations(skill):
        for lang in LANGUAGES:
            yield from _worded(name, skill, words, lang, held_out)


def _combinations(skill: Mapping[str, Any]) -> Iterator[tuple[dict[str, Word | int | str], bool]]:
    """Every combination of a skill's fillers, with the side it falls on."""
    names = skill.get("split", [])
    if "numbers" in skill:
        pairs = list(itertools.product(range(skill["numbers"]), repeat=2))
        distinct = [pair for pair in pairs if skill["compute"] != "larger" or pair[0] != pair[1]]
        # 3+5 and 5+3 are one question to anybody who can add, so they fall on the same side.
        asked = _held_out({str(sorted(pair)) for pair in distinct})
        for a, b in distinct:
            result = a + b if skill["compute"] == "sum" else max(a, b)
            yield {"a": a, "b": b, "result": result}, str(sorted((a, b))) in asked
    elif "fillers" in skill:
        for word in (word for name in skill["fillers"] for word in fillers()[name]):
            yield {"word": word}, False
    else:
        rows = [dict(zip(names, words, strict=True)) for words in itertools.product(*(fillers()[n] for n in names))]
        asked = _held_out({_key(row) for row in rows})
        yield from ((dict(row), _key(row) in asked) for row in rows)


def _key(words: Mapping[str, Word]) -> str:
    return "/".join(word.en for word in words.values())


def _held_out(keys: set[str]) -> set[str]:
    ordered = sorted(keys, key=lambda key: hashlib.sha256(key.encode()).hexdigest())
    return set(ordered[: math.ceil(len(ordered) * HELD_OUT_SHARE)])


def _worded(
    name: str, skill: Mapping[str, Any], words: Mapping[str, Word | int | str], lang: str, held_out: bool
) -> Iterator[Case]:
    """One combination in every wording of one language."""
    asks: Sequence[str] = skill[lang]["ask"]
    if "opinions" in skill:
        side = LANGUAGES.index(lang)
        choices = tuple(labels[side] for labels in skill["opinions"].values())
        for kind, labels in skill["opinions"].items():
            for opinion, ask in itertools.product(fillers()[kind], asks):
                question = fill(ask, {**words, "opinion": opinion}, lang)
                yield Case(name, lang, question, labels[side], choices, held_out)
        return
    answers = skill[lang]["answer"]
    for ask, answer in zip(asks, [answers] * len(asks) if isinstance(answers, str) else answers, strict=True):
        yield Case(name, lang, fill(ask, words, lang), fill(answer, words, lang), (), held_out)


# ---------------------------------------------------------------- files


@dataclass(frozen=True)
class Shipped:
    """Where the shipped text was written, and how much of it there is."""

    texts: Path
    conversations: Path
    tasks: Path
    num_documents: int
    num_taught: int
    num_asked: int


def write_shipped(out: Path, *, num_stories: int = 4000, seed: int = 0) -> Shipped:
    """Write ``texts.jsonl``, ``conversations.jsonl`` and one task file per skill under ``out``.

    Raises DiskFull, MachineError.
    """
    rows = list(documents(num_stories, seed))
    every = cases()
    taught = [case.conversation() for case in every if not case.held_out]
    random.Random(seed).shuffle(taught)
    _write_rows(out / "texts.jsonl", rows)
    _write_rows(out / "conversations.jsonl", taught)
    asked = [case for case in every if case.held_out]
    for skill in sorted({case.skill for case in asked}):
        _write_rows(out / "tasks" / f"{skill}.jsonl", [case.task() for case in asked if case.skill == skill])
    return Shipped(out / "texts.jsonl", out / "conversations.jsonl", out / "tasks", len(rows), len(taught), len(asked))


def _write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
