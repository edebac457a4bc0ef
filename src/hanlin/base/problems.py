"""The messages of pydantic as our own sentences: name, value, rule and remedy of every setting that is wrong."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hanlin.base.errors import ConfigError, HanlinError, Problem
from hanlin.base.fields import arms
from hanlin.base.messages import say
from hanlin.base.toml import toml_value

# pydantic's error types by the sentence that states the rule; `{...}` fields come from the error's own context.
_RULES = {
    "missing": "base.rule_required",
    "greater_than": "base.rule_gt",
    "greater_than_equal": "base.rule_ge",
    "less_than": "base.rule_lt",
    "less_than_equal": "base.rule_le",
    "multiple_of": "base.rule_multiple_of",
    "finite_number": "base.rule_finite",
    "int_type": "base.rule_int",
    "int_from_float": "base.rule_int",
    "float_type": "base.rule_float",
    "bool_type": "base.rule_bool",
    "string_type": "base.rule_text",
    "literal_error": "base.rule_choice",
    "tuple_type": "base.rule_list",
    "list_type": "base.rule_list",
    "set_type": "base.rule_list",
    "frozen_set_type": "base.rule_list",
    "dict_type": "base.rule_table",
    "model_type": "base.rule_table",
    "too_short": "base.rule_min_items",
    "too_long": "base.rule_max_items",
    "string_too_short": "base.rule_min_length",
    "string_too_long": "base.rule_max_length",
    "string_pattern_mismatch": "base.rule_pattern",
}


def problems_of(cls: type[BaseModel], error: ValidationError) -> list[Problem]:
    """Return every problem of a validation, one per setting: the arms of a union become one rule joined by "or"."""
    details = error.errors(include_url=False)
    by_name: dict[str, list[Problem]] = {}
    for detail in details:
        if not _is_echo(detail, details):
            for problem in _problems(cls, detail):
                by_name.setdefault(problem.name, []).append(problem)
    return [_joined(group) for group in by_name.values()]


def _is_echo(detail: Mapping[str, Any], details: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a list is only called too short because its bad items, reported themselves, were not counted."""
    place = detail["loc"]
    inside = (other["loc"] for other in details if other is not detail)
    return detail["type"] == "too_short" and any(loc[: len(place)] == place for loc in inside)


def _joined(group: list[Problem]) -> Problem:
    first = group[0]
    rules = dict.fromkeys(problem.rule for problem in group)
    return Problem(first.name, first.value, say("base.rule_or").join(rules), first.remedy)


def _problems(cls: type[BaseModel], detail: Mapping[str, Any]) -> Iterator[Problem]:
    name = _dotted(cls, detail["loc"])
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, ConfigError) and cause.problems:  # from a nested config or a validator of our own
        yield from (dataclasses.replace(problem, name=_joint(name, problem.name)) for problem in cause.problems)
    elif detail["type"] == "extra_forbidden":
        yield Problem(name, _shown(detail["input"]), say("base.rule_unknown"), _nearest(cls, name))
    else:
        value = say("base.value_missing") if detail["type"] == "missing" else _shown(detail["input"])
        yield Problem(name or cls.__name__, value, _rule(detail, cause), _remedy(cls, detail["loc"]))


def _dotted(cls: type[BaseModel], place: tuple[int | str, ...]) -> str:
    """The setting's name: its field, then positions in lists and keys of tables, without pydantic's union arms."""
    field = cls.model_fields.get(str(place[0])) if place else None
    is_table = field is not None and any(get_origin(arm) in (dict, Mapping) for arm in arms(field.annotation))
    inside = [str(part) for part in place[1:] if is_table or isinstance(part, int)]
    return ".".join([str(part) for part in place[:1]] + inside)


def _joint(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _shown(value: object) -> str:
    text = "none" if value is None else toml_value(value)
    return text if len(text) <= 120 else text[:117] + "..."


def _rule(detail: Mapping[str, Any], cause: object) -> str:
    if isinstance(cause, HanlinError):
        return str(cause)
    if detail["type"] in ("value_error", "assertion_error"):
        return say("base.rule_other", detail=cause)
    key = _RULES.get(detail["type"])
    return say(key, **detail.get("ctx", {})) if key else say("base.rule_other", detail=detail["msg"])


def _nearest(cls: type[BaseModel], name: str) -> str:
    close = difflib.get_close_matches(name, cls.model_fields, n=1, cutoff=0.6)
    if close:
        return say("base.did_you_mean", name=close[0])
    return say("base.known_names", names=", ".join(cls.model_fields))


def _remedy(cls: type[BaseModel], place: tuple[int | str, ...]) -> str:
    known = cls.model_fields.get(str(place[0])) if place else None
    if known is None:
        return ""
    remedies = [say("base.remedy_examples", examples=", ".join(known.examples))] if known.examples else []
    if _default(known) is not PydanticUndefined:
        remedies.append(say("base.remedy_default", default=_shown(_default(known))))
    return " ".join(remedies)


def _default(known: FieldInfo) -> Any:
    return known.get_default(call_default_factory=True, validated_data={})
