"""The one door: words in, exit code out, errors in the user's language, nothing imported before it is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hanlin.base.errors import HanlinError, InputError
from hanlin.base.messages import room_entries
from hanlin.cli import main as door
from hanlin.cli.main import main
from hanlin.cli.table import COMMANDS, Command


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_LANG", "en")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def shows(err: str, code: str) -> bool:
    return f"error[{code}]: " in err


def test_no_words_give_short_help_and_three_steps(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys)
    assert code == 2 and out == ""
    assert err.count("  hanlin ") == 3


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_help_lists_every_command_in_both_languages(capsys: pytest.CaptureFixture[str], lang: str) -> None:
    code, out, _ = said(capsys, "--help", "--lang", lang)
    assert code == 0
    for command in COMMANDS:
        assert command.name in out
    assert ("用法" if lang == "zh" else "Usage") in out


def test_help_of_a_group_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "models", "--help")
    assert code == 0
    assert "models info" in out and "pretrain" not in out


def test_a_group_alone_is_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "models")
    assert code == 2 and shows(err, "E901") and "models ls" in err


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("pretrian",), "hanlin pretrain"),
        (("modles", "ls"), "hanlin models ls"),
        (("runs", "tial"), "hanlin runs tail"),
    ],
)
def test_a_mistyped_command_gets_a_suggestion(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], near: str
) -> None:
    code, out, err = said(capsys, *words)
    assert code == 2 and out == ""
    assert shows(err, "E902") and near in err


def test_a_command_like_no_other_gets_the_whole_list(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "xyzzy")
    assert code == 2 and shows(err, "E901") and "pretrain" in err


def test_a_mistyped_option_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "pretrain", "--lerning_rate", "3")
    assert code == 2 and shows(err, "E904") and "--learning_rate" in err


def test_an_option_like_no_other_points_to_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "pretrain", "--qqqqqqqqqqqqqqqq", "3")
    assert code == 2 and shows(err, "E903") and "hanlin pretrain --help" in err


def test_an_option_without_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "pretrain", "--epochs")
    assert code == 2 and shows(err, "E905") and "--epochs" in err


def test_words_that_belong_to_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "doctor", "now")
    assert code == 2 and shows(err, "E906") and "now" in err


def test_a_single_word_is_the_question_and_the_newest_model_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    def asked(*words: str) -> dict[str, object]:
        code, out, _ = said(capsys, "ask", *words, "--show-config", "--json")
        return {name: json.loads(out)[name]["value"] for name in ("model", "prompt")} if code == 0 else {}

    assert asked("你好") == {"model": "", "prompt": "你好"}
    assert asked("mine", "你好") == {"model": "mine", "prompt": "你好"}
    assert asked("--prompt", "你好", "mine") == {"model": "mine", "prompt": "你好"}
    assert asked("--model", "mine") == {}


def test_an_option_given_twice(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "pretrain", "--epochs", "1", "--epochs", "2")
    assert code == 2 and shows(err, "E907") and "--epochs" in err


def test_a_flag_with_a_wrong_value(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "demo", "--fresh=maybe")
    assert code == 2 and shows(err, "E908")


def test_unknown_language_and_progress(capsys: pytest.CaptureFixture[str]) -> None:
    assert shows(said(capsys, "doctor", "--lang", "fr")[2], "E909")
    assert shows(said(capsys, "runs", "ls", "--progress", "loud")[2], "E910")


def test_wrong_values_are_told_all_at_once_with_their_rules(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "chat", "--temperature", "-1", "--top_p", "3")
    assert code == 2 and shows(err, "E101")
    assert "temperature" in err and "top_p" in err


def test_an_unknown_setting_by_set_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "chat", "--set", "temprature=1")
    assert code == 2 and "temperature" in err


def test_chinese_errors_carry_the_same_codes(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "pretrian", "--lang=zh")
    assert code == 2 and "错误[E902]" in err and "没有命令" in err and "解决" in err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "--version")
    assert code == 0 and out.startswith("hanlin ")


def test_the_language_may_stand_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """As the overview of the help says: `hanlin --lang zh models ls` used to be an unknown command "zh models"."""
    for words in (("--lang", "zh", "pretrain", "--show-config"), ("--lang=zh", "pretrain", "--show-config")):
        code, out, _ = said(capsys, *words)
        assert code == 0 and "默认" in out
    code, _, err = said(capsys, "--lang", "zh")
    assert code == 2 and "接下来" in err, "no command: what `hanlin` alone says, in Chinese"


def test_a_word_that_is_no_text_is_refused_with_a_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    """A file name in GBK reaches Python as half surrogate pairs, which no setting, JSON or log can hold."""
    code, _, err = said(capsys, "data", "build", "caf\udce9.txt")
    assert code == 2 and shows(err, "E911") and "folder" in err and "caf" in err


def test_a_terminal_of_another_encoding_ends_nothing() -> None:
    """PYTHONIOENCODING=latin-1, as an old locale: the Chinese help used to end as a bug of ours."""
    env = {**os.environ, "PYTHONIOENCODING": "latin-1", "HANLIN_LANG": "zh"}
    done = subprocess.run([sys.executable, "-m", "hanlin.cli.main", "--help"], capture_output=True, env=env)
    assert done.returncode == 0 and b"\\u7ff0" in done.stdout


# ---------------------------------------------------------------- settings and their origins


def test_precedence_command_line_environment_file_default(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[chat]\ntemperature = 0.1\ntop_k = 3\nmax_tokens = 7\n")
    monkeypatch.setenv("HANLIN_CHAT__TOP_K", "4")
    monkeypatch.setenv("HANLIN_CHAT__MAX_TOKENS", "8")
    code, out, _ = said(capsys, "chat", "-c", str(file), "--max_tokens", "9", "--show-config", "--json")
    shown = json.loads(out)
    assert code == 0
    assert shown["temperature"] == {"value": 0.1, "origin": f"file {file}"}
    assert shown["top_k"] == {"value": 4, "origin": "environment"}
    assert shown["max_tokens"] == {"value": 9, "origin": "command line"}
    assert shown["seed"]["origin"] == "default"


def test_a_key_of_a_table_is_an_option(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`--model.family roberta` stood in the documents and was refused."""
    for words in (
        ("--model.family", "roberta", "--model.num-layers", "2", "--model.norm.kind=rms"),
        ("--model", "family=roberta,num_layers=2,norm.kind=rms"),
        ("--model.norm.kind", "rms", "--model", "family=roberta", "--set", "model.num_layers=2"),
    ):
        _, out, _ = said(capsys, "pretrain", str(tmp_path), *words, "--show-config", "--json")
        shown = json.loads(out)["model"]
        assert shown["value"] == {"family": "roberta", "num_layers": 2, "norm": {"kind": "rms"}}, words
        assert shown["origin"] == "command line"
    code, _, err = said(capsys, "pretrain", str(tmp_path), "--model.family")
    assert code == 2 and "--model.family" in err


