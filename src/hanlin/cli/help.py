"""The help of the command line in the user's language: an overview, a group, one command with all its settings."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hanlin.base.messages import say
from hanlin.cli.options import Option, common_options, options_of
from hanlin.cli.table import COMMANDS, Command


def print_short_help() -> None:
    """What `hanlin` alone says: what it is, and three steps to begin with. On stderr: nothing was asked for."""
    console = Console(stderr=True, soft_wrap=True)
    console.print(say("cli.tagline"), markup=False, highlight=False)
    console.print(Text(say("cli.next"), style="bold"))
    for number in (1, 2, 3):
        console.print(f"  {say(f'cli.step_{number}')}", markup=False, highlight=False)


def print_overview(commands: Sequence[Command] = COMMANDS) -> None:
    """All commands, or those of one group, with a line each."""
    console = Console(file=sys.stdout, soft_wrap=True)
    console.print(say("cli.tagline"), markup=False, highlight=False)
    console.print(f"\n{say('cli.usage')}: hanlin {say('cli.metavar_command')} …\n", markup=False, highlight=False)
    console.print(_rows((command.name, say(f"cli.help_{command.key}")) for command in commands))
    console.print(f"\n{say('cli.more_help')}", markup=False, highlight=False)


def print_command_help(command: Command) -> None:
    """One command: what it does, and every setting with doc line, allowed values and default."""
    console = Console(file=sys.stdout, soft_wrap=False)
    words = " ".join(_word(command, name) for name in command.positional)
    console.print(
        f"{say('cli.usage')}: hanlin {command.name} {words} [{say('cli.options')}]", markup=False, highlight=False
    )
    console.print(f"\n{say(f'cli.help_{command.key}')}\n", markup=False, highlight=False)
    options = list(options_of(command.config_class()))
    for group in dict.fromkeys(option.name.rpartition(".")[0] for option in options):
        members = [option for option in options if option.name.rpartition(".")[0] == group]
        console.print(Text(group or say("cli.settings"), style="bold"))
        console.print(_rows((_usage(option), _explained(option)) for option in members))
        console.print()
    console.print(Text(say("cli.common"), style="bold"))
    console.print(_rows((" ".join(flags), say(f"cli.common_{name}")) for flags, _, name in common_options(command)))


def _word(command: Command, name: str) -> str:
    """A setting that needs no option: `[DATA…]`."""
    many = command.many and name == command.positional[-1]
    return f"[{name.removeprefix('from_').upper()}{'…' if many else ''}]"


def _usage(option: Option) -> str:
    flag = option.flags()[0]
    return f"{flag} / --no-{option.name}" if option.is_flag else f"{flag} {option.metavar()}"


def _explained(option: Option) -> str:
    default = say("cli.required") if option.is_required else say("cli.default", value=option.default())
    return f"{option.doc()} [{'; '.join(part for part in (option.rule(), default) if part)}]"


def _rows(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=True, padding=(0, 2, 0, 0))
    table.add_column(style="cyan", overflow="fold", max_width=46)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(Text(name), Text(text))
    return table
