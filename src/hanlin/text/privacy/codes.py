"""Personal data made of letters and digits: credit codes, IBANs, passports, plates, cards of Hong Kong and Taiwan.

Patterns that search a whole text begin with one class of characters: only then the engine skips to candidates, at
200 MB/s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from hanlin.text.privacy.checksums import is_credit_code, is_hong_kong_card, is_iban, is_taiwan_card
from hanlin.text.privacy.context import before
from hanlin.text.privacy.span import Span

# First two characters after GB 32100: the registering authority and its kind of body.
_CREDIT = re.compile(
    r"(?:1[1-39]|2[19]|3[1-59]|4[19]|5[1-39]|6[129]|7[129]|8[19]|9[1-39]|A[19]|N[1-39]|Y1)[1-8][0-9]{5}[0-9A-HJ-NPQRTUWXY]{10}"
)
# Where an IBAN or a card of Hong Kong or Taiwan may begin.
_CODE = re.compile(r"[A-Z][A-Z]?[0-9][0-9]")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)")
_PASSPORT_WORDS = ("护照", "護照", "通行证", "通行證", "passport", "Passport", "PASSPORT")
_PASSPORT = re.compile(r"(?<![0-9A-Za-z])(?:[A-Z]{1,2}(?:[0-9]{7,8}| [0-9]{4} [0-9]{4})|[0-9]{9})(?![0-9A-Za-z])")
_PASSPORT_NEAR = 28  # characters between the word and the number
_PROVINCE = "京津沪滬渝冀豫云雲辽遼黑湘皖鲁魯新苏蘇浙赣贛鄂桂甘晋晉蒙陕陝吉闽閩贵貴粤粵青藏川宁寧琼瓊"
_LETTER, _SIGN = "[A-HJ-NP-Za-hj-np-z]", "[A-HJ-NP-Za-hj-np-z0-9]"
# GA 36: new-energy plates have six characters, with D or F and its successors first (cars) or last (lorries).
_PLATE = re.compile(
    rf"[{_PROVINCE}][·•・]?{_LETTER}[ ·•・.-]?"
    rf"(?P<tail>[A-HJKa-hjk]{_SIGN}[0-9]{{4}}|[0-9]{{5}}[A-HJKa-hjk]|{_SIGN}{{4}}(?:{_SIGN}|[挂学警港澳學掛]))"
)
_NOT_PLATE = re.compile(r"(?:[最更全崭创重革刷]新|[阿里讯华为]云)$")  # the adjective, the computing kind
_HONG_KONG = re.compile(r"[A-Z]{1,2}[0-9]{6}[(（][0-9A][)）]")
_TAIWAN = re.compile(r"[A-Z][1289][0-9]{8}")


def find_codes(text: str, kinds: frozenset[str]) -> Iterator[Span]:
    """Yield findings of the wanted kinds among those of this file, overlaps included."""
    if "uscc" in kinds:
        yield from _alone("uscc", (m for m in _CREDIT.finditer(text) if is_credit_code(m.group())), text)
    if "plate" in kinds and not text.isascii():
        yield from _alone("plate", (m for m in _PLATE.finditer(text) if _is_plate(text, m)), text)
    if kinds & {"iban", "id_card"}:
        yield from _checked_codes(text, kinds)
    if "passport" in kinds:
        yield from _passports(text)


def _checked_codes(text: str, kinds: frozenset[str]) -> Iterator[Span]:
    for code in _CODE.finditer(text):
        for kind, form, holds in _CODES:
            if kind in kinds and (match := form.match(text, code.start())) and holds(_bare(match.group())):
                yield from _alone(kind, iter([match]), text)


def _bare(code: str) -> str:
    return re.sub(r"[^0-9A-Z]", "", code)


_CODES: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("iban", _IBAN, is_iban),
    ("id_card", _HONG_KONG, is_hong_kong_card),
    ("id_card", _TAIWAN, is_taiwan_card),
)


def _alone(kind: str, matches: Iterator[re.Match[str]], text: str) -> Iterator[Span]:
    for match in matches:
        if _stands_alone(text, match.start(), match.end()):
            yield Span(kind, match.start(), match.end(), match.group())


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no Latin letter or digit adjoins; asked afterwards, since a pattern beginning with it searches slowly."""
    around = text[max(0, start - 1) : start] + text[end : end + 1]
    return not any(sign == "_" or (sign.isascii() and sign.isalnum()) for sign in around)


def _is_plate(text: str, match: re.Match[str]) -> bool:
    """At most two letters among the five of an ordinary plate."""
    tail = match["tail"]
    if len(tail) == 5 and sum(sign.isascii() and sign.isalpha() for sign in tail) > 2:
        return False
    return _NOT_PLATE.search(before(text, match.start() + 1, 3)) is None


def _passports(text: str) -> Iterator[Span]:
    """A passport number has no check digit: it counts only near the word."""
    for word in _PASSPORT_WORDS:
        start = text.find(word)
        while start >= 0:
            end = start + len(word)
            line = text.find("\n", end, end + _PASSPORT_NEAR)
            yield from _passports_between(text, end, end + _PASSPORT_NEAR + 10 if line < 0 else line)
            yield from _passports_between(text, max(0, start - 12), start)
            start = text.find(word, end)


def _passports_between(text: str, start: int, end: int) -> Iterator[Span]:
    return (Span("passport", m.start(), m.end(), m.group()) for m in _PASSPORT.finditer(text, start, end))
