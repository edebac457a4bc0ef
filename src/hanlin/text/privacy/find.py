"""Find personal data in Chinese and English text, and mask it.

Rules and check digits, no model: every finding can be explained, and the same text always gives the same ones. What
each kind means, what it finds and what it misses is measured in docs/results.md. Time grows with the length of the text
and with nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from hanlin.base.errors import InputError
from hanlin.text.config import CERTAIN_KINDS, PERSONAL_KINDS
from hanlin.text.privacy.codes import find_codes
from hanlin.text.privacy.network import find_network
from hanlin.text.privacy.numbers import find_numbers
from hanlin.text.privacy.people import find_people
from hanlin.text.privacy.secrets import find_secrets
from hanlin.text.privacy.span import Span, settled

# One character for one, so that places stay: full-width forms, and what phones and word processors put for - and space.
_DASHES, _SPACES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63", "\xa0\u2002\u2003\u2007\u2009\u202f\u3000"
_WIDE = re.compile("[０-９Ａ-Ｚａ-ｚ＠－＋．]")
_PARTED = re.compile(f"[0-9)][{_DASHES}{_SPACES}]{{1,3}}[0-9(]")  # novels are full of such dashes elsewhere
# Not the other marks: a wide colon or comma ends what a narrow one may belong to.
_TO_NARROW: dict[int, int | str] = {
    **{ord(wide): ord(wide) - 0xFEE0 for wide in map(chr, range(0xFF01, 0xFF5F)) if _WIDE.match(wide)},
    **dict.fromkeys(map(ord, _DASHES), "-"),
    **dict.fromkeys(map(ord, _SPACES), " "),
}


def find_personal(text: str, kinds: Collection[str] = CERTAIN_KINDS, *, private_addresses: bool = False) -> list[Span]:
    """Return what is found of the given kinds, in order of place, none overlapping.

    Full-width digits and letters, and every kind of dash and space, count as their plain forms. Kinds are those of
    PERSONAL_KINDS; `address` and `name` are guesses. `private_addresses` adds network addresses that no public route
    leads to. Raises InputError for another kind.
    """
    if unknown := sorted(set(kinds) - set(PERSONAL_KINDS)):
        raise InputError("text.no_personal_kind", kind=", ".join(unknown), known=", ".join(PERSONAL_KINDS))
    is_odd = not text.isascii() and (_WIDE.search(text) or _PARTED.search(text))
    narrow = text.translate(_TO_NARROW) if is_odd else text
    found = settled(_findings(narrow, frozenset(kinds), private_addresses))
    if narrow is text:
        return found
    return [Span(span.kind, span.start, span.end, text[span.start : span.end]) for span in found]


def _findings(text: str, kinds: frozenset[str], private_addresses: bool) -> Iterator[Span]:
    if "api_key" in kinds:
        yield from find_secrets(text)
    yield from find_network(text, kinds, private_addresses)
    yield from find_numbers(text, kinds)
    yield from find_codes(text, kinds)
    yield from find_people(text, kinds)


def mask_personal(
    text: str,
    kinds: Collection[str] = CERTAIN_KINDS,
    *,
    placeholder: str = "[{kind}]",
    private_addresses: bool = False,
) -> tuple[str, dict[str, int]]:
    """Return the text with a placeholder for every finding, and how many of each kind there were.

    `{kind}` in the placeholder becomes the kind in capitals: `[MOBILE]`. An empty placeholder cuts findings out. Raises
    InputError for an unknown kind.
    """
    found = find_personal(text, kinds, private_addresses=private_addresses)
    return masked(text, found, placeholder), counted(found)


def masked(text: str, found: Collection[Span], placeholder: str = "[{kind}]") -> str:
    """Return the text with a placeholder for each of some findings, which must be in order and not overlap."""
    parts, last = [], 0
    for span in found:
        parts += [text[last : span.start], placeholder.replace("{kind}", span.kind.upper())]
        last = span.end
    return "".join([*parts, text[last:]])


def counted(found: Collection[Span]) -> dict[str, int]:
    """Return the number of findings of each kind that occurs, in the order of PERSONAL_KINDS."""
    numbers = {kind: sum(span.kind == kind for span in found) for kind in PERSONAL_KINDS}
    return {kind: number for kind, number in numbers.items() if number}
