"""The clients that people have, against `hanlin serve` as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serve.process import KEY, LONG, Process, save_tiny, served

from hanlin.text.tokenizer import Tokenizer

openai: Any = pytest.importorskip("openai")

HELLO = [{"role": "user", "content": "hello"}]


def client_of(server: Process) -> Any:
    """OpenAI's own client, with no second tries that would hide an error."""
    return openai.OpenAI(base_url=f"{server.address}/v1", api_key=KEY, max_retries=0, timeout=30)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> Path:
    return save_tiny(tmp_path_factory.mktemp("clients") / "tiny", tokenizer)


@pytest.fixture(scope="module")
def server(bundle: Path) -> Iterator[Process]:
    with served(bundle, "--api_key", KEY) as found:
        yield found


@pytest.fixture
def own_server(bundle: Path) -> Iterator[Process]:
    """One that may be killed."""
    with served(bundle, "--api_key", KEY) as found:
        yield found


# ---------------------------------------------------------------- openai for Python, current


@pytest.mark.peer
def test_openai_finds_the_model(server: Process) -> None:
    client = client_of(server)
    assert [model.id for model in client.models.list()] == ["tiny"]
    assert client.models.retrieve("tiny").owned_by == "hanlin"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-4")
    assert caught.value.code == "model_not_found"


@pytest.mark.peer
def test_openai_chats_whole_and_streamed(server: Process) -> None:
    client = client_of(server)
    whole = client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=12)
    assert whole.choices[0].message.role == "assistant" and whole.usage.total_tokens > whole.usage.prompt_tokens
    stream = client.chat.completions.create(
        model="tiny", messages=HELLO, max_tokens=12, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage and chunks[-1].choices == []
    assert chunks[0].choices[0].delta.role == "assistant"


@pytest.mark.peer
def test_openai_accumulates_a_stream(server: Process) -> None:
    """The client's own helper puts chunks together; it is strict about their form."""
    ask = client_of(server).chat.completions.stream
    fields = {"max_tokens": 6, "logprobs": True, "extra_body": {"ignore_eos": True}}
    with (
        ask(model="tiny", messages=HELLO, **fields) as stream,
        pytest.raises(openai.LengthFinishReasonError) as caught,
    ):
        stream.get_final_completion()
    choice = caught.value.completion.choices[0]
    assert choice.finish_reason == "length" and len(choice.logprobs.content) == 6
    assert all(entry.logprob <= 0 for entry in choice.logprobs.content)


@pytest.mark.peer
def test_openai_takes_what_goes_beyond_it(server: Process) -> None:
    raw = client_of(server).chat.completions.with_raw_response.create(
        model="tiny", messages=HELLO, max_tokens=4, user="me", extra_body={"top_k": 1, "ignore_eos": True, "foo": 1}
    )
    assert raw.parse().usage.completion_tokens == 4
    assert raw.headers["x-hanlin-ignored"] == "user, foo" and raw.headers["x-request-id"]


@pytest.mark.peer
def test_openai_completes_texts(server: Process) -> None:
    client = client_of(server)
    whole = client.completions.create(model="tiny", prompt=["the cat", "hello"], max_tokens=5, logprobs=2, echo=False)
    assert [choice.index for choice in whole.choices] == [0, 1]
    assert len(whole.choices[0].logprobs.token_logprobs) == len(whole.choices[0].logprobs.tokens)
    pieces = client.completions.create(model="tiny", prompt="the cat", max_tokens=5, stream=True)
    assert "".join(chunk.choices[0].text for chunk in pieces) == whole.choices[0].text


@pytest.mark.peer
def test_openai_raises_its_own_errors(server: Process) -> None:
    client = client_of(server)
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="tiny", messages=HELLO, temperature=3)
    assert caught.value.param == "temperature" and caught.value.code == "E957"
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "the cat " * 9000}])
    assert caught.value.code == "context_length_exceeded" and str(LONG) in caught.value.message
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="gpt-4", messages=HELLO)
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-wrong").models.list()
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="tiny", messages=HELLO, tools=[{"type": "function", "function": {}}])


@pytest.mark.peer
def test_openai_may_leave_in_mid_answer(server: Process) -> None:
    client = client_of(server)
    for _ in range(5):
        stream = client.chat.completions.create(
            model="tiny", messages=HELLO, stream=True, extra_body={"ignore_eos": True}
        )
        next(iter(stream))
        stream.close()
    begun = time.monotonic()
    assert client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=1).choices
    assert time.monotonic() - begun < 10


@pytest.mark.peer
def test_openai_asks_many_at_once(server: Process) -> None:
    async def ask_all() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{server.address}/v1", api_key=KEY, max_retries=0) as client:
            ask = client.chat.completions.create
            answers = await asyncio.gather(*(ask(model="tiny", messages=HELLO, max_tokens=9) for _ in range(12)))
        return [answer.choices[0].message.content for answer in answers]

    assert len(set(asyncio.run(ask_all()))) == 1


