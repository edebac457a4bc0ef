"""Strict, frozen configs from TOML, environment and command line, with the origin of every value.

Precedence: command line > environment > file > preset > default. All problems are collected and raised once. Values
are validated as strict JSON: a whole number may stand for a float, text is never a number, a list becomes a tuple,
text becomes a path. Text from the environment or the command line is first read by the type of its field.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from hanlin.base.errors import ConfigError, Problem
from hanlin.base.fields import Keys, allows_none, branch, inner_config, read_value, table_of, with_keys
from hanlin.base.messages import entry, language, say
from hanlin.base.problems import problems_of
from hanlin.base.toml import read_toml as read_toml
from hanlin.base.toml import toml_value


class Config(BaseModel):
    """Base of every config. A wrong value raises ConfigError with all problems, however the config is made."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=False, protected_namespaces=()
    )
    section: ClassVar[str] = ""

    def __init__(self, /, **values: Any) -> None:
        text = json.dumps(values, default=_jsonable)
        try:
            self.__pydantic_validator__.validate_json(text, strict=True, self_instance=self)
        except ValidationError as error:
            raise ConfigError(problems=problems_of(type(self), error)) from None
        if broken := tuple(self.problems()):
            raise ConfigError(problems=broken)

    def problems(self) -> Iterable[Problem]:
        """Yield the rules between fields that do not hold; asked only when every field alone is sound."""
        return ()

    @classmethod
    def section_name(cls) -> str:
        """The config's name in recipes and the environment: `section`, else the class without "Config"."""
        return cls.section or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__.removesuffix("Config")).lower()

    def replaced(self, **changes: object) -> Self:
        """Return a copy with some fields changed, validated again. Raises ConfigError."""
        return type(self)(**{**{name: getattr(self, name) for name in type(self).model_fields}, **changes})


def _jsonable(value: object) -> object:
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence | set | frozenset):
        return list(value)
    return str(value)


C = TypeVar("C", bound=Config)


@dataclass(frozen=True)
class Resolved(Generic[C]):
    """A config and, for every dotted name in it, where the value came from."""

    value: C
    origins: Mapping[str, str] = field(default_factory=dict)


def resolve(
    cls: type[C],
    *,
    preset: Mapping[str, Any] | None = None,
    file: Path | Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
    preset_name: str = "",
    file_name: str = "",
) -> Resolved[C]:
    """Merge all layers into one config.

    `file` is a TOML file or an already read table (then `file_name` says whose); `environ` is usually `os.environ`
    (None reads nothing); `overrides` maps dotted names to values or to text from the command line.
    Origins are "command line", "environment", "file NAME", "preset NAME" and "default".
    Raises ConfigError (E101) with every problem of every layer, InputError for a file that cannot be read.
    """
    if isinstance(file, Path):
        file, file_name = read_toml(file), str(file)
    merged = _Merged(cls)
    merged.add(preset or {}, f"preset {preset_name}".rstrip())
    merged.add(file or {}, f"file {file_name}".rstrip())
    for name, text in _from_environment(cls, environ or {}).items():
        merged.add(branch(name, text), "environment", text=True)
    for name, given in sorted((overrides or {}).items(), key=lambda item: item[0].count(".")):  # a table, then its keys
        merged.add(branch(name, given), "command line", text=True)
    try:
        value = cls(**merged.values)
    except ConfigError as error:
        raise ConfigError(problems=[_with_origin(p, merged.origins) for p in error.problems]) from None
    origins = {name: merged.origins.get(name, "default") for name, _ in leaves(value)}
    return Resolved(value, origins)


