"""The handlers that the parser imports by name when their command is used."""

from __future__ import annotations

# By name: this module's own attributes are commands, and `inspect` is one.
from inspect import BoundArguments
from typing import Any

from hanlin.cli.options import signature_of
from hanlin.cli.table import COMMANDS, Command


class Handler:
    """A command as the parser sees it: a callable with one parameter per setting."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.__name__ = command.key
        self.__signature__ = signature_of(command)
        self.__annotations__ = {p.name: p.annotation for p in self.__signature__.parameters.values()}

    def __call__(self, *words: Any, **given: Any) -> BoundArguments:
        return self.__signature__.bind(*words, **given)


def __getattr__(name: str) -> Handler:
    """`hanlin.cli.commands:data_build` is made on first use, so that the other commands cost nothing."""
    found = next((command for command in COMMANDS if command.key == name), None)
    if found is None:
        raise AttributeError(name)
    return Handler(found)
