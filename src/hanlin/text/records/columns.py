"""Which column of a file means what: by a map of the user, else by the names that published files give it.

A name counts in any case, with blanks or hyphens for underscores. The first name of a list that a row has is taken.
"""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanlin.base.errors import InputError
from hanlin.base.messages import say
from hanlin.text.records.rows import Rule

_TABLES = tomllib.loads((Path(__file__).parent / "columns.toml").read_text(encoding="utf-8"))
SPELLINGS: Mapping[str, tuple[str, ...]] = {role: tuple(names) for role, names in _TABLES["spellings"].items()}
"""Our name of a column, and the names in files that mean it."""

LANGUAGES: Mapping[str, tuple[str, ...]] = {name: tuple(names) for name, names in _TABLES["languages"].items()}
"""Column names that say in which language a text is."""

NAMES_OF_ROWS = frozenset({
    "id", "idx", "source", "url", "date", "licence", "license", "lang", "language", "split", "title",
    "family", "parent", "synthetic", "seed", "model",
})  # fmt: skip
"""Columns that say where a row comes from; leaving them unread is no loss."""

_KNOWN = frozenset(name for names in [*SPELLINGS.values(), *LANGUAGES.values()] for name in names)


def key_of(name: str) -> str:
    """Return a column's name without case, blanks and hyphens."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def is_header(cells: Sequence[str]) -> bool:
    """Whether a row of cells names columns: all different, and one at least a name that columns have."""
    keys = [key_of(cell) for cell in cells]
    return len(set(keys)) == len(keys) and any(key in _KNOWN or key in NAMES_OF_ROWS for key in keys)


def language_of_column(name: str) -> str:
    """Return the language that a column's name says, or ""."""
    return next((language for language, names in LANGUAGES.items() if key_of(name) in names), "")


@dataclass(frozen=True)
class ColumnMap:
    """Columns that the user named: our name -> the file's."""

    given: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, columns: Mapping[str, str] | None) -> ColumnMap:
        """Check and keep a map. Raises InputError (E264) for a name we do not know, InputError (E214) for one column
        that is to be two things."""
        given = dict(columns or {})
        for name in given:
            if name not in SPELLINGS:
                raise InputError("text.records_column", name=name, known=", ".join(SPELLINGS))
        twice = next(((a, b, c) for a, c in given.items() for b, d in given.items() if a < b and c == d), None)
        if twice:
            detail = say("text.columns_twice", column=twice[2], one=twice[0], other=twice[1])
            raise InputError("text.columns_contradict", detail=detail)
        return cls(tuple(given.items()))

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(role for role, _ in self.given)

    def is_header(self, cells: Sequence[str]) -> bool:
        """Whether a row of cells names columns, ours or the user's."""
        return is_header(cells) or any(column in cells for _, column in self.given)

    def row(self, table: Mapping[str, Any]) -> Row:
        """A row whose columns are found by their meaning."""
        return Row(table, _found(self.given, tuple(table)))


@functools.lru_cache(maxsize=1024)
def _found(given: tuple[tuple[str, str], ...], names: tuple[str, ...]) -> Mapping[str, str]:
    """The column of each role. One that the user named means that alone, and what he named has no other meaning."""
    taken = {column for _, column in given}
    free = {key_of(name): name for name in reversed(names) if isinstance(name, str) and name not in taken}
    mapped = dict(given)
    found = {role: mapped[role] for role in mapped if mapped[role] in names}
    for role, spellings in SPELLINGS.items():
        key = next((one for one in spellings if one in free), None)
        if key and role not in mapped:
            found[role] = free[key]
    return found


@dataclass(frozen=True)
class Row:
    """One row: its table, and which column plays which role."""

    table: Mapping[str, Any]
    columns: Mapping[str, str]

    def has(self, *roles: str) -> bool:
        """Whether there is a column for each role."""
        return all(role in self.columns for role in roles)

    def get(self, role: str) -> Any:
        """The value of a role; None without its column."""
        return self.table.get(self.columns[role]) if role in self.columns else None

    def text(self, role: str) -> str:
        """The text of a role; absent or null is empty. Raises Rule."""
        value = self.get(role)
        if not isinstance(value, str | None):
            raise self.wrong(role, '"..."', value)
        return value or ""

    def listed(self, role: str) -> list[Any]:
        """The list of a role, also where a table holds it as JSON text. Raises Rule."""
        value = self.get(role)
        if isinstance(value, str) and value.lstrip().startswith("["):
            value = _json(value)
        if not isinstance(value, list):
            raise self.wrong(role, "[...]", value)
        return value

    def wrong(self, role: str, wanted: str, found: object) -> Rule:
        """The rule that a column of another type breaks."""
        return Rule("wrong_column", column=self.columns.get(role, role), wanted=wanted, found=short(found))


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def short(value: object) -> str:
    """Return a value as a sentence shows it."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else f"{text[:40]}..."
