"""The error tree: sentences in both languages, codes that never change, one exit code per kind."""

from __future__ import annotations

import pickle
import signal

import pytest

from hanlin.base import errors
from hanlin.base.errors import (
    BundleError,
    CheckFailed,
    ConfigError,
    DiskFull,
    HanlinError,
    InputError,
    Interrupted,
    MachineError,
    MissingExtra,
    NetworkError,
    Problem,
    RequestTooLong,
    TrainingStopped,
    UsageError,
)

EXIT_CODES = {
    HanlinError: 1,
    ConfigError: 2,
    UsageError: 2,
    InputError: 3,
    BundleError: 3,
    RequestTooLong: 3,
    MachineError: 4,
    DiskFull: 4,
    MissingExtra: 4,
    NetworkError: 5,
    CheckFailed: 6,
    TrainingStopped: 6,
}


@pytest.mark.parametrize(("cls", "exit_code"), EXIT_CODES.items())
def test_every_kind_of_error_has_its_exit_code_and_speaks(cls: type[HanlinError], exit_code: int, lang: str) -> None:
    with pytest.raises(HanlinError) as caught:
        raise cls("base.file_missing", path="corpus.txt")
    assert caught.value.exit_code == exit_code
    assert caught.value.code == "E102"
    assert caught.value.values["path"] == "corpus.txt"
    assert ("does not exist" if lang == "en" else "不存在") in str(caught.value)


def test_the_table_above_holds_the_whole_tree() -> None:
    public = {v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, HanlinError)}
    assert public == {*EXIT_CODES, Interrupted}


@pytest.mark.parametrize(("signum", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_exits_as_the_shell_expects(signum: int, exit_code: int) -> None:
    error = Interrupted("base.file_missing", signum=signum, path="x")
    assert (error.exit_code, error.signum) == (exit_code, signum)


def test_wrong_settings_and_bad_input_are_value_errors_for_python_users() -> None:
    assert issubclass(ConfigError, ValueError)
    assert issubclass(InputError, ValueError)
    assert not issubclass(MachineError, ValueError)


def test_errors_cross_process_borders_with_their_values() -> None:
    problem = Problem("seq_len", 0, "must be at least 1", "Leave it out.")
    for error in (
        InputError("base.file_missing", path="a"),
        ConfigError(problems=[problem]),
        Interrupted("base.file_missing", signum=signal.SIGTERM, path="a"),
    ):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy), copy.exit_code) == (type(error), str(error), error.exit_code)
        assert copy.values == error.values


def test_a_config_error_lists_every_problem(lang: str) -> None:
    first = Problem("seq_len", 0, "RULE1", "REMEDY1")
    second = Problem("batch", 9, "RULE2", "", origin="ORIGIN")
    error = ConfigError(problems=[first, second])
    head, *lines = str(error).splitlines()
    assert "2" in head
    assert error.code == "E101"
    assert all(part in lines[0] for part in ("seq_len", "0", "RULE1", "REMEDY1"))
    assert all(part in lines[1] for part in ("batch", "9", "RULE2", "ORIGIN"))
    assert lines[1] == lines[1].rstrip()


def test_a_config_error_may_have_a_sentence_of_its_own() -> None:
    error = ConfigError("base.file_missing", path="recipe.toml")
    assert error.problems == ()
    assert str(error).startswith("recipe.toml does not exist")
