"""Which script a character is written in, and whether Han characters are simplified, traditional or Japanese forms.

Scripts have their ISO 15924 codes. Forms of Han characters come from the national character sets Python knows: what
GB 2312 has and Big5 has not is a simplified form, what Big5 has and GB 2312 has not a traditional one, what only
JIS X 0208 has a Japanese one. No list to keep, no library: checked against whole novels in both.
"""

from __future__ import annotations

import bisect
import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

# First and last code point of the blocks in use; letters outside are "Zyyy", like digits and signs.
_BLOCKS = sorted(
    (int(first, 16), int(last, 16), script)
    for script, ranges in {
        "Latn": "0041-005A 0061-007A 00AA-00AA 00BA-00BA 00C0-00D6 00D8-00F6 00F8-02AF 1E00-1EFF FF21-FF3A FF41-FF5A",
        "Grek": "0370-03FF 1F00-1FFF",
        "Cyrl": "0400-052F 1C80-1C8F 2DE0-2DFF A640-A69F",
        "Armn": "0531-0556 0561-0587",
        "Hebr": "05D0-05F2 FB1D-FB4F",
        "Arab": "0620-064A 066E-06D3 06D5-06D5 06E5-06EF 06FA-06FF 0750-077F FB50-FDFF FE70-FEFC",
        "Deva": "0900-0963 0970-097F",
        "Beng": "0980-09E3 09F0-09F1",
        "Guru": "0A00-0A65 0A70-0A76",
        "Gujr": "0A80-0AE5",
        "Orya": "0B00-0B65",
        "Taml": "0B80-0BE5",
        "Telu": "0C00-0C65",
        "Knda": "0C80-0CE5",
        "Mlym": "0D00-0D65",
        "Sinh": "0D80-0DDF",
        "Thai": "0E01-0E3A 0E40-0E4E",
        "Laoo": "0E81-0ECD 0EDC-0EDF",
        "Tibt": "0F00-0F1F 0F40-0FBC",
        "Mymr": "1000-103F 1050-109F",
        "Geor": "10A0-10FA 10FC-10FF 1C90-1CBF",
        "Hang": "1100-11FF 3131-318E AC00-D7A3",
        "Ethi": "1200-135A",
        "Khmr": "1780-17D3",
        "Mong": "1820-18AA",
        "Hira": "3041-309F",
        "Kana": "30A1-30FA 30FC-30FF 31F0-31FF FF66-FF9D",
        "Hani": "3005-3007 3400-4DBF 4E00-9FFF F900-FAFF 20000-323AF",
    }.items()
    for first, last in (block.split("-") for block in ranges.split())
)
_FIRSTS = [first for first, _, _ in _BLOCKS]
_YUE = frozenset("嘅咗佢哋嘢喺冇啲嚟噉")  # written Cantonese; standard Chinese has no use for them
_SPOKEN = frozenset("你您她很吧吗嗎呢哪啊嘛咱们們怎")  # JIS has them, but nobody writes modern Japanese with them


class _Scripts(dict[str, str]):
    """The script of every character met so far."""

    def __missing__(self, sign: str) -> str:
        place = bisect.bisect_right(_FIRSTS, ord(sign)) - 1
        script = _BLOCKS[place][2] if place >= 0 and ord(sign) <= _BLOCKS[place][1] else "Zyyy"
        self[sign] = script
        return script


_SCRIPTS = _Scripts()


def script_of(sign: str) -> str:
    """Return the script of one character, "Zyyy" for digits, signs and spaces."""
    return _SCRIPTS[sign]


@dataclass(frozen=True)
class ScriptCounts:
    """Letters of a text by script (without "Zyyy"), and of the Han characters those that tell who writes so.

    `simplified` and `traditional` are forms of one of both only; `foreign_to_japanese` those of them that Japanese has
    not, and words of spoken Chinese; `japanese` forms that only Japanese has; `cantonese` characters of written
    Cantonese.
    """

    letters: Mapping[str, int]
    simplified: int = 0
    traditional: int = 0
    foreign_to_japanese: int = 0
    japanese: int = 0
    cantonese: int = 0

    def __getitem__(self, script: str) -> int:
        return self.letters.get(script, 0)


def count_scripts(text: str) -> ScriptCounts:
    """Count the letters of a text by script: every different character is looked at once."""
    letters: Counter[str] = Counter()
    han: dict[str, int] = {}
    for sign, number in Counter(text).items():
        script = _SCRIPTS[sign]
        if script != "Zyyy":
            letters[script] += number
        if script == "Hani":
            han[sign] = number
    return _with_forms(letters, han) if han else ScriptCounts(letters)


def _with_forms(letters: Mapping[str, int], han: Mapping[str, int]) -> ScriptCounts:
    forms = _han_forms()
    kinds: Counter[str] = Counter()
    for sign, number in han.items():
        for kind in forms.get(sign, ()):
            kinds[kind] += number
    return ScriptCounts(letters, **kinds)


@functools.cache
def _han_forms() -> dict[str, tuple[str, ...]]:
    """For each Han character that tells something, the fields of ScriptCounts it counts for; made once, in 30 ms."""
    forms = {}
    for code in (*range(0x3005, 0x3008), *range(0x4E00, 0xA000)):
        sign = chr(code)
        in_gb, in_big5, in_jis = (_has(sign, charset) for charset in ("gb2312", "big5", "shift_jis"))
        # Both order by use. The rare part of each holds old characters that writers of both scripts may need.
        is_common_gb = in_gb and sign.encode("gb2312") < b"\xd8"
        is_common_big5 = in_big5 and sign.encode("big5") < b"\xc9"
        kinds = []
        if in_gb and not (is_common_big5 if is_common_gb else in_big5):
            kinds.append("simplified")
        if is_common_big5 and not in_gb:
            kinds.append("traditional")
        if (kinds and not in_jis) or sign in _SPOKEN:
            kinds.append("foreign_to_japanese")
        if in_jis and not in_gb and not in_big5:
            kinds.append("japanese")
        if sign in _YUE:
            kinds.append("cantonese")
        if kinds:
            forms[sign] = tuple(kinds)
    return forms


def _has(sign: str, charset: str) -> bool:
    try:
        sign.encode(charset)
    except UnicodeEncodeError:
        return False
    return True
