"""A tiny model behind the real server: real sockets, real HTTP, answers in milliseconds."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from hanlin.infer.config import EngineConfig
from hanlin.infer.engine import Engine, Event
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import Transformer, build_model
from hanlin.serve.app import build_app
from hanlin.serve.config import ServeConfig
from hanlin.serve.page import PageInfo, Skill, Suggestion
from hanlin.serve.server import Server, listen
from hanlin.text.chat import Template
from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.tokenizer_train import train_tokenizer

MAX_SEQ_LEN = 512
PAGE = PageInfo(
    suggestions=(Suggestion(zh="三加四是多少？", en="What is three plus four?"),),
    skills=(Skill(name="sums", zh="加法", en="Sums", accuracy=0.97),),
    version="0.1.0",
)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    texts = ["the cat sat on the mat. 猫坐在垫子上。", "hello, who are you? 你好，你是谁？"] * 20
    return train_tokenizer(texts, TokenizerConfig(vocab_size=300))


@pytest.fixture(scope="session")
def model(tokenizer: Tokenizer) -> Transformer:
    """Weights five times their usual size: a tiny model with opinions, whose top two tokens are rarely close."""
    shape = ModelConfig(
        vocab_size=tokenizer.vocab_size, hidden_size=32, num_layers=1, num_heads=2, max_seq_len=MAX_SEQ_LEN
    )
    made = build_model(shape, seed=1).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() == 2:
                parameter.mul_(5)
    return made


class SlowEngine(Engine):
    """An engine whose steps take a set time, so that a test can come in between; it may be told to fail."""

    seconds = 0.0
    failure: Exception | None = None

    def step(self) -> list[Event]:
        time.sleep(self.seconds)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return super().step()


@dataclass
class Live:
    """A running server, its engine, and a client that talks to it."""

    server: Server
    engine: SlowEngine
    client: httpx.Client

    @property
    def port(self) -> int:
        return self.server.port

    def chat(self, text: str = "hello", **fields: Any) -> httpx.Response:
        """One question."""
        body = {"model": "tiny", "messages": [{"role": "user", "content": text}], "max_tokens": 8, **fields}
        return self.client.post("/v1/chat/completions", json=body)

    def chat_with(self, headers: dict[str, str]) -> httpx.Response:
        """One question with headers of one's own."""
        body = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 2}
        return self.client.post("/v1/chat/completions", json=body, headers=headers)

    def complete(self, prompt: Any = "the cat", **fields: Any) -> httpx.Response:
        """One text to go on with."""
        return self.client.post("/v1/completions", json={"model": "tiny", "prompt": prompt, **fields})

    def raw(self, data: bytes, *, seconds: float = 5.0) -> bytes:
        """What comes back for these bytes on a socket of their own, until the server hangs up or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(data)
            received = b""
            with contextlib.suppress(TimeoutError, ConnectionError):
                while more := connection.recv(65536):
                    received += more
                    if b"\r\n\r\n" in received and received.endswith(b"}"):
                        break
        return received

    def settles(self) -> bool:
        """Whether, within ten seconds, nothing runs and every block of the cache is free again."""
        deadline = time.monotonic() + 10
        whole = self.engine._tables.num_blocks
        while time.monotonic() < deadline:
            busy = self.engine.num_unfinished or self.server.worker.num_waited_for
            if not busy and self.engine.num_free_blocks == whole:
                return True
            time.sleep(0.01)
        return False


@contextlib.contextmanager
def serving(model: Transformer, tokenizer: Tokenizer, *, template: bool = True, **settings: Any) -> Iterator[Live]:
    """A server for the tiny model on a free port."""
    engine_settings = settings.pop("engine", {})
    engine = SlowEngine(model, tokenizer, config=EngineConfig(native=False, **engine_settings))
    config = ServeConfig(**{"port": 0, **settings})
    app = build_app(
        engine,
        tokenizer,
        Template.default(tokenizer.special) if template else None,
        name="tiny",
        config=config,
        fingerprint="0123456789abcdef",
        page_info=PAGE,
    )
    server = Server(app, listener=listen(config.host, config.port), config=config)
    with server, httpx.Client(base_url=server.address, timeout=120, trust_env=False) as client:
        yield Live(server, engine, client)


@pytest.fixture(scope="module")
def live(model: Transformer, tokenizer: Tokenizer) -> Iterator[Live]:
    """One server for a whole file of tests: what a bad request leaves behind, the next test meets."""
    with serving(model, tokenizer) as found:
        yield found


@pytest.fixture
def serve(model: Transformer, tokenizer: Tokenizer) -> Callable[..., Any]:
    """A server of one's own, with settings."""

    def make(**settings: Any) -> Any:
        return serving(model, tokenizer, **settings)

    return make


def events_of(text: str) -> list[Any]:
    """The JSON of every event of a stream, the last one "[DONE]" where it was whole; comments are no events."""
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks), text
    datas = [block.removeprefix("data: ") for block in blocks]
    return [data if data == "[DONE]" else json.loads(data) for data in datas]


def text_of(events: Sequence[Any]) -> str:
    """The text of a streamed chat answer."""
    choices = [choice for event in events if event != "[DONE]" for choice in event["choices"]]
    return "".join(choice["delta"].get("content", "") for choice in choices)


def fault(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error of a response, after its form and our code were checked."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["error"] and set(body["error"]) == {"message", "type", "param", "code"}
    assert response.headers.get("x-hanlin-error", "") == code, response.text
    assert len(response.content) < 2048
    found: dict[str, Any] = body["error"]
    return found


@pytest.fixture
def built_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the built page."""
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Hanlin</title><script src=/assets/a-1.js></script>")
    (folder / "assets" / "a-1.js").write_text("console.log('hello')\n" * 200)
    (folder / "manifest.json").write_text('{"source_sha256": ""}')
    monkeypatch.setattr("hanlin.serve.page.WEB", folder)
    return folder
