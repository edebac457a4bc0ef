"""The one door of the command line: words in, one function called, an exit code out.

0 ok · 1 bug · 2 usage or settings · 3 input not found or bad · 4 machine · 5 network · 6 a check failed ·
130/143 interrupted after a checkpoint
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.metadata
import io
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cyclopts

from hanlin.base.config import Resolved, read_toml, resolve
from hanlin.base.errors import HanlinError, UsageError
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.cli.help import print_command_help, print_overview, print_short_help
from hanlin.cli.options import keys_as_settings, options_of, overrides_of
from hanlin.cli.output import print_bug, print_config, print_error, print_result
from hanlin.cli.table import COMMANDS, Command
from hanlin.cli.terminal import converse

HELP = ("--help", "-h")
PROGRESS = ("auto", "bar", "plain", "json", "none")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    _forgive_encodings()
    try:
        _choose_language(words)
        _check_words(words)
        return _dispatch(_command_first(words))
    except HanlinError as error:
        print_error(error, debug=debug)
        return error.exit_code
    except KeyboardInterrupt:
        print(say("cli.interrupted"), file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader of a pipe has gone (`hanlin runs ls | head`): nothing is left to say, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        print_bug(error, debug=debug)
        return 1


def _forgive_encodings() -> None:
    """A terminal of another encoding than UTF-8 shows `\\u7ff0` for what it lacks: odd, but no end of the program."""
    for stream, errors in ((sys.stdout, "backslashreplace"), (sys.stdin, "surrogateescape")):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors=errors)  # what came in wrong is refused with a sentence where it is used


def _check_words(words: Sequence[str]) -> None:
    """File names may be bytes of another encoding; a setting is text, and so is what a run remembers of it."""
    for word in words:
        if any("\udc80" <= character <= "\udcff" for character in word):
            raise UsageError("cli.word_no_text", word=ascii(word)[1:-1])


def _command_first(words: list[str]) -> list[str]:
    """`hanlin --lang zh models ls` is `hanlin models ls --lang zh`."""
    width = 2 if words[:1] == ["--lang"] else int(bool(words) and words[0].startswith("--lang="))
    return [*words[width:], *words[:width]] if len(words) > width else []


def _choose_language(words: Sequence[str]) -> None:
    """`--lang` counts before anything is said, help and errors of the parser included."""
    for number, word in enumerate(words):
        if word == "--lang" or word.startswith("--lang="):
            chosen = word.partition("=")[2] or (words[number + 1] if number + 1 < len(words) else "")
            if chosen not in ("zh", "en"):
                raise UsageError("cli.bad_language", value=chosen)
            os.environ["HANLIN_LANG"] = chosen


def _dispatch(words: list[str]) -> int:
    if not words:
        print_short_help()
        return 2
    if words[0] == "--version":
        print(f"hanlin {_version()}")
        return 0
    command, members = _named(words)
    if any(word in HELP for word in words):
        print_command_help(command) if command else print_overview(members)
        return 0
    if command is None:
        raise _unknown_command(words, members)
    return execute(command, _parsed(words, command))


def _version() -> str:
    try:
        return importlib.metadata.version("hanlin")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return "(not installed)"


def _named(words: Sequence[str]) -> tuple[Command | None, Sequence[Command]]:
    """The command that the first words name, or the commands of the group they name."""
    for command in COMMANDS:
        if tuple(words[: len(command.words)]) == command.words:
            return command, ()
    group = [command for command in COMMANDS if len(command.words) > 1 and command.words[0] == words[0]]
    return None, group or COMMANDS


def _unknown_command(words: Sequence[str], members: Sequence[Command]) -> UsageError:
    plain = [word for word in words if not word.startswith("-")] or [words[0]]
    names = [command.name for command in members]
    group_alone = members is not COMMANDS and len(plain) == 1
    for typed in () if group_alone else (" ".join(plain[:2]), plain[0]):
        if near := difflib.get_close_matches(typed, names, n=1, cutoff=0.6):
            return UsageError("cli.unknown_command_near", word=typed, near=near[0])
    return UsageError("cli.unknown_command", word=plain[0], names=", ".join(names))


# ---------------------------------------------------------------- parsing


def _parser() -> cyclopts.App:
    """Every command by its import path; only the one that is used is imported."""
    app = cyclopts.App(name="hanlin", help_flags=(), version_flags=())
    groups: dict[str, cyclopts.App] = {}
    for command in COMMANDS:
        parent = app
        if len(command.words) > 1:
            if command.words[0] not in groups:
                groups[command.words[0]] = cyclopts.App(name=command.words[0], help_flags=(), version_flags=())
                app.command(groups[command.words[0]])
            parent = groups[command.words[0]]
        parent.command(f"hanlin.cli.commands:{command.key}", name=command.words[-1])
    return app


def _parsed(words: Sequence[str], command: Command) -> Mapping[str, Any]:
    """What was typed, by parameter name. Raises UsageError in the user's language for all that does not fit."""
    try:
        typed = keys_as_settings(command, words)
        _, bound, _ = _parser().parse_args(typed, print_error=False, exit_on_error=False)
    except cyclopts.UnknownOptionError as error:
        raise _unknown_option(error, command) from None
    except cyclopts.MissingArgumentError as error:
        raise UsageError("cli.value_missing", option=_flag(error)) from None
    except cyclopts.UnusedCliTokensError as error:
        raise UsageError("cli.too_many_words", words=" ".join(error.unused_tokens or ())) from None
    except cyclopts.RepeatArgumentError as error:
        raise UsageError("cli.option_repeated", option=_flag(error)) from None
    except cyclopts.CycloptsError as error:
        raise UsageError("cli.cannot_parse", reason=str(error)) from None
    return _one_word(bound.arguments, words, command)


