"""What the type of a config field says: its nested config, whether None is allowed, how its text is read."""

from __future__ import annotations

import re
import tomllib
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

_YES_NO = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
_NONE = ("none", "null", "")
_UNREADABLE = object()
_LISTED = re.compile(r"^\s*\[|,")


def arms(annotation: Any) -> tuple[Any, ...]:
    """Return the alternatives of a union, None among them as `NoneType`; any other type alone."""
    if get_origin(annotation) is Annotated:
        return arms(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(arm for part in get_args(annotation) for arm in arms(part))
    return (annotation,)


def allows_none(annotation: Any) -> bool:
    """Return whether a field of this type may be None."""
    return types.NoneType in arms(annotation)


def inner_config(cls: type[BaseModel], name: str) -> type[Any] | None:
    """Return the config class nested under a field of `cls` (optional or not), else None."""
    if name not in cls.model_fields:
        return None
    models = [arm for arm in arms(cls.model_fields[name].annotation) if is_model(arm)]
    return models[0] if len(models) == 1 else None


class Keys(dict[str, Any]):
    """Values of single keys, as `a.b` names one: what is around them stays. A plain table replaces a table."""


def table_of(annotation: Any) -> Any:
    """Return the type of a table's values among the alternatives of a type, None where it has no table."""
    tables = [arm for arm in arms(annotation) if get_origin(arm) in (dict, Mapping)]
    return get_args(tables[0])[1] if tables else None


def with_keys(annotation: Any, old: object, keys: Keys) -> dict[str, Any]:
    """Return a table of this type with some keys set, texts read by the type of its values; a table's values may be
    tables again, else a dotted key is one key."""
    item = table_of(annotation)
    found = dict(old) if isinstance(old, Mapping) else {}
    for name, value in keys.items():
        while isinstance(value, Keys) and table_of(item) is None:
            ((rest, value),) = value.items()
            name = f"{name}.{rest}"
        if isinstance(value, Keys):
            found[name] = with_keys(item, found.get(name), value)
        else:
            found[name] = read_value(item, value) if isinstance(value, str) else value
    return found


def branch(dotted: str, value: object) -> Keys:
    """Return ("a.b", 1) as {"a": {"b": 1}}, each a table of one key."""
    first, *rest = dotted.split(".")
    return Keys({first: branch(".".join(rest), value) if rest else value})


def is_model(annotation: Any) -> bool:
    """Return whether a type is a config class."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def read_value(annotation: Any, text: str) -> object:
    """Return the text of a command line or an environment variable as a value of the field's type.

    Text that fits no type of the field is returned as it is, for the validation to name the rule it breaks.
    """
    if allows_none(annotation) and text.strip().lower() in _NONE:
        return None
    kinds = arms(annotation)
    # Narrow types first: in `int | str`, "12" is a number. A list that may be a word has to look like one.
    for arm in sorted(kinds, key=lambda kind: kind is str):
        if str in kinds and get_origin(arm) is tuple and not _LISTED.search(text):
            continue
        value = _read_as(arm, text)
        if value is not _UNREADABLE:
            return value
    return text


def _read_as(kind: Any, text: str) -> object:
    if kind is bool:
        return _YES_NO.get(text.strip().lower(), _UNREADABLE)
    if kind is int:
        return _whole_number(text)
    if kind is float:
        return _number(text)
    if get_origin(kind) is Literal:
        return next((option for option in get_args(kind) if str(option) == text), _UNREADABLE)
    if get_origin(kind) in (tuple, list, frozenset, set, Sequence):
        return _items(kind, text)
    if get_origin(kind) in (dict, Mapping) or is_model(kind):
        return _table(kind, text)
    return _UNREADABLE if kind is types.NoneType else text


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return _UNREADABLE


def _whole_number(text: str) -> object:
    """Read a whole number as people write it: "12", "1_000" and "1e6", but not "1.5"."""
    try:
        return int(text)
    except ValueError:
        value = _number(text)
        return int(value) if isinstance(value, float) and value.is_integer() else _UNREADABLE


def _items(kind: Any, text: str) -> object:
    """A list in TOML (`["a", "b"]`) or, shorter, with commas (`a,b`)."""
    if text.lstrip().startswith("["):
        return _toml(text)
    item = get_args(kind)[0]
    return [read_value(item, part.strip()) for part in text.split(",") if part.strip()]


def _table(kind: Any, text: str) -> object:
    """A table in TOML (`{zh = 0.5}`) or, shorter, with commas (`zh=0.5,en=0.5`, `norm.kind=rms,size=2`)."""
    if text.lstrip().startswith("{"):
        return _toml(text)
    pairs = [part.partition("=") for part in text.split(",")]
    if is_model(kind) or not all(name.strip() and equals for name, equals, _ in pairs):
        return _UNREADABLE
    if len({name.strip() for name, _, _ in pairs}) < len(pairs):  # the last would win, and nobody would know
        return _UNREADABLE
    found: dict[str, Any] = {}
    for name, _, value in pairs:
        found = with_keys(kind, found, branch(name.strip(), value.strip()))
    return found


def _toml(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return _UNREADABLE
