"""Every sentence in both languages, every key used, every code unique and met in some test."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from collections.abc import Iterator

import pytest
from tests.contracts.source import (
    PACKAGE,
    ROOMS,
    ROOT,
    calls,
    config_classes,
    files_of_tests,
    name_of,
    sources,
    tree_of,
)

from hanlin.base import errors
from hanlin.base.errors import HanlinError
from hanlin.base.messages import CATALOGUE, all_entries

ENTRIES = all_entries()
SENTENCES = {key: entry for key, entry in ENTRIES.items() if not key.startswith("config.")}
RANGES = {
    "base": (100, 199),
    "text": (200, 299),
    "model": (300, 399),
    "data": (400, 449),
    "bundle": (450, 499),
    "train": (500, 599),
    "infer": (600, 699),
    "evaluate": (700, 799),
    "recipe": (800, 819),
    "course": (820, 849),
    "life": (850, 899),
    "cli": (900, 949),
    "serve": (950, 999),
}
CHINESE = re.compile(r"[\u3400-\u9fff]")
SPEAKERS = {"say", "entry"}  # functions whose first argument is a key, as that of every error is
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, HanlinError)}


def placeholders(text: str) -> set[str]:
    """Field names of a format string: `{a}`, `{a:.1f}`, `{a[0]}` all name `a`."""
    return {re.split(r"[.\[]", name)[0] for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("room", sorted(path.stem for path in CATALOGUE.glob("*.toml")))
def test_a_rooms_file_holds_that_rooms_sentences(room: str) -> None:
    assert room in {*ROOMS, "start"}
    tables = tomllib.loads((CATALOGUE / f"{room}.toml").read_text(encoding="utf-8"))
    strangers = [key for key in tables if not key.startswith((f"{room}.", "config."))]
    assert strangers == []
    assert [key for key, table in tables.items() if set(table) - {"code", "en", "zh"}] == []


def test_no_key_stands_in_two_rooms() -> None:
    keys = [key for path in CATALOGUE.glob("*.toml") for key in tomllib.loads(path.read_text(encoding="utf-8"))]
    assert len(keys) == len(set(keys))


def test_both_languages_say_the_same() -> None:
    for key, entry in SENTENCES.items():
        assert entry.en.strip(), f"{key} has no English sentence"
        assert entry.zh.strip(), f"{key} has no Chinese sentence"
        assert placeholders(entry.en) == placeholders(entry.zh), f"{key}: the languages name different fields"
        assert "" not in placeholders(entry.en), f"{key}: fields have names"


def words(text: str) -> list[str]:
    """English words of a sentence, without its fields and quoted code."""
    return re.findall(r"[a-z]{3,}", re.sub(r"\{.*?\}|`.*?`", "", text))


def test_neither_language_stands_in_for_the_other() -> None:
    for key, entry in ENTRIES.items():
        if len(words(entry.zh)) > 3:
            assert CHINESE.search(entry.zh), f"{key}: English under zh"
        quoted = re.sub(r"翰林|[\"'`(“].*?[\"'`)”]", "", entry.en)
        assert not CHINESE.search(quoted), f"{key}: Chinese under en"


def test_codes_are_unique_and_in_their_rooms_range() -> None:
    coded = {key: entry.code for key, entry in ENTRIES.items() if entry.code}
    assert len(coded) == len(set(coded.values())), "a code is used twice"
    for key, code in coded.items():
        low, high = RANGES[key.partition(".")[0]]
        assert re.fullmatch(r"E\d{3}", code), key
        assert low <= int(code[1:]) <= high, f"{key}: {code} is outside E{low} to E{high}"


def test_every_code_is_met_in_some_test() -> None:
    written = "\n".join(path.read_text(encoding="utf-8") for path in files_of_tests())
    missing = [
        f"{entry.code} {key}" for key, entry in ENTRIES.items() if entry.code and f'"{entry.code}"' not in written
    ]
    assert missing == []


def is_key(text: str) -> bool:
    """Whether a string looks like a key of some room."""
    return bool(re.fullmatch(r"[a-z]+\.[a-z0-9_]+", text)) and text.partition(".")[0] in {*ROOMS, "start"}


def spoken() -> Iterator[tuple[str, str]]:
    """(place, key) of every literal key given to `say`, to an error or to the like."""
    for path in sources():
        for name, call in calls(tree_of(path)):
            first = call.args[0] if call.args and isinstance(call.args[0], ast.Constant) else None
            if (name in SPEAKERS or name in ERRORS) and first and is_key(str(first.value)):
                yield f"{name_of(path)}:{call.lineno}", str(first.value)


def spoken_in_pages() -> Iterator[tuple[str, str]]:
    """(file, key or its literal head) of every key in the templates of pages."""
    for path in sorted(PACKAGE.rglob("*.jinja")):
        for key in re.findall(r'"([a-z]+\.[a-z0-9_]+)"', path.read_text(encoding="utf-8")):
            yield path.name, key


def test_every_spoken_key_exists() -> None:
    assert [f"{place}: {key}" for place, key in spoken() if key not in ENTRIES] == []
    pages = [(place, key) for place, key in spoken_in_pages() if not key.endswith("_")]
    assert [f"{place}: {key}" for place, key in pages if key not in ENTRIES] == []


def literals() -> tuple[set[str], set[str], set[str]]:
    """Whole strings of the sources, and the literal heads and tails of their f-strings."""
    whole, heads, tails = set(), set(), set()
    for path in [*sources(), ROOT / "start.py"]:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
            if isinstance(node, ast.JoinedStr) and node.values:
                first, last = node.values[0], node.values[-1]
                heads |= {str(first.value)} if isinstance(first, ast.Constant) else set()
                tails |= {str(last.value)} if isinstance(last, ast.Constant) else set()
    return whole, heads, tails


def test_every_key_is_used() -> None:
    whole, heads, tails = literals()
    whole |= {key for _, key in spoken_in_pages() if not key.endswith("_")}
    heads |= {key for _, key in spoken_in_pages() if key.endswith("_")}
    heads = {head for head in heads if re.match(r"[a-z]+\.[a-z0-9]", head)}
    tails = {tail for tail in tails if re.fullmatch(r"_[a-z]+", tail)}

    def is_used(key: str) -> bool:
        """Written out, begun by an f-string, or another key with the tail of one (`f"{key}_fix"`)."""
        named = key in whole or key.startswith(tuple(heads)) or key.removeprefix("start.") in whole
        return named or any(key.endswith(tail) and key.removesuffix(tail) in ENTRIES for tail in tails)

    assert [key for key in SENTENCES if not is_used(key)] == []


def test_every_chinese_doc_line_belongs_to_a_field() -> None:
    fields = {f"config.{cls.__name__}.{name}" for cls in config_classes() for name in cls.model_fields}
    assert [key for key in ENTRIES if key.startswith("config.") and key not in fields] == []
