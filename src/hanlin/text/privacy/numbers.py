"""Personal data made of digits: telephones, identity cards, bank cards, US social security numbers.

One cheap search finds stretches of digits with the signs people put between them; only there the forms are tried, each
a pattern without nested repetition, and what has its form is checked by check digit or by what stands around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from hanlin.text.privacy.checksums import is_identity_card, is_luhn, is_old_identity_card
from hanlin.text.privacy.context import before, counts_things, is_labelled_phone, is_nobodys, speaks_of_phones
from hanlin.text.privacy.span import Span

_STRETCH = re.compile(r"[0-9][0-9 .·/()（）–-]{5,}[0-9Xx]")
_LEFT, _RIGHT = r"(?<![0-9A-Za-z_])(?<![0-9][.])", r"(?![0-9A-Za-z_])(?![.][0-9])"
_BEYOND = 10  # characters after a stretch that may still belong to its last number: an extension, a boundary

_LABEL_LEFT = r"(?:(?<![0-9A-Za-z_])|(?<=[Tt]el)|(?<=[Cc]all)|(?<=[Pp]hone))(?<![0-9][.])"  # tel154… is no code
_MOBILE = re.compile(
    _LABEL_LEFT + r"(?:[(（]?(?:\+|00)?86[)）]?[ -]?)?"
    r"1[3-9][0-9](?:[0-9]{8}|([ .·-]| - )[0-9]{4}\1[0-9]{4}|[0-9][ -][0-9]{3}[ -][0-9]{4})" + _RIGHT
)
# Area codes have three digits (010, 02x) with eight after them, or four with seven or eight.
_LANDLINE = re.compile(
    _LEFT + r"(?P<country>[(（]?(?:\+|00)?86[)）]?[ -]|[(（]?(?:\+|00)86[)）]?)?"
    r"(?P<open>[(（])?(?P<area>0?(?:10|2[0-57-9]|[3-9][0-9]{2}))(?P<close>[)）])?(?P<gap>(?: ?[–/-] ?| )?)"
    r"(?P<local>[2-8](?:[0-9]{6,7}|[0-9]{2,3}[ -][0-9]{4}))(?:(?:转|轉| ?ext[.]? ?|x|-)[0-9]{1,6})?" + _RIGHT
)
_LOCAL = re.compile(_LEFT + r"[2-8](?:[0-9]{6,7}|[0-9]{2,3}[ -][0-9]{4})(?:-[0-9]{1,5})?" + _RIGHT)
# North American numbering plan: neither area nor exchange begins with 0 or 1; 400 is a service line in China.
_AMERICAN = re.compile(
    _LEFT + r"(?:(?:\+|00)?1[ .-]?)?(?:[(][2-9][0-9]{2}[)][ .-]?|(?!400)[2-9][0-9]{2}[ .-])"
    r"[2-9][0-9]{2}[ .-][0-9]{4}(?: ?(?:x|ext[.]?) ?[0-9]{1,6})?" + _RIGHT
)
_INTERNATIONAL = re.compile(
    _LEFT + r"(?:[(]?\+(?!86)[1-9][0-9]{0,2}[)]?|(?<![0-9][ -])00[1-9][0-9]{0,2}(?=[ -]))"
    r"(?: ?[(][0-9]{1,4}[)])?(?:[ .-]?[0-9]){6,13}" + _RIGHT
)
_ANY_PHONE = re.compile(r"(?<![0-9A-Za-z_])(?<![0-9][ .-])[(+]?[0-9](?:[ .()/-]{0,2}[0-9]){5,14}" + _RIGHT)
_IDENTITY = re.compile(_LEFT + r"[1-9][0-9]{5}([ -]?)[12][0-9]{7}\1[0-9]{3}[0-9Xx]" + _RIGHT)
# As people group it: 6-8-4, 6-4-4-4, 3-3-4-4-4, 4-4-4-4-2; the check digit tells it from a row of a table.
_IDENTITY_IN_GROUPS = re.compile(
    _LEFT + r"[1-9][0-9]{2,9}(?:([ -])[0-9]{2,8}(?:\1[0-9]{2,8}){0,3})\1[0-9]{1,4}[0-9Xx]" + _RIGHT
)
_OLD_IDENTITY = re.compile(_LEFT + r"[1-9][0-9]{14}" + _RIGHT)
_CARD = re.compile(
    _LEFT + r"(?:[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}(?:\1[0-9]{4})?(?:\1[0-9]{1,3})?"
    r"|[0-9]{4}[ -][0-9]{6}[ -][0-9]{4,5}|[0-9]{6} [0-9]{10,13}|[0-9]{12,19})" + _RIGHT
)
_ANY_CARD = re.compile(_LEFT + r"[0-9](?:[ -]?[0-9]){11,18}" + _RIGHT)
_SOCIAL = re.compile(r"(?<![0-9A-Za-z_.-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![0-9A-Za-z_-])")
_SPACED_SOCIAL = re.compile(_LEFT + r"(?!000|666|9)[0-9]{3} ?(?!00)[0-9]{2} ?(?!0000)[0-9]{4}" + _RIGHT)
_SOCIAL_WORD = re.compile(r"SSN|[Ss]ocial [Ss]ecurity|社会安全")

# Issuers by ISO/IEC 7812: first digits and lengths. The short Maestro cards are those still in use.
_ISSUERS = re.compile(
    r"(?:62|81)[0-9]{14,17}|9558[0-9]{15}|60[0-9]{17}|4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}"
    r"|2(?:22[1-9][0-9]|2[3-9][0-9]{2}|[3-6][0-9]{3}|7[01][0-9]{2}|720[0-9])[0-9]{11}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9]|9[0-9])[0-9]{11}|(?:2131|1800)[0-9]{11}"
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12}|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}"
    r"|(?:50[1-3]8|5[678][0-9]{2}|6304|6390|67[56][0-9]|0604)[0-9]{8,15}"
)
_CARD_WORD = re.compile(
    r"银行卡|信用卡|储蓄卡|卡号|銀行卡|卡號|账号|帐号|(?<![A-Za-z])(?:card|cc)(?![a-z])", re.IGNORECASE
)


def find_numbers(text: str, kinds: frozenset[str]) -> Iterator[Span]:
    """Yield findings of the wanted kinds among those of this file, overlaps included."""
    rules = [rule for rule in _RULES if rule[0] in kinds]
    for stretch in _STRETCH.finditer(text) if rules else ():
        start, end = max(0, stretch.start() - 6), stretch.end() + _BEYOND
        for kind, form, holds in rules:
            for match in form.finditer(text, start, end):
                if holds(text, match):
                    begin = match.start() + (match.group()[0] in "(（" and not re.search(r"[)）]", match.group()))
                    yield Span(kind, begin, match.end(), text[begin : match.end()])


def _digits(match: re.Match[str]) -> str:
    return re.sub(r"[^0-9Xx]", "", match.group()).upper()


def _is_mobile(text: str, match: re.Match[str]) -> bool:
    return not is_nobodys(text, *match.span())


def _is_landline(text: str, match: re.Match[str]) -> bool:
    """A trunk prefix 0 or the country's code; brackets in pairs; the lengths that its area has."""
    area, local = match["area"].removeprefix("0"), re.sub(r"[^0-9]", "", match["local"])
    if bool(match["open"]) != bool(match["close"]) or not (match["area"][0] == "0" or match["country"]):
        return False
    if len(local) != 8 and len(area) == 2:
        return False
    apart = match["gap"] or match["open"] or speaks_of_phones(text, match.start())
    return bool(apart) and not is_nobodys(text, *match.span())


