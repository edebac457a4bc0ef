"""How stage functions take their settings."""

from __future__ import annotations

import pytest

from hanlin.base.config import Resolved
from hanlin.base.errors import ConfigError
from hanlin.life.config import AskConfig, ChatConfig
from hanlin.life.settings import settled
from hanlin.train.config import PretrainConfig


def test_keywords_alone() -> None:
    resolved = settled(ChatConfig, None, {"temperature": 0.0, "model": "m"})
    assert (resolved.value.temperature, resolved.value.model) == (0.0, "m")
    assert resolved.origins["temperature"] == "command line"
    assert resolved.origins["top_k"] == "default"


def test_keywords_go_on_top_of_a_config() -> None:
    config = PretrainConfig(epochs=2.0, optimizer={"name": "adamw"})  # type: ignore[arg-type]
    resolved = settled(PretrainConfig, config, {"seed": 5})
    assert (resolved.value.epochs, resolved.value.optimizer.name, resolved.value.seed) == (2.0, "adamw", 5)
    assert settled(PretrainConfig, config, {}).value == config


def test_a_resolved_config_passes_through_untouched() -> None:
    resolved = Resolved(ChatConfig(), {"temperature": "file x.toml"})
    assert settled(ChatConfig, resolved, {}) is resolved
    assert settled(ChatConfig, resolved, {"top_k": 3}).value.top_k == 3


def test_wrong_keywords_are_told_all_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        settled(AskConfig, None, {"temperature": -1, "promt": "x"})
    assert caught.value.code == "E101"
    assert {problem.name for problem in caught.value.problems} >= {"temperature", "promt", "prompt"}


def test_the_engines_part_of_the_chat_settings() -> None:
    params = ChatConfig(temperature=0.0, top_k=7, stop=("x",)).sampling()
    assert (params.temperature, params.top_k, params.stop, params.max_tokens) == (0.0, 7, ("x",), 256)
