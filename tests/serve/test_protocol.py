"""Sockets that are slow on purpose: every one is closed at its deadline, and nobody else waits for it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.serve.conftest import Live, serving

POST = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def hasty(model: Any, tokenizer: Any) -> Iterator[Live]:
    with serving(model, tokenizer, head_seconds=0.4, body_seconds=0.4, write_seconds=0.4) as found:
        yield found


def connect(live: Live) -> socket.socket:
    return socket.create_connection(("127.0.0.1", live.port), timeout=5)


def rest(connection: socket.socket) -> bytes:
    """Everything until the server hangs up; a silence of five seconds is a failure."""
    received = b""
    while more := connection.recv(65536):
        received += more
    return received


@pytest.mark.parametrize(
    "begun", [b"", b"GET /live HT", b"GET /live HTTP/1.1\r\nHost: loc"], ids=["idle", "line", "head"]
)
def test_half_a_head_is_not_waited_for(hasty: Live, begun: bytes) -> None:
    with connect(hasty) as connection:
        connection.sendall(begun)
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 408") and b'"code": "E982"' in answer


def test_a_second_head_has_a_deadline_too(hasty: Live) -> None:
    with connect(hasty) as connection:
        connection.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        first = connection.recv(65536)
        connection.sendall(b"GET /li")
        rest(connection)
    assert first.startswith(b"HTTP/1.1 200")


def test_half_a_body_is_not_waited_for(hasty: Live) -> None:
    with connect(hasty) as connection:
        connection.sendall(POST + b'Content-Length: 100\r\n\r\n{"mod')
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 408") and b'"code": "E983"' in answer


def test_a_body_by_the_byte_is_not_waited_for(hasty: Live) -> None:
    with connect(hasty) as connection:
        connection.sendall(POST + b"Content-Length: 100\r\n\r\n")
        begun = time.monotonic()
        try:
            while time.monotonic() - begun < 5:
                connection.sendall(b" ")
                time.sleep(0.05)
        except OSError:
            pass
        assert time.monotonic() - begun < 4


def test_a_refused_body_is_read_to_its_end_but_not_for_ever(hasty: Live) -> None:
    with connect(hasty) as connection:
        connection.sendall(POST + b"Content-Length: 1000000000\r\n\r\n" + b" " * 1000)
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 413")


def test_an_answer_that_is_not_read_is_given_up(serve: Callable[..., Any], built_page: Path) -> None:
    """A file of 30 MB is more than the buffers between us hold."""
    (built_page / "assets" / "big.bin").write_bytes(os.urandom(30_000_000))
    with serve(write_seconds=0.4) as live, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", live.port))
        connection.sendall(b"GET /assets/big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 200"
        connections, deadline = live.server._uvicorn.server_state.connections, time.monotonic() + 20
        while connections and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not connections
        assert live.client.get("/live").status_code == 200


def test_a_crowd_of_slow_sockets_keeps_nobody_waiting(serve: Callable[..., Any]) -> None:
    with serve() as live:
        crowd = [connect(live) for _ in range(200)]
        try:
            for connection in crowd:
                connection.sendall(b"GET /live HTTP/1.1\r\nHo")
            begun = time.monotonic()
            assert live.chat().status_code == 200
            assert time.monotonic() - begun < 5
        finally:
            for connection in crowd:
                connection.close()
