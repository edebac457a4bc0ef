"""TOML read with a clear sentence when damaged, and written, which the standard library does not do."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hanlin.base.errors import InputError
from hanlin.base.files import read_text


def read_toml(path: Path | str) -> dict[str, Any]:
    """Return a TOML file as a dict. Raises InputError naming file and place when absent or damaged."""
    text = read_text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError("base.toml_damaged", path=path, reason=error) from None


def toml_value(value: object) -> str:
    """Return one value in TOML; None, which TOML lacks, is written "none"."""
    match value:
        case None:
            return '"none"'
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case BaseModel():
            # Inside a list nothing says what "none" would stand for; a default that is None is as well left out.
            fields = type(value).model_fields.items()
            kept = (name for name, field in fields if getattr(value, name) is not None or field.default is not None)
            return toml_value({name: getattr(value, name) for name in kept})
        case Mapping():
            return "{ " + ", ".join(f"{_toml_key(k)} = {toml_value(v)}" for k, v in value.items()) + " }"
        case list() | tuple() | set() | frozenset():
            return "[" + ", ".join(map(toml_value, value)) + "]"
        case _:
            return _toml_text(str(value))


def _toml_text(text: str) -> str:
    # JSON's escapes are TOML's, but for the one control character that JSON leaves bare.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_key(key: object) -> str:
    return str(key) if re.fullmatch(r"[A-Za-z0-9_-]+", str(key)) else _toml_text(str(key))
