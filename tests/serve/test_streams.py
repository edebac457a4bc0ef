"""What happens to an answer when its reader leaves, the line is full, the engine fails or the server ends."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.serve.conftest import Live, events_of, fault

from hanlin.base.errors import CheckFailed
from hanlin.infer.config import SamplingParams
from hanlin.infer.engine import Engine
from hanlin.serve.server import Server

LONG = {"max_tokens": 400, "ignore_eos": True}


def question(**fields: Any) -> dict[str, Any]:
    return {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], **LONG, **fields}


def post_and_leave(live: Live, *, stream: bool, chunks: int = 0) -> None:
    """Ask, read so many chunks of the answer, and close the socket."""
    body = json.dumps(question(stream=stream)).encode()
    with socket.create_connection(("127.0.0.1", live.port), timeout=5) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        received = b""
        while received.count(b"data: ") < chunks:
            received += connection.recv(4096)
        deadline = time.monotonic() + 5
        while not stream and not live.engine.num_unfinished and time.monotonic() < deadline:
            time.sleep(0.005)


@pytest.mark.parametrize(("stream", "chunks"), [(True, 1), (True, 5), (False, 0)])
def test_a_closed_socket_ends_its_request(serve: Callable[..., Any], stream: bool, chunks: int) -> None:
    with serve() as live:
        live.engine.seconds = 0.02  # 400 tokens would take eight seconds
        begun = time.monotonic()
        post_and_leave(live, stream=stream, chunks=chunks)
        assert live.settles(), "no running request, every block of the cache free"
        assert time.monotonic() - begun < 6
        assert live.chat().status_code == 200


def test_a_closed_socket_in_the_line_leaves_the_line(serve: Callable[..., Any]) -> None:
    with serve(engine={"max_batch": 1}) as live:
        live.engine.seconds = 0.02
        running = threading.Thread(target=live.client.post, args=("/v1/chat/completions",), kwargs={"json": question()})
        running.start()
        while not live.engine.num_unfinished:
            time.sleep(0.005)
        post_and_leave(live, stream=True, chunks=1)
        deadline = time.monotonic() + 3
        while live.engine.num_unfinished > 1 and time.monotonic() < deadline:
            time.sleep(0.005)
        assert live.engine.num_unfinished == 1, "the one that runs goes on"
        live.engine.seconds = 0
        running.join()
        assert live.settles()


def test_many_that_come_and_go_leave_nothing(serve: Callable[..., Any]) -> None:
    with serve(engine={"max_batch": 4}) as live:
        live.engine.seconds = 0.002
        draw = random.Random(1)

        def visit(number: int) -> None:
            for _ in range(5):
                post_and_leave(live, stream=True, chunks=number % 3)

        visitors = [threading.Thread(target=visit, args=(draw.randrange(9),)) for _ in range(8)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()
        assert live.settles()


def test_answers_of_many_at_once_are_the_answers_alone(serve: Callable[..., Any]) -> None:
    with serve(engine={"max_batch": 4}) as live:
        texts = ["hello", "the cat", "who are you?", "你好", "猫", "mat", "sat on", "?"]
        alone = [live.chat(text, max_tokens=30).json()["choices"] for text in texts]
        found: dict[str, Any] = {}

        def ask(text: str) -> None:
            found[text] = live.chat(text, max_tokens=30).json()["choices"]

        threads = [threading.Thread(target=ask, args=(text,)) for text in texts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [found[text] for text in texts] == alone


# ---------------------------------------------------------------- the line


def test_a_full_line_is_refused_at_once(serve: Callable[..., Any]) -> None:
    with serve(engine={"max_batch": 1}, max_queue=1) as live:
        live.engine.seconds = 0.05
        with live.client.stream("POST", "/v1/chat/completions", json=question(stream=True)) as first:
            next(first.iter_lines())
            with live.client.stream("POST", "/v1/chat/completions", json=question(stream=True)) as second:
                next(second.iter_lines())
                refused = live.chat()
                assert fault(refused, 503, "E985")["code"] == "overloaded"
                assert refused.headers["retry-after"] == "1"
        live.engine.seconds = 0
        assert live.settles() and live.chat().status_code == 200


def test_more_answers_than_ever_fit_are_no_matter_of_waiting(serve: Callable[..., Any]) -> None:
    with serve(engine={"max_batch": 1}, max_queue=3) as live:
        assert fault(live.chat(n=5), 400, "E984")["param"] == "n"
        assert live.chat(n=4).status_code == 200


# ---------------------------------------------------------------- failures


def test_a_failure_of_the_model_is_told_and_the_next_answer_comes(serve: Callable[..., Any]) -> None:
    """`serve` turns what the engine reports as an error of one request into 500, or into an error event."""
    with serve() as live:
        for stream in (False, True):
            original = live.engine._run
            live.engine._run = lambda work: CheckFailed("infer.not_finite", num_tokens=3)  # type: ignore[method-assign]
            response = live.chat(stream=stream)
            live.engine._run = original  # type: ignore[method-assign]
            if stream:
                *_, last = events_of(response.text)
                assert last["error"]["code"] == "E606" and "[DONE]" not in response.text
            else:
                fault(response, 500, "E606")
                assert response.headers["x-should-retry"] == "false"
        assert live.chat().status_code == 200 and live.settles()


@pytest.mark.parametrize("stream", [False, True])
def test_a_bug_in_a_step_ends_these_answers_and_not_the_server(serve: Callable[..., Any], stream: bool) -> None:
    with serve() as live:
        live.engine.failure = RuntimeError("at 0x7f00 in secret.py")
        response = live.chat(stream=stream)
        text = response.text
        assert "secret" not in text and "0x7f" not in text and "Traceback" not in text
        if stream:
            assert events_of(text)[-1]["error"]["type"] == "server_error" and "[DONE]" not in text
        else:
            assert response.headers["x-request-id"] in fault(response, 500, "")["message"]
        assert live.chat().status_code == 200 and live.settles()
        assert live.client.get("/ready").status_code == 200


def test_an_engine_that_hangs_or_breaks_is_not_ready(serve: Callable[..., Any]) -> None:
    with serve(stall_seconds=0.1, drain_seconds=0) as live:
        live.engine.seconds = 1.0
        with live.client.stream("POST", "/v1/chat/completions", json=question(stream=True)) as stream:
            next(stream.iter_lines())
            time.sleep(0.3)
            fault(live.client.get("/ready"), 503, "E989")
            assert live.client.get("/live").status_code == 200
        live.engine.seconds = 0
        live.server.worker._broken = True
        fault(live.client.get("/health"), 503, "E988")
        fault(live.chat(), 503, "E988")


def test_a_server_that_fails_says_so_without_its_insides(serve: Callable[..., Any]) -> None:
    with serve() as live:
        live.server.app.state.service.prompts._template = "no template"
        response = live.chat()
        error = fault(response, 500, "")
        assert response.headers["x-request-id"] in error["message"] and "render" not in response.text


# ---------------------------------------------------------------- the end


def test_a_drained_server_finishes_what_it_began(serve: Callable[..., Any]) -> None:
    with serve() as live:
        live.engine.seconds = 0.01
        with live.client.stream("POST", "/v1/chat/completions", json=question(stream=True)) as stream:
            lines = stream.iter_lines()
            next(lines)
            live.server.drain()
            refused = httpx.get(f"{live.server.address}/ready", trust_env=False)
            assert fault(refused, 503, "E986")["code"] == "draining"
            assert int(refused.headers["retry-after"]) >= 1
            assert httpx.get(f"{live.server.address}/live", trust_env=False).status_code == 200
            new = httpx.post(f"{live.server.address}/v1/chat/completions", json=question(), trust_env=False)
            fault(new, 503, "E986")
            rest = list(lines)
        assert rest[-2] == "data: [DONE]" or rest[-1] == "data: [DONE]"
        assert live.server.wait(5)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{live.server.address}/live", trust_env=False)


def test_a_drain_has_an_end_and_streams_say_that_they_were_cut(serve: Callable[..., Any]) -> None:
    with serve(drain_seconds=0.2) as live:
        live.engine.seconds = 0.05
        with live.client.stream("POST", "/v1/chat/completions", json=question(stream=True)) as stream:
            lines = stream.iter_lines()
            next(lines)
            live.server.drain()
            text = "\n".join(lines)
        assert '"code": "draining"' in text and "[DONE]" not in text
        assert live.server.wait(8)


def test_a_whole_answer_that_was_cut_is_an_error(serve: Callable[..., Any]) -> None:
    with serve(drain_seconds=0.2) as live:
        live.engine.seconds = 0.05
        threading.Timer(0.5, live.server.drain).start()
        assert fault(live.client.post("/v1/chat/completions", json=question()), 503, "E987")["code"] == "draining"


def test_a_stopped_server_breaks_the_line_instead_of_ending_the_answer(serve: Callable[..., Any]) -> None:
    with serve() as live:
        live.engine.seconds = 0.05
        with live.client.stream("POST", "/v1/chat/completions", json=question(stream=True)) as stream:
            lines = stream.iter_lines()
            next(lines)
            live.server.stop()
            with pytest.raises(httpx.TransportError):
                list(lines)
        assert live.server.wait(8)


def test_the_engine_serves_others_besides(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same live engine may be asked in Python while it serves."""
    with serve() as live:
        with live.client.stream("POST", "/v1/chat/completions", json=question(stream=True)) as stream:
            lines = stream.iter_lines()
            next(lines)
            assert isinstance(live.engine, Engine) and isinstance(live.server, Server)
            own = live.engine.generate([1, 2, 3], SamplingParams(max_tokens=5, temperature=0.0, ignore_eos=True))
            assert len(own.tokens) == 5
            assert "data: [DONE]" in list(lines)
        assert live.settles()
