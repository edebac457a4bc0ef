"""Why a document is in a corpus or not: looked up in the ledger, measured against the rules it was built by."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hanlin.base.errors import InputError
from hanlin.base.files import read_json, recover
from hanlin.text.config import RulesConfig
from hanlin.text.ledger import Entry, read_ledger
from hanlin.text.rules.rulebook import Bound, Rulebook

MOST = 10
"""Documents shown where a word fits several."""
_COMPARED = 20_000  # names that are looked through for one that is spelled alike


@dataclass(frozen=True)
class Answer:
    """What became of a document, and every threshold that concerns it, broken ones first."""

    entry: Entry
    bounds: tuple[Bound, ...]


def why(folder: Path, id: str) -> list[Answer]:
    """Return what became of the documents that a word names: an id, a row's own id, a place, or a part of these.

    Raises InputError where no corpus stands (E237) or it has no such document (E238).
    """
    recover(folder)
    entries = look_up(folder, id)
    rules = rules_of(folder)
    return [Answer(entry, tuple(_bounds(entry, rules))) for entry in entries]


def look_up(folder: Path, word: str) -> list[Entry]:
    """Return the entries a word names in full; else those whose names end in it; else those that hold it."""
    found: dict[str, list[Entry]] = {"whole": [], "end": [], "part": []}
    for entry in read_ledger(folder):
        if (fit := _fit(entry, word)) and len(found[fit]) < MOST:
            found[fit].append(entry)
    entries = next((some for some in found.values() if some), [])
    if not entries:
        raise InputError("text.no_document", path=folder, id=word, near=_near(folder, word))
    return entries


def _fit(entry: Entry, word: str) -> str:
    names = (entry.id, entry.location, entry.own_id)
    if word in names:
        return "whole"
    if any(name.endswith(f"/{word}") for name in names):
        return "end"
    return "part" if any(word in name for name in names) else ""


def _near(folder: Path, word: str) -> str:
    names = [entry.own_id or entry.id for entry in itertools.islice(read_ledger(folder), _COMPARED)]
    return ", ".join(difflib.get_close_matches(word, names, n=3, cutoff=0.5) or names[:3]) or "-"


def rules_of(folder: Path) -> Rulebook:
    """Return the rules a corpus was built by; lists of bad words may be gone since, their shares are in the ledger."""
    return Rulebook(RulesConfig(**{**read_json(folder / "corpus.json").get("rules", {}), "bad_words": []}))


def _bounds(entry: Entry, rules: Rulebook) -> Iterator[Bound]:
    yield from sorted(rules.bounds(entry.lang, entry.kind, entry.measures or {}), key=lambda bound: bound.is_kept)
