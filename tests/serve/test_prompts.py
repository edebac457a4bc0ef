"""From text to ids, and what is refused before that."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from hanlin.serve.faults import Refusal
from hanlin.serve.prompts import Prompts
from hanlin.serve.schema import ChatMessage
from hanlin.text.chat import Template
from hanlin.text.tokenizer import Tokenizer


@pytest.fixture
def prompts(tokenizer: Tokenizer) -> Prompts:
    return Prompts(tokenizer, Template.default(tokenizer.special), max_seq_len=64)


def chat(prompts: Prompts, *turns: tuple[str, str]) -> list[int]:
    return asyncio.run(prompts.chat([ChatMessage(role=role, content=text) for role, text in turns]))  # type: ignore[arg-type]


def test_a_conversation_is_what_training_rendered(prompts: Prompts, tokenizer: Tokenizer) -> None:
    turns = (("developer", "be kind"), ("user", "hello"), ("assistant", "yes"), ("user", "who?"))
    template = Template.default(tokenizer.special)
    messages: list[dict[str, Any]] = [
        {"role": role.replace("developer", "system"), "content": text} for role, text in turns
    ]
    expected = template.render(messages, tokenizer=tokenizer, add_generation_prompt=True).ids
    assert chat(prompts, *turns) == expected


def test_texts_begin_like_documents_and_ids_stay_ids(prompts: Prompts, tokenizer: Tokenizer) -> None:
    found = asyncio.run(prompts.completion(["hello", "", [5, 6]]))
    assert found == [[tokenizer.special.bos, *tokenizer.encode("hello")], [tokenizer.special.bos], [5, 6]]


def test_the_loop_does_not_tokenise(prompts: Prompts, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    plain = Tokenizer.encode

    def encode(self: Tokenizer, text: str) -> list[int]:
        names.append(threading.current_thread().name)
        return plain(self, text)

    monkeypatch.setattr(Tokenizer, "encode", encode)
    chat(prompts, ("user", "hello"))
    asyncio.run(prompts.completion(["hello"]))
    assert names and "MainThread" not in names


def test_a_text_that_cannot_fit_is_not_tokenised(prompts: Prompts, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(self: Tokenizer, text: str) -> list[int]:
        pytest.fail("tokenised")

    monkeypatch.setattr(Tokenizer, "encode", encode)
    for ask in (
        lambda: chat(prompts, ("user", "a" * 100_000)),
        lambda: asyncio.run(prompts.completion(["a" * 100_000])),
    ):
        with pytest.raises(Refusal) as caught:
            ask()
        assert caught.value.code == "E970" and caught.value.word == "context_length_exceeded"
        assert caught.value.values["max_seq_len"] == 64 and caught.value.values["num_tokens"] > 64


def test_what_might_fit_is_never_refused_by_its_bytes(prompts: Prompts, tokenizer: Tokenizer) -> None:
    """The bound is a bound: of every text that fits, as many tokens as it has are at least the bound's."""
    longest = max(range(tokenizer.vocab_size), key=lambda token_id: len(tokenizer.piece_bytes(token_id)))
    text = tokenizer.piece_bytes(longest).decode("utf-8", "ignore") * 40
    assert len(tokenizer.encode(text)) < 63
    assert asyncio.run(prompts.completion([text]))


def test_blame_falls_on_the_field(prompts: Prompts, tokenizer: Tokenizer) -> None:
    with pytest.raises(Refusal) as caught:
        chat(prompts, ("system", "only"))
    assert (caught.value.param, caught.value.code) == ("messages", "E244")
    with pytest.raises(Refusal) as caught:
        asyncio.run(prompts.completion(["\ud800"]))
    assert (caught.value.param, caught.value.code) == ("prompt", "E220")
    with pytest.raises(Refusal) as caught:
        chat(Prompts(tokenizer, None, max_seq_len=64), ("user", "hello"))
    assert (caught.value.param, caught.value.code) == ("messages", "E972")
