"""One stage = one config = one function = one command; this table walks all of them."""

from __future__ import annotations

import importlib
import inspect

import pytest
from tests.contracts.source import PACKAGE

import hanlin
from hanlin.base.config import Config
from hanlin.cli.options import signature_of

if not (PACKAGE / "cli" / "table.py").exists() or not (PACKAGE / "text" / "corpus.py").exists():
    pytest.skip("the command line and the stages do not stand yet", allow_module_level=True)

COMMANDS = importlib.import_module("hanlin.cli.table").COMMANDS
PYTHON_NAMES = {
    "demo": "demo",
    "run": "run",
    "data collect": "collect_data",
    "data build": "build_data",
    "data convert": "convert_data",
    "data augment": "augment_data",
    "data words": "word_statistics",
    "data doctor": "data_doctor",
    "data report": "data_report",
    "tokenizer train": "train_tokenizer",
    "tokenizer compare": "compare_tokenizers",
    "ngram train": "train_ngram",
    "ngram score": "score_ngram",
    "quality train": "train_quality",
    "quality score": "score_quality",
    "pretrain": "pretrain",
    "finetune": "finetune",
    "task train": "train_task",
    "task eval": "evaluate_task",
    "task predict": "predict_task",
    "eval": "eval",
    "export": "export",
    "inspect": "inspect",
    "chat": "chat",
    "models choose": "choose_model",
    "ask": "ask",
    "embed": "embed",
    "score": "score",
    "infill": "infill",
    "fill-mask": "fill_mask",
    "doctor": "doctor",
}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_command_has_a_config_and_a_function(command: object) -> None:
    cls, function = command.config_class(), command.callable()  # type: ignore[attr-defined]
    assert issubclass(cls, Config)
    first = next(iter(inspect.signature(function).parameters.values()))
    assert first.name == "config"
    assert cls.__name__ in str(first.annotation)
    assert inspect.getdoc(function)
    for name in command.positional:  # type: ignore[attr-defined]
        assert name in cls.model_fields


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_whoever_opens_a_model_may_ask_for_pickles(command: object) -> None:
    """docs/loading.md says so of every command. A bundle that is removed is not opened; n-grams are no bundles."""
    fields = command.config_class().model_fields  # type: ignore[attr-defined]
    if {"model", "from_bundle"} & set(fields) and "bundle" in str([fields[n].description for n in fields]).lower():
        assert "pickles" in fields or command.name == "models rm"  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_no_setting_takes_the_name_of_the_words_that_are_typed(command: object) -> None:
    """A setting called `words` once broke its command before it began."""
    assert signature_of(command).parameters  # type: ignore[arg-type]


def test_every_stage_stands_in_the_table_and_in_python() -> None:
    by_name = {command.name: command for command in COMMANDS}
    assert set(PYTHON_NAMES) <= set(by_name)
    for words, name in PYTHON_NAMES.items():
        assert getattr(hanlin, name) is by_name[words].callable(), f"hanlin.{name} and `hanlin {words}` differ"


def test_the_python_face_is_what_it_says() -> None:
    for name in hanlin.__all__:
        assert getattr(hanlin, name) is not None
    assert set(hanlin.__all__) <= set(dir(hanlin))


def test_commands_are_told_apart() -> None:
    names = [command.name for command in COMMANDS]
    assert len(names) == len(set(names))