@pytest.mark.peer
@pytest.mark.parametrize("stream", [True, False])
def test_a_killed_server_is_an_error_and_no_short_answer(own_server: Process, stream: bool) -> None:
    client = client_of(own_server)
    ask = {"model": "tiny", "messages": HELLO, "extra_body": {"ignore_eos": True}}
    with pytest.raises(openai.APIConnectionError):
        if stream:
            pieces = client.chat.completions.create(stream=True, **ask)
            next(iter(pieces))
            own_server.process.kill()
            list(pieces)
        else:
            threading.Timer(0.3, own_server.process.kill).start()
            client.chat.completions.create(n=16, **ask)


# ---------------------------------------------------------------- openai for Python 0.28

OLD = """
import json, sys, openai
openai.api_base, openai.api_key = sys.argv[1] + "/v1", sys.argv[2]
hello = [{"role": "user", "content": "hello"}]
found = {"models": [model["id"] for model in openai.Model.list()["data"]]}
chat = openai.ChatCompletion.create(model="tiny", messages=hello, max_tokens=8, stop=None)
found["chat"] = chat["choices"][0]["message"]["content"]
pieces = openai.ChatCompletion.create(model="tiny", messages=hello, max_tokens=8, stream=True)
found["streamed"] = "".join(piece["choices"][0]["delta"].get("content", "") for piece in pieces)
found["model"] = openai.Completion.create(model="tiny", prompt="the cat", stop=None)["choices"][0]["text"]
found["engine"] = openai.Completion.create(engine="tiny", prompt="the cat", stop=None)["choices"][0]["text"]
pieces = openai.Completion.create(engine="tiny", prompt="the cat", stream=True, stop=None)
found["engine_streamed"] = "".join(piece["choices"][0]["text"] for piece in pieces)
for name, fields in {"bad": {"temperature": 9}, "unknown": {"model": "gpt-4"}}.items():
    try:
        openai.ChatCompletion.create(**{"model": "tiny", "messages": hello, **fields})
    except openai.error.InvalidRequestError as error:
        found[name] = [error.http_status, error.param]
openai.api_key = "wrong"
try:
    openai.Model.list()
except openai.error.AuthenticationError as error:
    found["key"] = error.http_status
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own for the client of 2023, whose package has the same name."""
    folder = tmp_path_factory.mktemp("openai-0.28")
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if made.returncode:
        pytest.skip(f"no environment can be made here: {made.stderr[-300:]}")
    install = ["-m", "pip", "install", "-q", "--timeout", "15", "--retries", "1", "openai==0.28.1"]
    done = subprocess.run([python, *install], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"openai 0.28.1 cannot be installed: {done.stderr.strip()[-300:]}")
    return python


@pytest.mark.story
def test_the_client_of_2023_works_as_it_did(server: Process, old_python: Path) -> None:
    words = [str(old_python), "-c", OLD, server.address, KEY]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env={**os.environ, "no_proxy": "*"})
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["models"] == ["tiny"]
    assert found["chat"] == found["streamed"]
    assert found["model"] == found["engine"] == found["engine_streamed"]
    assert found["bad"] == [400, "temperature"] and found["unknown"] == [404, "model"] and found["key"] == 401


# ---------------------------------------------------------------- the process


def test_the_first_row_says_where_it_is(server: Process) -> None:
    assert server.ready["state"] == "ready" and server.ready["model"] == "tiny"
    assert httpx.get(f"{server.address}/ready", trust_env=False).status_code == 200


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_server_at_once(own_server: Process, number: int) -> None:
    begun = time.monotonic()
    code, rows, err = own_server.end(number)
    assert code == 0 and time.monotonic() - begun < 20
    assert [row["state"] for row in rows] == ["draining", "stopped"] and rows[-1]["signal"] == number
    assert own_server.address in err and "Traceback" not in err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_second_signal_ends_it_now(own_server: Process) -> None:
    body = {"model": "tiny", "messages": HELLO, "stream": True, "ignore_eos": True, "n": 16}
    headers = {"authorization": f"Bearer {KEY}"}
    with httpx.stream(
        "POST", f"{own_server.address}/v1/chat/completions", json=body, headers=headers, trust_env=False
    ) as s:
        lines = s.iter_lines()
        next(lines)
        code, rows, err = own_server.end(signal.SIGTERM, signal.SIGTERM)
        assert code == 143 and "E880" in err
        assert rows[0]["running"] == 16
        with pytest.raises(httpx.TransportError):
            list(lines)


def test_the_key_stands_nowhere_in_what_it_says(own_server: Process) -> None:
    httpx.get(f"{own_server.address}/v1/models?key={KEY}", trust_env=False)
    httpx.get(f"{own_server.address}/a%0ab%1b[31m", headers={"authorization": f"Bearer {KEY}"}, trust_env=False)
    _, rows, err = own_server.end(signal.SIGTERM)
    assert KEY not in err and KEY not in json.dumps(rows)
    assert "'/a\\nb\\x1b[31m' 404" in err, "a line of the log is one line, whatever the path holds"
