"""Every sentence a user sees: one catalogue file per room, in English and Chinese of equal rank.

A key is `room.name` and stands in `catalogue/room.toml`; only that file is read. The Chinese doc line of a config
field is `config.Class.field` in the catalogue of the room that owns the class (the English one is its description).
"""

from __future__ import annotations

import functools
import locale
import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Language = Literal["zh", "en"]

CATALOGUE = Path(__file__).parent / "catalogue"


@dataclass(frozen=True)
class Entry:
    """One sentence: its key, both texts (`str.format` with named fields) and, for errors, its code."""

    key: str
    en: str
    zh: str
    code: str | None = None

    def text(self, language: Language) -> str:
        """Return the unformatted sentence in one language."""
        return self.zh if language == "zh" else self.en


def language(environ: Mapping[str, str] | None = None) -> Language:
    """Return the user's language: `HANLIN_LANG`, else the locale; Chinese in any form, else English."""
    environ = os.environ if environ is None else environ
    for name in ("HANLIN_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if environ.get(name):
            return _of_locale(environ[name])
    if sys.platform == "win32":  # Windows terminals set none of the four
        return _of_locale(locale.getlocale()[0] or "")
    return "en"


def _of_locale(name: str) -> Language:
    return "zh" if name.lower().startswith(("zh", "chinese", "cn")) else "en"


def say(key: str, /, **values: object) -> str:
    """Return the sentence of `key` in the user's language, with `values` filled in.

    Raises KeyError when the key or one of its fields is missing: that is a bug of ours, never of the user.
    """
    return entry(key).text(language()).format(**values)


def entry(key: str, *, room: str | None = None) -> Entry:
    """Return one catalogue entry; `room` is needed only for `config.` keys, which do not name theirs."""
    room = room or key.partition(".")[0]
    try:
        return room_entries(room)[key]
    except KeyError:
        raise KeyError(f"no sentence {key!r} in catalogue/{room}.toml") from None


@functools.cache
def room_entries(room: str) -> dict[str, Entry]:
    """Return the catalogue of one room by key; a room without a file has no sentences."""
    path = CATALOGUE / f"{room}.toml"
    if not path.is_file():
        return {}
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {key: Entry(key, t.get("en", ""), t.get("zh", ""), t.get("code")) for key, t in tables.items()}


def all_entries() -> dict[str, Entry]:
    """Return every entry of every room, for contract tests and the list of error codes."""
    rooms = sorted(path.stem for path in CATALOGUE.glob("*.toml"))
    return {key: found for room in rooms for key, found in room_entries(room).items()}
