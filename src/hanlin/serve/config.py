"""Settings of the server: where it listens, whom it lets in, how much it takes on, how long it waits."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from pydantic import Field

from hanlin.base.config import Config
from hanlin.base.errors import Problem
from hanlin.base.messages import say

MIB = 1 << 20


class ServeConfig(Config):
    """How a model is served. Every limit turns a request down with a sentence; none cuts anything short."""

    section = "serve"

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        max_length=253,
        description="Address to listen on; 127.0.0.1 is reached from this machine only.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port; where it is taken, the next free one; 0: any.")
    api_key: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        pattern=r"^[\x21-\x7e]+$",
        description="Key that requests must bring; needed where other machines can reach the server.",
    )
    name: str = Field(default="", max_length=200, description="Name of the model in the API; if empty, the bundle's.")
    allowed_hosts: tuple[str, ...] = Field(
        default=(), max_length=100, description="Further names under which the server may be addressed."
    )
    page: bool = Field(default=True, description="Serve the chat page besides the API.")
    history_turns: int = Field(
        default=3, ge=0, le=1000, description="Earlier turns of a conversation that the page sends along."
    )
    temperature: float = Field(
        default=0.0, ge=0, le=2, description="Temperature of requests that name none; 0 takes the likeliest token."
    )
    strict: bool = Field(
        default=False, description="Refuse requests with fields the server does not know, instead of listing them."
    )
    max_queue: int = Field(
        default=256, ge=0, le=1_000_000, description="Answers that may wait besides those that run; more get 503."
    )
    max_texts: int = Field(
        default=256, ge=1, le=100_000, description="Most texts of one request to /predict; more get 400."
    )
    max_body_bytes: int = Field(default=8 * MIB, ge=1024, le=1 << 30, description="Largest body of a request in bytes.")
    head_seconds: float = Field(
        default=10.0, gt=0, le=3600, description="Time for the head of a request to arrive, in seconds."
    )
    body_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="Time for the body of a request to arrive, in seconds."
    )
    write_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="Seconds a client may leave its answer unread before it is hung up on."
    )
    drain_seconds: float = Field(
        default=30.0, ge=0, le=86_400, description="Seconds that running answers get to finish when the server stops."
    )
    stall_seconds: float = Field(
        default=60.0, gt=0, le=86_400, description="Seconds without a step after which /ready says the engine hangs."
    )

    def problems(self) -> Iterator[Problem]:
        """Whoever can be reached from other machines asks for a key."""
        if not is_loopback(self.host) and self.api_key is None:
            yield Problem("api_key", "none", say("serve.rule_key", host=self.host), say("serve.remedy_key"))


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine, as seen from itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