class _Merged:
    """Layers written over each other, lowest first, with the origin of every leaf."""

    def __init__(self, cls: type[Config]) -> None:
        self.cls = cls
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}

    def add(self, layer: Mapping[str, Any], origin: str, *, text: bool = False) -> None:
        self._write(self.cls, self.values, layer, origin, text, "")

    def _write(
        self, cls: type[Config], into: dict[str, Any], layer: Mapping[str, Any], origin: str, text: bool, prefix: str
    ) -> None:
        for name, value in layer.items():
            inner, read = inner_config(cls, name), _read(cls, name, value, text)
            if inner and isinstance(read, Mapping):
                if not isinstance(into.get(name), dict):
                    into[name] = {}
                self._write(inner, into[name], read, origin, text, f"{prefix}{name}.")
            elif isinstance(value, Keys) and name in cls.model_fields and table_of(cls.model_fields[name].annotation):
                into[name] = with_keys(cls.model_fields[name].annotation, into.get(name), value)
                self.origins[prefix + name] = origin
            else:
                into[name] = read
                self.origins[prefix + name] = origin


def _read(cls: type[Config], name: str, value: object, text: bool) -> object:
    """A value of one layer: text by its field's type; in TOML, which has no null, "none" stands for it."""
    known = cls.model_fields.get(name)
    if known is None or not isinstance(value, str):
        return value
    if text:
        return read_value(known.annotation, value)
    return None if value == "none" and allows_none(known.annotation) else value


def _from_environment(cls: type[Config], environ: Mapping[str, str]) -> dict[str, object]:
    """Settings such as HANLIN_PRETRAIN__OPTIMIZER__NAME as dotted names."""
    prefix = f"HANLIN_{cls.section_name().upper()}__"
    found = {name.removeprefix(prefix): value for name, value in environ.items() if name.startswith(prefix)}
    return {name.lower().replace("__", "."): value for name, value in found.items()}


def _with_origin(problem: Problem, origins: Mapping[str, str]) -> Problem:
    """The problem with its value's origin, which for an item of a list is the origin of the list."""
    name = problem.name
    while name not in origins and "." in name:
        name = name.rpartition(".")[0]
    return dataclasses.replace(problem, origin=origin_text(origins[name])) if name in origins else problem


def origin_text(origin: str) -> str:
    """Return an origin of `Resolved.origins` in the user's language."""
    kind, _, name = origin.partition(" ")
    if kind in ("file", "preset"):
        return say(f"base.origin_{kind}", name=name).rstrip()
    return say(f"base.origin_{kind}")


def leaves(config: Config, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting of a config as (dotted name, value), nested configs opened."""
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Config):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def field_doc(cls: type[Config], name: str) -> str:
    """Return the doc line of one field in the user's language: the English one is its description, the Chinese one
    stands in the catalogue of its owner's room."""
    if language() == "zh":
        owner = field_owner(cls, name)
        return entry(f"config.{owner.__name__}.{name}", room=owner.__module__.split(".")[1]).zh
    return cls.model_fields[name].description or ""


def field_owner(cls: type[Config], name: str) -> type[Config]:
    """Return the class that wrote the doc line of a field: a child that only changes a default keeps its parent's."""
    doc = cls.model_fields[name].description
    declaring = [c for c in cls.__mro__ if issubclass(c, Config) and name in inspect.get_annotations(c)]
    return next(owner for owner in reversed(declaring) if owner.model_fields[name].description == doc)


def to_toml(config: Config, *, origins: Mapping[str, str] | None = None) -> str:
    """Return a config as TOML that `resolve(cls, file=...)` reads back equal; `origins` become trailing comments."""
    return "\n".join(_toml_lines(config, "", origins or {})) + "\n"


def _toml_lines(config: Config, prefix: str, origins: Mapping[str, str]) -> Iterator[str]:
    sections = []
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Config):
            sections.append((f"{prefix}{name}", value))
            continue
        comment = origins.get(prefix + name)
        yield f"{name} = {toml_value(value)}" + (f"  # {comment}" if comment else "")
    for dotted, inner in sections:
        yield f"\n[{dotted}]"
        yield from _toml_lines(inner, f"{dotted}.", origins)