def test_shown_config_can_be_used_again(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, out, _ = said(
        capsys, "finetune", "m", "a.jsonl", "--set", "optimizer.name=adamw", "--epochs", "2", "--show-config"
    )
    (tmp_path / "again.toml").write_text(out, encoding="utf-8")
    _, again, _ = said(capsys, "finetune", "-c", str(tmp_path / "again.toml"), "--show-config", "--json")
    shown = json.loads(again)
    assert shown["optimizer.name"]["value"] == "adamw"
    assert shown["epochs"]["value"] == 2
    assert shown["data"]["value"] == ["a.jsonl"]
    assert shown["from_bundle"]["value"] == "m"


def test_positional_words_and_options_are_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    words = said(capsys, "finetune", "m", "a.jsonl", "b,c.jsonl", "--show-config", "--json")[1]
    options = said(
        capsys, "finetune", "--from", "m", "--data", "a.jsonl", "--data", "b,c.jsonl", "--show-config", "--json"
    )[1]
    assert json.loads(words) == json.loads(options)
    assert json.loads(words)["data"]["value"] == ["a.jsonl", "b,c.jsonl"], "a comma in a path splits nothing"


def test_dashes_and_underscores_are_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(
        capsys, "pretrain", "--learning-rate", "3e-4", "--optimizer.weight-decay", "0", "--show-config", "--json"
    )[1]
    assert json.loads(out)["learning_rate"]["value"] == 3e-4
    assert json.loads(out)["optimizer.weight_decay"]["value"] == 0, "zero is a value"


def test_a_mixture_is_given_with_shares(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "pretrain", "zh=0.7,en=0.3", "--show-config", "--json")[1]
    assert json.loads(out)["data"]["value"] == {"zh": 0.7, "en": 0.3}


# ---------------------------------------------------------------- exit codes


def raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(words: list[str]) -> int:
        raise error

    monkeypatch.setattr(door, "_dispatch", fail)


def test_every_error_class_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(InputError("evaluate.task_empty", path="x"), monkeypatch)
    assert said(capsys, "run")[0] == 3
    raising(KeyboardInterrupt(), monkeypatch)
    assert said(capsys, "run")[0] == 130


def test_a_bug_is_code_1_and_shows_its_place_only_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(ZeroDivisionError("division by zero"), monkeypatch)
    code, _, err = said(capsys, "run")
    assert code == 1 and "ZeroDivisionError" in err and "Traceback" not in err
    code, _, err = said(capsys, "run", "--debug")
    assert code == 1 and "Traceback" in err


def test_a_users_error_has_no_traceback_unless_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(InputError("evaluate.task_empty", path="x"), monkeypatch)
    assert "Traceback" not in said(capsys, "run")[2]
    assert "Traceback" in said(capsys, "run", "--debug")[2]


# ---------------------------------------------------------------- contracts


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.key)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_help_of_every_command_explains_every_setting(
    command: Command, lang: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    code, out, _ = said(capsys, *command.words, "--help", "--lang", lang)
    assert code == 0
    assert "--config" in out
    from hanlin.cli.options import options_of

    for option in options_of(command.config_class()):
        assert option.flags()[0] in out
        assert option.doc() and option.doc()[:20] in out


def test_help_is_quick_to_import_and_never_loads_torch() -> None:
    program = (
        "import sys; from hanlin.cli.main import main; code = main(sys.argv[1:]);"
        "assert 'torch' not in sys.modules, 'torch was imported'; sys.exit(code)"
    )
    for words in (["--help"], ["finetune", "--help"], ["pretrain", "--show-config"], ["chat", "--temperature", "-1"]):
        done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, env=os.environ)
        assert done.returncode in (0, 2), done.stderr
        assert "torch was imported" not in done.stderr, words


def test_fix_lines_belong_to_errors() -> None:
    """`<key>_fix` is looked up by name, so a misspelt one would never be shown."""
    for room in ("cli", "life", "recipe", "evaluate"):
        entries = room_entries(room)
        for key in entries:
            if key.endswith("_fix") and key != "cli.bug_fix":
                assert entries[key.removesuffix("_fix")].code, key


def test_hanlin_errors_know_their_exit_codes() -> None:
    classes = [HanlinError, *HanlinError.__subclasses__()]
    assert {cls.exit_code for cls in classes} <= {1, 2, 3, 4, 5, 6}


def test_a_server_open_to_others_needs_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "serve", "--host", "0.0.0.0", "--port", "70000")
    assert code == 2 and shows(err, "E101") and "port" in err and out == ""
    code, _, err = said(capsys, "serve", "--host", "0.0.0.0")
    assert code == 2 and "api_key" in err and "127.0.0.1" in err