def _one_word(given: Mapping[str, Any], words: Sequence[str], command: Command) -> Mapping[str, Any]:
    """A single word is the setting that cannot be done without: `hanlin ask QUESTION` asks the newest model."""
    options = {option.name: option for option in options_of(command.config_class())}
    ordered = [options[name] for name in command.positional]
    if command.many or len(ordered) != 2 or not ordered[1].is_required:
        return given
    first, second = ordered
    is_named = any(word.partition("=")[0] in first.flags() for word in words)
    if is_named or given.get(first.name) is None or given.get(second.name) is not None:
        return given
    return {**given, first.name: None, second.name: given[first.name]}


def _flag(error: cyclopts.CycloptsError) -> str:
    token = getattr(error, "token", None)
    return getattr(getattr(error, "argument", None), "name", "") or getattr(token, "keyword", None) or "?"


def _unknown_option(error: cyclopts.UnknownOptionError, command: Command) -> UsageError:
    typed = (getattr(error.token, "keyword", None) or getattr(error.token, "value", "") or "?").partition("=")[0]
    flags = [flag for option in options_of(command.config_class()) for flag in option.flags()[:1]]
    near = difflib.get_close_matches(typed, flags, n=1, cutoff=0.5)
    if near:
        return UsageError("cli.unknown_option_near", option=typed, near=near[0], command=command.name)
    return UsageError("cli.unknown_option", option=typed, command=command.name)


# ---------------------------------------------------------------- running


def execute(command: Command, given: Mapping[str, Any]) -> int:
    """Resolve the settings, call the command's function, print what it returns."""
    as_json = bool(given.get("common__json"))
    resolved = _resolved(command, given)
    if given.get("common__show_config"):
        print_config(resolved, as_json=as_json)
        return 0
    extra = {"dry_run": True} if given.get("common__dry_run") else {}
    with contextlib.closing(Progress(_progress_mode(given))) as progress:
        result = command.callable()(resolved, progress=progress, **extra)
    if command.talks and not extra:
        return converse(result, as_json=as_json)
    return print_result(result, as_json=as_json)


def _progress_mode(given: Mapping[str, Any]) -> Any:
    mode = given.get("common__progress") or "auto"
    if mode not in PROGRESS:
        raise UsageError("cli.bad_progress", value=mode, modes=", ".join(PROGRESS))
    return mode


def _resolved(command: Command, given: Mapping[str, Any]) -> Resolved[Any]:
    cls = command.config_class()
    path = given.get("common__config")
    file = _section(read_toml(Path(path)), cls.section_name()) if path else {}
    return resolve(cls, file=file, file_name=path or "", environ=os.environ, overrides=overrides_of(command, given))


def _section(table: dict[str, Any], name: str) -> Mapping[str, Any]:
    """A file for one command may also be a whole recipe: then its section counts."""
    inner = table.get(name)
    return inner if isinstance(inner, dict) else table


if __name__ == "__main__":
    sys.exit(main())
