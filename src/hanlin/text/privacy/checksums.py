"""Check digits: what tells a number that means somebody from one that only looks like it.

A random number passes Luhn with 1 in 10, GB 11643 with 1 in 11, GB 32100 with 1 in 31, an IBAN with 1 in 97.
Letters are expected in capitals; a wrong length is False, never an error.
"""

from __future__ import annotations

import datetime

_IDENTITY_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))
_CREDIT_LETTERS = {letter: value for value, letter in enumerate("0123456789ABCDEFGHJKLMNPQRTUWXY")}
_CREDIT_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))

# GB/T 2260: the first two digits of every county code, Hong Kong, Macao and Taiwan (71, 81 to 83) included.
PROVINCES = frozenset(
    [*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83]
)

# ISO 13616 registry: length of an IBAN by country.
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SD": 18,
    "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22,
    "VG": 24, "XK": 20,
}  # fmt: skip


def is_luhn(digits: str) -> bool:
    """Whether the digits of a card number pass ISO/IEC 7812-1, annex B."""
    values = [int(digit) for digit in reversed(digits)]
    doubled = (2 * value - 9 if value > 4 else 2 * value for value in values[1::2])
    return len(values) > 1 and any(values) and (sum(values[::2]) + sum(doubled)) % 10 == 0


def is_identity_card(number: str) -> bool:
    """Whether 18 characters are a number after GB 11643: province, a day that was, ISO 7064 MOD 11-2."""
    if (
        len(number) != 18
        or not number[:17].isdecimal()
        or int(number[:2]) not in PROVINCES
        or not _is_day(number[6:14])
    ):
        return False
    remainder = sum(weight * int(digit) for weight, digit in zip(_IDENTITY_WEIGHTS, number[:17], strict=True)) % 11
    return number[17] == "10X98765432"[remainder]


def is_old_identity_card(number: str) -> bool:
    """Whether 15 digits have the form used until 1999, which has no check digit: province and a day of 19xx."""
    return len(number) == 15 and int(number[:2]) in PROVINCES and _is_day("19" + number[6:12])


def _is_day(yyyymmdd: str) -> bool:
    try:
        day = datetime.datetime.strptime(yyyymmdd, "%Y%m%d")
    except ValueError:
        return False
    return 1880 <= day.year <= 2100


def is_credit_code(code: str) -> bool:
    """Whether 18 characters are a unified social credit code after GB 32100 (province and check character)."""
    if len(code) != 18 or not set(code) <= _CREDIT_LETTERS.keys() or not code[2:8].isdecimal():
        return False
    total = sum(_CREDIT_LETTERS[letter] * weight for letter, weight in zip(code[:17], _CREDIT_WEIGHTS, strict=True))
    return int(code[2:4]) in PROVINCES and _CREDIT_LETTERS[code[17]] == -total % 31


def is_iban(code: str) -> bool:
    """Whether a code without spaces is an IBAN: its country's length, and ISO 7064 MOD 97-10."""
    if IBAN_LENGTHS.get(code[:2]) != len(code) or not code.isascii() or not code.isalnum():
        return False
    return int("".join(str(int(letter, 36)) for letter in code[4:] + code[:4])) % 97 == 1


def is_hong_kong_card(code: str) -> bool:
    """Whether a code such as A1234563 (brackets taken out) is a Hong Kong identity card: weights 9 to 1, modulo 11."""
    padded = code.rjust(9)
    values = [36 if letter == " " else int(letter, 36) for letter in padded]
    values[-1] = 10 if padded[-1] == "A" else values[-1]
    return sum(value * weight for value, weight in zip(values, range(9, 0, -1), strict=True)) % 11 == 0


def is_taiwan_card(code: str) -> bool:
    """Whether a code such as A123456789 is a Taiwan identity number: letter as two digits, weights 1, 9, 8 … 1, 1."""
    letter = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(code[0]) + 10
    total = letter // 10 + 9 * (letter % 10) + sum(int(c) * w for c, w in zip(code[1:9], range(8, 0, -1), strict=True))
    return (total + int(code[9])) % 10 == 0
