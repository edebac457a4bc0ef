"""Deadlines on sockets, which uvicorn leaves open for as long as a client likes.

half a request head, or none          408 after head_seconds
a body nobody waits for any more      closed after body_seconds
an answer that is not read            closed after write_seconds
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from hanlin.serve.config import ServeConfig
from hanlin.serve.faults import Refusal, fault_of


class GuardedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with a clock beside it, and errors in the form of all others."""

    limits: ClassVar[ServeConfig] = ServeConfig()
    _reading: asyncio.TimerHandle | None = None
    _writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A socket was opened: a head is expected."""
        super().connection_made(transport)
        self._expect(self.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed: nothing is expected of it."""
        self._expect(None)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes have come; once a request is being answered, its body is the guard's affair."""
        super().data_received(data)
        if self._is_answering:
            self._expect(None)

    def on_response_complete(self) -> None:
        """An answer is out: the rest of its body, if any, or another head is expected."""
        super().on_response_complete()
        if not self._is_answering and not self.transport.is_closing():
            is_over = self.conn.their_state in (h11.IDLE, h11.DONE)
            self._expect(self.limits.head_seconds if is_over else self.limits.body_seconds)

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        super().pause_writing()
        self._writing = self.loop.call_later(self.limits.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has caught up."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, in JSON as everything else."""
        self._refuse(Refusal("serve.bad_http", status=400))

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect(self, seconds: float | None) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self._reading = None if seconds is None else self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self._refuse(Refusal("serve.slow_head", status=408))

    def _refuse(self, refusal: Refusal) -> None:
        """Say why and hang up; where an answer is already out or on its way, only hang up."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self._is_answering:
            fault = fault_of(refusal)
            data = fault.encoded()
            headers = {**fault.all_headers(), "content-type": "application/json", "content-length": str(len(data))}
            for event in (
                h11.Response(status_code=fault.status, headers=[*headers.items(), ("connection", "close")]),
                h11.Data(data=data),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def protocol_with(config: ServeConfig) -> type[GuardedProtocol]:
    """The protocol with the limits of a config, which uvicorn takes as a class."""

    class Limited(GuardedProtocol):
        limits = config

    return Limited
