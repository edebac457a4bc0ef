"""Rows that were made from other rows: how they are marked, and who belongs together.

Every synthetic row carries four columns: `family` tells its original by content, `parent` names its parent by file and
line, `synthetic` the operation, `seed` the seed. The original beside it carries `family` too, so that a split by hash
puts all of them on one side. Content and not file names tell a family: a copy of an evaluation set has its families.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

FAMILY, PARENT, OPERATION, SEED = "family", "parent", "synthetic", "seed"
MARKS = (FAMILY, PARENT, OPERATION, SEED)
NAMES = frozenset({"id", "source", "url", "date", "licence", "license", "lang", "language", "split", "model", *MARKS})
"""Columns that say where a row comes from, not what it says."""


def texts_of(value: Any, fields: Iterable[str] = ()) -> Iterator[str]:
    """Yield every text in a value, at any depth; of a table those of `fields`, or of all but the names of rows."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        chosen = set(fields) or {name for name in value if name not in NAMES}
        for name in value:
            if name in chosen:
                yield from texts_of(value[name])
    elif isinstance(value, list):
        for part in value:
            yield from texts_of(part)


def family_of(row: Any) -> str:
    """Return the family of a row: the one it is marked with, else a digest of its texts."""
    marked = row.get(FAMILY) if isinstance(row, Mapping) else None
    if marked:
        return str(marked)
    text = "\n".join(texts_of(row))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def held_out_keys(meta: Mapping[str, Any]) -> set[int]:
    """Return what a held-out document asks of the training part: is its parent there, a child or a sibling of it?"""
    own = _own_name(meta)
    parent = [_key("row", meta[PARENT]), _key("child", meta[PARENT])] if PARENT in meta else []
    return {*parent, *([_key("child", own)] if own else [])}


def training_keys(meta: Mapping[str, Any]) -> set[int]:
    """Return what a training document answers to `held_out_keys`."""
    own = _own_name(meta)
    return {*([_key("child", meta[PARENT])] if PARENT in meta else []), *([_key("row", own)] if own else [])}


def _own_name(meta: Mapping[str, Any]) -> str:
    return name_of_row(str(meta["path"]), meta["line"]) if "path" in meta and "line" in meta else ""


def _key(kin: str, name: object) -> int:
    return int.from_bytes(hashlib.blake2b(f"{kin} {name}".encode(), digest_size=8).digest(), "big")


def name_of_row(path: str, line: object) -> str:
    """Return how a row is called by its children: file name and line."""
    return f"{PurePath(path).name}:{line}"