def _is_labelled_local(text: str, match: re.Match[str]) -> bool:
    return is_labelled_phone(text, *match.span()) and not is_nobodys(text, *match.span())


def _is_american(text: str, match: re.Match[str]) -> bool:
    """Three numbers between spaces are a row of a table unless a word says otherwise."""
    marked = match.group()[0] in "(+" or not re.fullmatch(r"[0-9 ]+", match.group())
    return (marked or speaks_of_phones(text, match.start())) and not is_nobodys(text, *match.span())


def _is_international(text: str, match: re.Match[str]) -> bool:
    return 8 <= len(_digits(match)) <= 15 and not is_nobodys(text, *match.span())


def _is_labelled_phone(text: str, match: re.Match[str]) -> bool:
    if match.group().startswith(("400", "800")):  # lines that a Chinese company pays for
        return False
    return (
        7 <= len(_digits(match)) <= 15
        and is_labelled_phone(text, *match.span())
        and not counts_things(text, match.start())
    )


def _is_identity(text: str, match: re.Match[str]) -> bool:
    return is_identity_card(_digits(match))


def _is_old_identity(text: str, match: re.Match[str]) -> bool:
    return "身份证" in before(text, match.start(), 20) and is_old_identity_card(match.group())


def _is_card(text: str, match: re.Match[str]) -> bool:
    """Luhn, and a word of cards before it or an issuer's first digits; 1 plain number in 10 with these still passes."""
    number = _digits(match)
    if not is_luhn(number):
        return False
    if _CARD_WORD.search(before(text, match.start(), 20)):
        return True
    return _ISSUERS.fullmatch(number) is not None and not is_nobodys(text, *match.span())


def _is_labelled_card(text: str, match: re.Match[str]) -> bool:
    return _CARD_WORD.search(before(text, match.start(), 12)) is not None and is_luhn(_digits(match))


def _is_labelled_social(text: str, match: re.Match[str]) -> bool:
    return _SOCIAL_WORD.search(before(text, match.start(), 30)) is not None


def _is_social(text: str, match: re.Match[str]) -> bool:
    return not counts_things(text, match.start())


_RULES: tuple[tuple[str, re.Pattern[str], Callable[[str, re.Match[str]], bool]], ...] = (
    ("id_card", _IDENTITY, _is_identity),
    ("id_card", _IDENTITY_IN_GROUPS, _is_identity),
    ("id_card", _OLD_IDENTITY, _is_old_identity),
    ("bank_card", _CARD, _is_card),
    ("bank_card", _ANY_CARD, _is_labelled_card),
    ("ssn", _SOCIAL, _is_social),
    ("ssn", _SPACED_SOCIAL, _is_labelled_social),
    ("mobile", _MOBILE, _is_mobile),
    ("landline", _LANDLINE, _is_landline),
    ("landline", _LOCAL, _is_labelled_local),
    ("phone", _AMERICAN, _is_american),
    ("phone", _INTERNATIONAL, _is_international),
    ("phone", _ANY_PHONE, _is_labelled_phone),
)
