"""`hanlin.Chatbot`: the history that the page keeps, in Python."""

from __future__ import annotations

import warnings
from pathlib import Path

import httpx
import pytest
from tests.life.test_serve import make_bundle

import hanlin
from hanlin.base.errors import ConfigError, RequestTooLong
from hanlin.life.chatbot import Chatbot
from hanlin.life.config import ServeJob
from hanlin.life.serve import open_server

QUICK = {"max_tokens": 4, "ignore_eos": True}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("chatbot") / "cat-model")


def test_it_is_a_name_of_the_package() -> None:
    assert hanlin.Chatbot is Chatbot


def test_it_answers_as_the_server_does_with_the_same_turns(bundle: Path) -> None:
    """Six questions: from the fifth on, the model is told the last three turns and no more."""
    bot = Chatbot(bundle, **QUICK)
    said: list[dict[str, str]] = []
    with open_server(ServeJob(model=str(bundle), port=0)) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for question in ("hello", "the cat", "你好", "who?", "mat", "猫"):
            asked = [*said[-6:], {"role": "user", "content": question}]
            body = {"model": "cat-model", "messages": asked, **QUICK}
            answer = httpx.post(f"{server.address}/v1/chat/completions", json=body, trust_env=False).json()
            text = answer["choices"][0]["message"]["content"]
            assert bot.generate_response(question) == text
            said += [{"role": "user", "content": question}, {"role": "assistant", "content": text}]
    assert [(turn.role, turn.content) for turn in bot.history] == [(turn["role"], turn["content"]) for turn in said]


def test_it_says_when_turns_are_left_out_and_only_then(bundle: Path, lang: str) -> None:
    bot = Chatbot(bundle, history_turns=1, **QUICK)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bot.generate_response("one")
        bot.generate_response("two")
    assert bot.num_left_out == 1
    with pytest.warns(UserWarning, match="history_turns") as told:
        bot.generate_response("three")
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bot.generate_response("four")
    assert bot.num_left_out == 3 and len(bot.history) == 8
    bot.reset()
    assert bot.history == [] and bot.num_left_out == 0


def test_no_history_is_a_choice(bundle: Path) -> None:
    bot = Chatbot(bundle, history_turns=0, **QUICK)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = bot.generate_response("hello")
        bot.generate_response("the cat")
        assert bot.generate_response("hello") == first


def test_the_system_message_is_never_left_out(bundle: Path) -> None:
    bot = Chatbot(bundle, history_turns=0, system="be kind", **QUICK)
    plain = Chatbot(bundle, history_turns=0, **QUICK)
    assert bot.generate_response("hello") != plain.generate_response("hello")
    assert bot.history[0].role == "system" and bot.num_left_out == 1


def test_pieces_come_one_by_one_and_may_be_stopped(bundle: Path) -> None:
    bot = Chatbot(bundle, max_tokens=30, ignore_eos=True)
    pieces = bot.stream("hello")
    first = next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert bot.history[-1].content == first
    assert bot.model.engine.num_unfinished == 0


def test_a_loaded_model_serves_many_conversations(bundle: Path) -> None:
    model = hanlin.load(bundle)
    one, two = Chatbot(model, **QUICK), Chatbot(model, **QUICK)
    assert one.generate_response("hello") == two.generate_response("hello")
    one.generate_response("the cat")
    assert len(one.history) == 4 and len(two.history) == 2


def test_what_does_not_fit_leaves_the_conversation_as_it_was(bundle: Path) -> None:
    bot = Chatbot(bundle, **QUICK)
    bot.generate_response("hello")
    with pytest.raises(RequestTooLong) as caught:
        bot.generate_response("very long " * 160)
    assert caught.value.values["max_seq_len"] == 128 and len(bot.history) == 2


def test_wrong_settings_are_told(bundle: Path) -> None:
    with pytest.raises(ConfigError):
        Chatbot(bundle, history_turns=-1)
    with pytest.raises(ConfigError):
        Chatbot(bundle, hystory_turns=1)
