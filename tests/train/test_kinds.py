"""Objectives by name: what each asks of vocabulary, shape and settings, and what is said where it is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hanlin.base.errors import ConfigError, InputError
from hanlin.model.config import ModelConfig
from hanlin.text.config import TokenizerConfig
from hanlin.text.purposes import Purpose
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.tokenizer_train import train_tokenizer
from hanlin.train.config import CORRUPTIONS, Objective, PretrainConfig
from hanlin.train.kinds import KINDS, check_shape, check_tokenizer, form_of, model_fields

SIZES: dict[str, Any] = {"vocab_size": 400, "hidden_size": 32, "num_layers": 1, "num_heads": 2, "max_seq_len": 64}


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_LANG", "en")


def tokenizer(purpose: Purpose = "text") -> Tokenizer:
    return train_tokenizer(["the cat 猫"], TokenizerConfig(vocab_size=400, purpose=purpose), on_note=lambda note: None)


def test_every_objective_stands_in_the_table() -> None:
    assert set(KINDS) == set(CORRUPTIONS)


@pytest.mark.parametrize("objective", KINDS)
def test_a_fresh_model_suits_its_objective(objective: Objective) -> None:
    config = PretrainConfig(objective=objective)
    shape = ModelConfig(**{**model_fields(config), **SIZES})
    check_shape(config, shape)
    vocabulary = tokenizer(KINDS[objective].purpose)
    check_tokenizer(config, vocabulary)
    assert (form_of(config.replaced(seq_len=64), vocabulary, shape) is None) == (objective == "causal")


@pytest.mark.parametrize(
    ("objective", "missing"),
    [
        ("masked", "[MASK]"),
        ("span_corruption", "<extra_id_0>"),
        ("blank_infilling", "[MASK]"),
        ("fill_in_the_middle", "<|fim_prefix|>"),
    ],
)
def test_a_vocabulary_without_the_control_tokens_is_refused(objective: Objective, missing: str) -> None:
    with pytest.raises(InputError) as error:
        check_tokenizer(PretrainConfig(objective=objective), tokenizer())
    assert error.value.code == "E507"
    assert missing in str(error.value) and "--purpose" in str(error.value)


def problem(error: pytest.ExceptionInfo[ConfigError]) -> tuple[str, str]:
    (found,) = error.value.problems
    return found.name, found.rule


def test_a_shape_that_cannot_learn_it_is_refused() -> None:
    decoder = ModelConfig(**SIZES)
    with pytest.raises(ConfigError) as error:
        check_shape(PretrainConfig(objective="masked"), decoder)
    assert problem(error) == ("objective", "cannot be trained on a model of the shape decoder; it needs: encoder")
    plain = ModelConfig(**{**model_fields(PretrainConfig(objective="masked")), **SIZES})
    with pytest.raises(ConfigError) as error:
        check_shape(PretrainConfig(), plain)
    assert problem(error)[1] == "cannot be trained on a model of the shape encoder; it needs: decoder, prefix"
    with pytest.raises(ConfigError) as error:
        check_shape(PretrainConfig(objective="masked_next_sentence"), plain)
    assert "next-sentence head" in problem(error)[1]


def test_a_setting_of_another_objective_is_refused() -> None:
    with pytest.raises(ConfigError) as error:
        PretrainConfig(objective="masked", corruption={"mean_span": 5.0})
    assert problem(error) == ("corruption.mean_span", "has no effect on the objective masked")


def test_rows_without_room_for_text_are_refused() -> None:
    with pytest.raises(ConfigError) as error:
        form_of(PretrainConfig(objective="masked", seq_len=2), tokenizer("masked"), ModelConfig(**SIZES))
    assert problem(error)[0] == "seq_len"
    assert error.value.problems[0].remedy == "Take at least 3."


def test_the_family_may_be_chosen_by_hand(tmp_path: Path) -> None:
    fields = model_fields(PretrainConfig(objective="masked", model={"family": "roberta", "head": {"bias": True}}))
    assert (fields["family"], fields["arch"], fields["head"]["pooler"]) == ("roberta", "encoder", False)
