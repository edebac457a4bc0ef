"""A served app: its socket, a thread of its own, and how it ends.

drain()   /ready and new work get 503, running answers finish, at most drain_seconds; then the socket closes
stop()    now: connections are cut, so that clients see an error and no short answer
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import threading
import time
from types import TracebackType
from typing import cast

import uvicorn
from fastapi import FastAPI

from hanlin.base.errors import MachineError
from hanlin.serve.config import ServeConfig
from hanlin.serve.protocol import protocol_with
from hanlin.serve.service import Service
from hanlin.serve.worker import Worker

NUM_PORTS = 100  # how many are tried from the wanted one on
_CLOSING_SECONDS = 5  # for answers that are whole to be written out
_TAKEN = (errno.EADDRINUSE, errno.EACCES)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on the port, or on the next free one; 0 takes any.

    Raises MachineError E960 where none of 100 ports is free, E961 where the address is none of this machine's.
    """
    last = min(port + NUM_PORTS, 65536) if port else 1
    for candidate in range(port, last):
        try:
            return _listen(host, candidate)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise MachineError("serve.cannot_listen", host=host, port=candidate, reason=error.strerror) from None
    raise MachineError("serve.no_port", host=host, first=port, last=last - 1)


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # Named as TCP, so that asyncio switches Nagle's algorithm off: it held back every first token for 40 ms.
    found = socket.socket(family, kind, protocol)
    try:
        # A port is free again at once after a restart; on Windows the option would let two servers share one.
        if hasattr(socket, "SO_REUSEPORT"):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(2048)
    except OSError:
        found.close()
        raise
    return found


class Server:
    """An app behind a socket. As a context manager it serves inside the block and drains at its end."""

    def __init__(self, app: FastAPI, *, listener: socket.socket, config: ServeConfig) -> None:
        self.app, service = app, cast(Service, app.state.service)
        self.worker, self.model_name, self.has_page = service.worker, service.name, bool(service.assets)
        self._listener, self._config = listener, config
        self.port: int = listener.getsockname()[1]
        self._uvicorn = _Uvicorn(self._settings(app), self.worker, config.drain_seconds)
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)

    @property
    def address(self) -> str:
        """What to type into a browser; 0.0.0.0 and :: mean every address, of which this machine's own is shown."""
        host = self._config.host
        try:
            unspecified = ipaddress.ip_address(host).is_unspecified
        except ValueError:
            unspecified = False
        host = "127.0.0.1" if unspecified else host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def start(self) -> None:
        """Serve, and return as soon as requests are answered."""
        self._thread.start()
        while not self._uvicorn.started and self._thread.is_alive():
            time.sleep(0.005)

    def drain(self) -> None:
        """Take nothing new, let the running answers finish, then end. Returns at once; see `wait`."""
        self._uvicorn.drain()

    def stop(self) -> None:
        """End now, whatever is running."""
        self.worker.draining = True
        self._uvicorn.force_exit = True
        self._uvicorn.should_exit = True

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end; False where it has not come within `seconds`."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drain()
        self.wait()

    def _run(self) -> None:
        try:
            asyncio.run(self._uvicorn.serve([self._listener]))
        finally:
            self.worker.stop()
            self._listener.close()

    def _settings(self, app: FastAPI) -> uvicorn.Config:
        return uvicorn.Config(
            app,
            http=protocol_with(self._config),
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_CLOSING_SECONDS,
        )


class _Uvicorn(uvicorn.Server):
    """uvicorn that keeps its door open while it drains, so that /ready can say so."""

    def __init__(self, config: uvicorn.Config, worker: Worker, drain_seconds: float) -> None:
        super().__init__(config)
        self._worker, self._drain_seconds = worker, drain_seconds
        self._deadline = float("inf")

    def drain(self) -> None:
        """Begin to end."""
        if not self._worker.draining:
            self._worker.draining = True
            self._deadline = time.monotonic() + self._drain_seconds

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, gently or, after `Server.stop`, by cutting every connection."""
        if self.force_exit:
            for connection in list(self.server_state.connections):
                connection.transport.abort()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """uvicorn's heartbeat, ten times a second: whether to leave the main loop."""
        is_late = time.monotonic() >= self._deadline
        if is_late:
            self._worker.abort()
        is_drained = self._worker.draining and not self._worker.num_waited_for
        return await super().on_tick(counter) or is_drained or is_late
