"""What may come of asking for something: an answer, a refusal for good, or trouble that may pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Fate = Literal["kept", "followed", "refused", "failed", "robots"]
"""kept: it gave documents; followed: a listing; refused: for good; failed: asked again by the next run."""

# Reasons that may pass: the next run of the same command asks again.
PASSING = frozenset({"unreachable", "busy", "server_error", "cut", "too_slow", "robots_unreachable", "enough"})
# Reasons that stand or fall with settings of `web`: asked again where those are others than then.
BOUND = frozenset({"private_address", "too_large", "bomb", "type", "redirects", "crawl_delay", "other_site"})


class Refused(Exception):
    """Something will not be collected: `reason` has a sentence `text.refused_<reason>`, `detail` names the case."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class Trouble(Refused):
    """Something could not be had now. `wait` is how long the other side asked for, in seconds."""

    def __init__(self, reason: str, detail: str = "", wait: float | None = None) -> None:
        super().__init__(reason, detail)
        self.wait = wait


@dataclass(frozen=True)
class Errand:
    """An address still to be asked for: who sent us there, how many links further we may go, what is known of it;
    `is_whole`: the answer is needed even where nothing changed since the last one."""

    address: str
    source: str
    depth: int = 0
    hints: Mapping[str, str] = field(default_factory=dict)
    num_tries: int = 0
    is_whole: bool = False


@dataclass(frozen=True)
class Piece:
    """One text on its way into the collection; `meta` holds url or path, title, date, licence, source, group.

    A row of training data without a text of its own (a conversation, a pair) comes whole, in `row`.
    """

    id: str
    text: str
    meta: Mapping[str, str | int | float]
    row: Mapping[str, Any] | None = None
