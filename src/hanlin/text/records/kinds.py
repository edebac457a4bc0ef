"""What training data is used for: one frozen record per use, whatever the file called its columns.

Conversations are records of `text/chat.py`; all others stand here. Places in texts are in characters, ends excluded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from hanlin.text.chat import Conversation, Message

Use = Literal["conversation", "preference", "rated", "ranked", "classified", "tagged", "pair", "extract", "plain"]


@dataclass(frozen=True)
class Preference:
    """A question with two answers, of which people liked the first better."""

    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]


@dataclass(frozen=True)
class Rated:
    """A conversation, the last answer of which was found good or bad (KTO)."""

    conversation: Conversation
    is_good: bool


@dataclass(frozen=True)
class Ranked:
    """A question with several answers, the best first; `scores` in the same order where the file had them."""

    prompt: tuple[Message, ...]
    answers: tuple[str, ...]
    scores: tuple[float, ...] = ()


@dataclass(frozen=True)
class Classified:
    """A text (or two that are compared) and its labels."""

    text: str
    labels: tuple[str, ...]
    other: str = ""


@dataclass(frozen=True)
class Span:
    """A labelled part of a text."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Tagged:
    """A text, its labelled spans, and the places of its tokens where the file was cut into tokens."""

    text: str
    spans: tuple[Span, ...]
    tokens: tuple[tuple[int, int], ...] = ()

    def tags(self) -> tuple[str, ...]:
        """The tags of the tokens in the BIO scheme (Ramshaw & Marcus 1995)."""
        labels: dict[tuple[int, int], str] = {}
        for span in self.spans:
            inside = [token for token in self.tokens if span.start <= token[0] and token[1] <= span.end]
            labels |= {token: f"{'I' if number else 'B'}-{span.label}" for number, token in enumerate(inside)}
        return tuple(labels.get(token, "O") for token in self.tokens)


@dataclass(frozen=True)
class Pair:
    """Two texts that say the same in two languages, or alike to some degree (`score`)."""

    left: str
    right: str
    score: float | None = None
    names: tuple[str, str] = ("left", "right")


@dataclass(frozen=True)
class Extract:
    """A question about a passage; each answer stands in it at its place, none where it has no answer."""

    context: str
    question: str
    answers: tuple[tuple[str, int], ...]
    id: str = ""
    title: str = ""


@dataclass(frozen=True)
class Plain:
    """Text to go on with."""

    text: str


Record = Conversation | Preference | Rated | Ranked | Classified | Tagged | Pair | Extract | Plain

_WORD = re.compile(r"[\w]")
_NARROW = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")


def joined(tokens: Sequence[str]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return a text made of tokens, and their places: with a space between two unless a side is Chinese."""
    text, places = "", []
    for token in tokens:
        wide = bool(text and token) and not (_NARROW.match(text[-1]) or _NARROW.match(token[0]))
        text += " " * wide
        places.append((len(text), len(text) + len(token)))
        text += token
    return text, tuple(places)


def spans_of(places: Sequence[tuple[int, int]], tags: Sequence[str]) -> tuple[Span, ...]:
    """Return the spans that tags mean: runs of B-, I- (also E-, S-), or one span a token where tags are plain."""
    if not all(tag == "O" or re.match(r"[BIESLUM]-.", tag) for tag in tags):
        return tuple(Span(*place, tag) for place, tag in zip(places, tags, strict=True))
    return tuple(_runs(places, tags))


def _runs(places: Sequence[tuple[int, int]], tags: Sequence[str]) -> Iterator[Span]:
    held: Span | None = None
    for (start, end), tag in zip(places, tags, strict=True):
        position, _, label = tag.partition("-")
        if held and position in "IEML" and label == held.label and tag != "O":
            held = Span(held.start, end, label)
            continue
        if held:
            yield held
        held = None if tag == "O" else Span(start, end, label)
    if held:
        yield held
