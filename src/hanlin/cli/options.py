"""The settings of a command as options of the command line: one option per field, nested names dotted."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, get_args, get_origin

from cyclopts import Parameter
from pydantic_core import PydanticUndefined

from hanlin.base.config import Config, field_doc
from hanlin.base.fields import arms, inner_config, is_model, table_of
from hanlin.base.messages import say
from hanlin.base.toml import toml_value
from hanlin.cli.table import Command

_SIGNS = (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"))


@dataclass(frozen=True)
class Option:
    """One setting: its dotted name, and the field that owns it."""

    name: str
    owner: type[Config]
    field: str

    @property
    def annotation(self) -> Any:
        return self.owner.model_fields[self.field].annotation

    @property
    def is_flag(self) -> bool:
        return bool in arms(self.annotation)

    @property
    def is_list(self) -> bool:
        return any(get_origin(arm) is tuple for arm in arms(self.annotation))

    @property
    def is_table(self) -> bool:
        return table_of(self.annotation) is not None

    @property
    def is_required(self) -> bool:
        return self.owner.model_fields[self.field].is_required()

    def flags(self) -> tuple[str, ...]:
        """What the user may type: `--a.b_c`, `--a.b-c`, and `--from` for a field called `from_…`."""
        short = ("--from",) if self.name.startswith("from_") else ()
        return (*short, *dict.fromkeys((f"--{self.name}", f"--{self.name.replace('_', '-')}")))

    def doc(self) -> str:
        """The doc line in the user's language."""
        return field_doc(self.owner, self.field)

    def rule(self) -> str:
        """The allowed values: a range, a choice, or nothing to say."""
        choices = [str(c) for arm in arms(self.annotation) if get_origin(arm) is Literal for c in get_args(arm)]
        if choices:
            return " | ".join(choices)
        bounds = self.owner.model_fields[self.field].metadata
        signs = [f"{sign} {_number(getattr(b, n))}" for n, sign in _SIGNS for b in bounds if hasattr(b, n)]
        return ", ".join(signs)

    def default(self) -> str:
        """The default as it would stand in a file; empty for a required setting."""
        value = self.owner.model_fields[self.field].get_default(call_default_factory=True, validated_data={})
        if value is PydanticUndefined:
            return ""
        text = toml_value(value)
        return text.strip('"') or text if value is None or isinstance(value, str | Path) else text

    def metavar(self) -> str:
        """What stands after the option in the help."""
        kinds = arms(self.annotation)
        if self.is_flag:
            return ""
        if any(get_origin(kind) is Literal for kind in kinds):
            return say("cli.metavar_choice")
        if int in kinds or float in kinds:
            return say("cli.metavar_number")
        return say("cli.metavar_path") if Path in kinds else say("cli.metavar_text")


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) or abs(value) < 10**6 else f"{value:.3g}"


def options_of(cls: type[Config], prefix: str = "") -> Iterator[Option]:
    """Every setting of a config, nested ones opened."""
    for name in cls.model_fields:
        inner = inner_config(cls, name)
        if inner is None:
            yield Option(prefix + name, cls, name)
        else:
            yield from options_of(inner, f"{prefix}{name}.")


COMMON: tuple[tuple[tuple[str, ...], Any, str], ...] = (
    (("--config", "-c"), str, "config"),
    (("--set",), list[str], "set"),
    (("--json",), bool, "json"),
    (("--lang",), str, "lang"),
    (("--progress",), str, "progress"),
    (("--show-config",), bool, "show_config"),
    (("--dry-run",), bool, "dry_run"),
    (("--debug",), bool, "debug"),
)
"""Options of every command: flags, type, and the name under which they arrive and are explained."""


def common_options(command: Command) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    yield from (row for row in COMMON if command.dry_run or row[2] != "dry_run")


