"""Tokens for the eye: control tokens by name, white space seen, a character that is spread over tokens told as such."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from hanlin.text.tokenizer import CONTINUED, Tokenizer

SEEN = {" ": "␣", "\n": "↵", "\t": "⇥"}
_FIRST_LOST = 0xDC00
"""Where Python's surrogateescape puts a byte that is no UTF-8."""


def readable(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    """How each token of a row is shown.

    A control token has its name, an id without an entry its number (#7). Of a character whose bytes lie in several
    tokens each shows the character and which part it holds, 你(2/3); bytes that are no character are <E4>.
    """
    pieces = [tokenizer.piece_bytes(id) for id in ids]
    if not tokenizer.holds_spaces:
        return [_word(piece) or named(tokenizer, id) for id, piece in zip(ids, pieces, strict=True)]
    shown: list[str] = []
    for is_text, run in itertools.groupby(zip(ids, pieces, strict=True), key=lambda pair: bool(pair[1])):
        held = list(run)
        shown += _spelled([piece for _, piece in held]) if is_text else [named(tokenizer, id) for id, _ in held]
    return shown


def named(tokenizer: Tokenizer, id: int) -> str:
    """The name of a token that holds no text."""
    return tokenizer.decode([id], skip_special=False) or f"#{id}"


def _word(piece: bytes) -> str:
    """A WordPiece as its vocabulary writes it: 翰 begins a word, ##林 goes on with one."""
    text = piece.decode(errors="replace")
    if not text:
        return ""
    return seen(text[1:] if text.startswith(" ") else CONTINUED + text)


def _spelled(pieces: Sequence[bytes]) -> list[str]:
    """Pieces of one text, none of them empty."""
    ends = list(itertools.accumulate(map(len, pieces)))
    shown = [""] * len(pieces)
    token = 0
    for start, end, character in _characters(b"".join(pieces)):
        while ends[token] <= start:
            token += 1
        last = token
        while ends[last] < end:
            last += 1
        for part in range(token, last + 1):
            shown[part] += character if token == last else f"{character}({part - token + 1}/{last - token + 1})"
    return shown


def _characters(data: bytes) -> Iterator[tuple[int, int, str]]:
    """Where each character begins and ends in bytes, and how it is shown."""
    place = 0
    for character in data.decode("utf-8", "surrogateescape"):
        lost = _FIRST_LOST <= ord(character) < _FIRST_LOST + 256
        size = 1 if lost else len(character.encode())
        yield place, place + size, f"<{ord(character) - _FIRST_LOST:02X}>" if lost else seen(character)
        place += size


def seen(text: str) -> str:
    """White space as a sign, characters that act instead of being seen as their codes."""
    return "".join(SEEN.get(c) or (c if c.isprintable() else f"\\u{ord(c):04x}") for c in text)
