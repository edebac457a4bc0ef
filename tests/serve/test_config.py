"""Settings of the server, and the socket it takes."""

from __future__ import annotations

import socket

import pytest

from hanlin.base.errors import ConfigError, MachineError
from hanlin.serve.config import ServeConfig, is_loopback
from hanlin.serve.server import NUM_PORTS, listen


def test_whoever_can_be_reached_from_elsewhere_needs_a_key() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        with pytest.raises(ConfigError) as caught:
            ServeConfig(host=host)
        assert [problem.name for problem in caught.value.problems] == ["api_key"]
        assert host in str(caught.value)
        assert ServeConfig(host=host, api_key="secret").api_key == "secret"
    assert ServeConfig().api_key is None


@pytest.mark.parametrize("key", ["", "two words", "schlüssel", "a\nb"])
def test_a_key_is_one_word_of_ascii(key: str) -> None:
    with pytest.raises(ConfigError):
        ServeConfig(api_key=key)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("LocalHost", True),
        ("0.0.0.0", False), ("10.0.0.1", False), ("localhost.evil.example", False), ("", False), ("2130706433", False),
    ],
)  # fmt: skip
def test_what_is_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


def test_a_taken_port_gives_way_to_the_next_free_one() -> None:
    with listen("127.0.0.1", 0) as first:
        wanted = first.getsockname()[1]
        with listen("127.0.0.1", wanted) as second:
            assert wanted < second.getsockname()[1] <= wanted + NUM_PORTS
    with listen("127.0.0.1", wanted) as again:
        assert again.getsockname()[1] == wanted, "free again at once"


def test_small_pieces_are_sent_at_once() -> None:
    """asyncio sets TCP_NODELAY only where a socket says that it is TCP; else a first token waits 40 ms for an ACK."""
    with listen("127.0.0.1", 0) as found:
        assert found.proto == socket.IPPROTO_TCP


def test_no_free_port_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(self: socket.socket, address: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(socket.socket, "bind", taken)
    with pytest.raises(MachineError) as caught:
        listen("127.0.0.1", 65530)
    assert caught.value.code == "E960"
    assert (caught.value.values["first"], caught.value.values["last"]) == (65530, 65535)


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-name.invalid"])
def test_an_address_of_somebody_else_is_told(host: str) -> None:
    with pytest.raises(MachineError) as caught:
        listen(host, 0)
    assert caught.value.code == "E961" and host in str(caught.value)