def signature_of(command: Command) -> inspect.Signature:
    """The parameters of a command for the parser: text for every setting, which `resolve` then reads by its type.

    Nothing has a default but None, so that what the user did not type stays unset and its origin is known.
    """
    options = list(options_of(command.config_class()))
    single = [
        o for o in options if o.name in command.positional and not (command.many and o.name == command.positional[-1])
    ]
    rest = [option for option in options if option not in single]
    parameters = [_parameter(option, inspect.Parameter.POSITIONAL_OR_KEYWORD) for option in single]
    if command.many:
        words = Annotated[str, Parameter(name=command.positional[-1].upper())]
        parameters.append(inspect.Parameter("words", inspect.Parameter.VAR_POSITIONAL, annotation=words))
    takes_many = not command.positional  # else the words after an option might be meant for the command
    parameters += [_parameter(option, inspect.Parameter.KEYWORD_ONLY, takes_many=takes_many) for option in rest]
    parameters += [_common(flags, kind, name) for flags, kind, name in common_options(command)]
    return inspect.Signature(parameters)


def keys_as_settings(command: Command, words: Sequence[str]) -> list[str]:
    """`--model.norm.kind rms`, a key of a setting that is a table, is `--set model.norm.kind=rms`."""
    options = [option for option in options_of(command.config_class()) if option.is_table]
    tables = {f"{flag}.": option for option in options for flag in option.flags()}
    found: list[str] = []
    rest = iter(words)
    for word in rest:
        typed, equals, value = word.partition("=")
        flag = next((flag for flag in tables if typed.startswith(flag)), None)
        given = value if equals else next(rest, None) if flag else None
        if flag is None or given is None:
            found.append(word)
            continue
        key = typed.removeprefix(flag)
        is_deep = table_of(table_of(tables[flag].annotation)) is not None  # keys are settings, not names of files
        found += ["--set", f"{tables[flag].name}.{key.replace('-', '_') if is_deep else key}={given}"]
    return found


def _parameter(option: Option, kind: Any, *, takes_many: bool = False) -> inspect.Parameter:
    negative = f"--no-{option.name}" if option.is_flag else ""
    text: Any = bool if option.is_flag else list[str] if option.is_list else str
    typed = Annotated[Optional[text], Parameter(name=option.flags(), negative=negative, consume_multiple=takes_many)]  # noqa: UP045
    return inspect.Parameter(option.name.replace(".", "__"), kind, default=None, annotation=typed)


def _common(flags: tuple[str, ...], kind: Any, name: str) -> inspect.Parameter:
    typed = Annotated[Optional[kind], Parameter(name=flags, negative="")]  # noqa: UP045
    return inspect.Parameter(f"common__{name}", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=typed)


def overrides_of(command: Command, given: Mapping[str, Any]) -> dict[str, object]:
    """What the user typed, as dotted settings; `--set a.b=c` and `--a.b c` are the same."""
    typed = _set_pairs(given.get("common__set") or (), command.config_class())
    for option in options_of(command.config_class()):
        value = given.get(option.name.replace(".", "__"))
        if command.many and option.name == command.positional[-1]:
            value = [*(value or ()), *given.get("words", ())] or None
        if value is not None:
            typed[option.name] = _as_text(option, value)
    return typed


def _set_pairs(pairs: Sequence[str], cls: type[Config]) -> dict[str, object]:
    """`--set a.b=c` as settings. A command that runs a recipe hands on what is no setting of its own."""
    own: dict[str, object] = {}
    others: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if "settings" in cls.model_fields and name.split(".")[0] not in cls.model_fields:
            others[name.strip()] = value.strip()
        else:
            own[name.strip()] = value.strip() if equals else "true"
    return own | ({"settings": others} if others else {})


def _as_text(option: Option, value: bool | str | Sequence[str]) -> object:
    """Lists of text and of tables keep their items, so that a comma in a path splits nothing; others are joined."""
    if isinstance(value, bool | str):
        return value
    if any(get_origin(arm) is dict for arm in arms(option.annotation)) and all("=" in item for item in value):
        return ",".join(value)  # a table, zh=0.7,en=0.3
    items = [get_args(arm)[0] for arm in arms(option.annotation) if get_origin(arm) is tuple]
    texts = all(
        kind in (str, Path) or is_model(kind) for item in items for kind in arms(item) if kind is not types.NoneType
    )
    return list(value) if texts else ",".join(value)
