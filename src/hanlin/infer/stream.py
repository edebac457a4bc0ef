"""Tokens to text that can be shown at once: no split character, no split emoji, no half of a stop string."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Protocol


class Pieces(Protocol):
    """What a stream asks of a tokenizer."""

    def piece_bytes(self, id: int, /) -> bytes:
        """The raw bytes of one id; none for a special token."""


# An emoji at the end of the text may still grow: by a variation selector, a skin tone, a joiner and another emoji, or,
# for half a flag, by its other half (Unicode Technical Standard 51). One too many held back costs one token of delay.
_PICTURE = "[©®‼⁉™ℹ←-⇿⌀-⏿Ⓜ■-◿☀-➿⤴⤵⬅-⭕〰〽㊗㊙\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
_GROWTH = "[\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
_OPEN_PICTURE = re.compile(f"{_PICTURE}{_GROWTH}*(?:\u200d(?:{_PICTURE}{_GROWTH}*)?)*$")
_FLAG_HALVES = re.compile("[\U0001f1e6-\U0001f1ff]+$")
_LAST_PLAIN = "\u00a8"  # below it no character can belong to an emoji


class TextStream:
    """The text of one growing answer. `push` gives what is certain, `flush` the rest.

    All pieces joined are the bytes of all tokens read as UTF-8, broken bytes as U+FFFD, cut before the stop string that
    was completed first; `stopped` says whether one was, and nothing follows it.
    """

    def __init__(self, tokenizer: Pieces, *, stop: Sequence[str] = ()) -> None:
        self._tokenizer, self._stop = tokenizer, tuple(stop)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pending = ""
        self.stopped = False

    def push(self, token_id: int) -> str:
        """Add a token; return the text that is now certain, often its own, sometimes none."""
        return self._add(self._tokenizer.piece_bytes(token_id), final=False)

    def flush(self) -> str:
        """No more tokens: return what was held back, a broken character as U+FFFD."""
        return self._add(b"", final=True)

    def _add(self, piece: bytes, *, final: bool) -> str:
        if self.stopped:
            return ""
        self._pending += self._decoder.decode(piece, final)
        # The one completed first counts, whatever the tokens were cut into.
        found = [(at + len(text), at) for text in self._stop if (at := self._pending.find(text)) >= 0]
        if found:
            self.stopped = True
            return self._release(min(found)[1])
        return self._release(len(self._pending) if final else self._num_certain())

    def _release(self, count: int) -> str:
        text, self._pending = self._pending[:count], self._pending[count:]
        return text

    def _num_certain(self) -> int:
        """Characters that nothing which may follow can change."""
        text = self._pending
        if not text or (text[-1] < _LAST_PLAIN and not self._stop):
            return len(text)
        return min(_open_emoji(text), _open_stop(text, self._stop))


def _open_emoji(text: str) -> int:
    """Where an emoji that may still grow begins at the end of the text, else its length."""
    if found := _OPEN_PICTURE.search(text):
        return found.start()
    halves = _FLAG_HALVES.search(text)
    return len(text) - 1 if halves and (halves.end() - halves.start()) % 2 else len(text)


def _open_stop(text: str, stops: Sequence[str]) -> int:
    """Where the longest beginning of a stop string at the end of the text begins, else its length."""
    longest = max((len(stop) for stop in stops), default=1) - 1
    for at in range(max(0, len(text) - longest), len(text)):
        if any(stop.startswith(text[at:]) for stop in stops):
            return at
    return len(text)
