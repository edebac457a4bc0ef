"""Which part of a mixed text is in which language, down to a few words.

A text is cut at the ends of sentences and wherever the script changes, and each piece is identified. A few words that
could be of several languages take the one that other pieces of their script have; where there are none, and the letters
are plain ASCII, English, as terms in a text of another script mostly are. Their confidence stays low.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hanlin.text.language import Language, identify
from hanlin.text.scripts import count_scripts, script_of

_SENTENCE_END = re.compile(r"[。！？；!?\n]+[”’」』）)\s]*|[.;][”’)\"'\s]*\s")
_EAST = {"Hani": "East", "Hira": "East", "Kana": "East"}  # one language writes with all of them
_ENOUGH_LETTERS, _ENOUGH_HAN = 24, 8  # of such length a piece is believed, a shorter one only if it is sure
_SURE, _LIKELY, _UNLIKELY = 0.7, 0.5, 0.3


@dataclass(frozen=True)
class LanguageSpan:
    """`text[start:end]` is in one language; the spans of a text follow each other without a gap."""

    start: int
    end: int
    language: Language


@dataclass
class _Piece:
    start: int
    end: int
    script: str
    letters: int
    language: Language | None = None


def spans_by_language(text: str) -> list[LanguageSpan]:
    """Return the parts of a text by language, in order and without gaps; signs and spaces go with what is before them.

    Neighbours in the same language and script are one span, whose confidence is the mean over their letters.
    """
    pieces = list(_pieces(text))
    _settle(pieces, text)
    return _joined(pieces)


def _pieces(text: str) -> Iterator[_Piece]:
    """Cut at ends of sentences and where the script changes; what has no letter belongs to the piece before it."""
    start, script, letters = 0, "", 0
    ends = {match.end() for match in _SENTENCE_END.finditer(text)}
    for place, sign in enumerate(text):
        found = script_of(sign)
        found = _EAST.get(found, found)
        if found != "Zyyy":
            if script and found != script:
                yield _Piece(start, place, script, letters)
                start, letters = place, 0
            script, letters = found, letters + 1
        if place + 1 in ends and script:
            yield _Piece(start, place + 1, script, letters)
            start, script, letters = place + 1, "", 0
    if start < len(text):
        yield _Piece(start, len(text), script or "Zyyy", letters)


def _is_believed(piece: _Piece, found: Language, text: str) -> bool:
    """Enough letters or a sure answer; Han characters also where they tell who writes so."""
    if piece.script != "East":
        return found.confidence >= (_UNLIKELY if piece.letters >= _ENOUGH_LETTERS else _SURE)
    counts = count_scripts(text[piece.start : piece.end])
    tells = counts.foreign_to_japanese or counts.japanese or counts["Hani"] < piece.letters
    return bool(piece.letters >= _ENOUGH_HAN or tells)


def _settle(pieces: list[_Piece], text: str) -> None:
    """Give every piece its language: its own, that of the nearest sure one of its script, or a guess."""
    guesses = [identify(text[piece.start : piece.end]) for piece in pieces]
    for piece, guess in zip(pieces, guesses, strict=True):
        if _is_believed(piece, guess, text):
            piece.language = guess
    for order in (pieces, pieces[::-1]):
        last: dict[str, Language] = {}
        for piece in order:
            if piece.language is not None:
                last[piece.script] = piece.language
            elif piece.script in last:
                piece.language = replace(last[piece.script], confidence=_SURE)
    for piece, guess in zip(pieces, guesses, strict=True):
        if piece.language is None:
            is_plain = piece.script == "Latn" and text[piece.start : piece.end].isascii()
            piece.language = replace(guess, code="en") if is_plain and guess.confidence < _LIKELY else guess


def _joined(pieces: list[_Piece]) -> list[LanguageSpan]:
    spans: list[LanguageSpan] = []
    weights: list[int] = []
    for piece in pieces:
        assert piece.language is not None
        if spans and _goes_on(spans[-1].language, piece):
            weights[-1] += piece.letters
            share = piece.letters / max(1, weights[-1])
            old = spans[-1].language
            mean = round(old.confidence * (1 - share) + piece.language.confidence * share, 3)
            spans[-1] = LanguageSpan(spans[-1].start, piece.end, replace(old, confidence=mean))
        else:
            spans.append(LanguageSpan(piece.start, piece.end, piece.language))
            weights.append(piece.letters)
    return spans


def _goes_on(language: Language, piece: _Piece) -> bool:
    """Whether a piece belongs to the span before it: the same language and script, or no letter at all."""
    assert piece.language is not None
    same = (piece.language.code, piece.language.script) == (language.code, language.script)
    return same or piece.script == "Zyyy"
