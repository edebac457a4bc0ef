"""The records at the engine's doors: what goes in, what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hanlin.base.errors import HanlinError
from hanlin.infer.config import SamplingParams

Reason = Literal["stop", "length", "cancelled", "error"]


@dataclass(frozen=True, slots=True)
class Request:
    """Token ids to go on from, and how. An empty id lets the engine name the request.

    blank: for prefix models, the place in the prompt of the mask that the answer stands for; its last token then begins
    the answer. -1: the answer goes on behind the prompt.
    """

    prompt_ids: tuple[int, ...]
    params: SamplingParams = field(default_factory=SamplingParams)
    id: str = ""
    blank: int = -1


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token.

    text: what this token adds to the answer, whole characters only: empty while a character or a stop string may still
    be growing. logprob: natural log of the model's own probability, before penalties and temperature; top: the most
    likely tokens with theirs. Both only where the request asked.
    """

    request_id: str
    token_id: int
    text: str
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Finish:
    """The last event of a request; its blocks are free again.

    reason: "stop" an end token or stop string; "length" max_tokens or the model's max_seq_len; "cancelled"; "error",
    then `error` says why. Text that a cancelled request still held back is dropped.
    """

    request_id: str
    reason: Reason
    num_prompt_tokens: int
    num_tokens: int
    error: HanlinError | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished answer. `tokens` are all its tokens in order, an end token included; `text` their joined text."""

    text: str
    tokens: tuple[Token, ...]
    finish: Finish

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids of all tokens, an end token included."""
        return tuple(token.token_id for token in self.tokens)

    @property
    def finish_reason(self) -> Reason:
        """Why the answer ended."""
        return self.finish.reason
