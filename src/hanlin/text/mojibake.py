"""Text that was decoded in the wrong encoding, put right line by line, where it can be proved.

    ÎÒÃÇÒ»Æð  GBK read as Latin-1: pairs of high letters that are all everyday characters
    å¤©æ°”    UTF-8 read as Latin-1 or Windows-1252 (and its like in other alphabets): by ftfy
    浠婂ぉ     UTF-8 read as GBK: its bytes are UTF-8 again, which those of Chinese text never are

A line is repaired only if all of the evidence fits; a good one is never touched (measured: benchmarks/mojibake.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_SPECIAL = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"  # what Windows-1252 has in place of control characters
_LATIN = re.compile(f"[\x80-\xff{_SPECIAL}]{{2}}")
_GBK_PAIRS = re.compile("[\xa1-\xfe]{2,}")
_COMMON_HAN = frozenset(
    "的一是不了人我在有他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天而能好都然没日于起还"
    "发成事只作当想看文无開長門書電話這來國說們為後麼對過時會個把被从与同但其用第样经行法如定本最新信息内容系统公司工作问题"
)
_HAN = re.compile("[\u4e00-\u9fff]")
_CJK = re.compile("[\u3000-\u303f\u3040-\u30ff\u4e00-\u9fff\uff00-\uffef]")
# GBK characters whose first byte begins a character of UTF-8: a third of all in such a line, one in hundreds elsewhere.
_LEADS = re.compile(
    "["
    + "".join(bytes((a, b)).decode("gb18030") for a in range(0xE3, 0xEA) for b in range(0x80, 0xC0) if b != 0x7F)
    + "]"
)
# A character of UTF-8 has three bytes, one of GBK two: where the number was odd, the last byte went with what followed.
_CUT = re.compile(rb"[\xe2-\xef](?:[\x80-\xbf]\?|\?[\x80-\xbf]|\?\?)")
# Scripts that hardly anybody writes, but into which pairs of accented letters fall by chance (Üß N'Ko, Ñ° old Cyrillic)
_UNLIKELY = re.compile("[\u0250-\u02ff\u0460-\u0489\u0700-\u08ff\u1680-\u1cff\ua000-\uabff\ue000-\uf8ff]")
_LOST = re.compile("锟斤拷|烫烫烫|屯屯屯")
MOST_LOST = 0.25
"""Share of characters that may be lost, as U+FFFD, in a line that is repaired: with more it proves nothing."""


def repaired(text: str) -> tuple[str, int]:
    """Return the text with its wrongly decoded lines put right, and their number."""
    rules = [] if text.isascii() else [rule for gate, rule in _RULES if gate.search(text)]
    if not rules:
        return text, 0
    lines = text.split("\n")
    number = 0
    for rule in rules:
        mended = [rule(line, False) for line in lines]
        if mended != lines:  # what one line proves, another may be believed on less
            mended = [rule(line, True) if one == line else one for one, line in zip(mended, lines, strict=True)]
        number += sum(map(str.__ne__, mended, lines))
        lines = mended
    return "\n".join(lines), number


@dataclass(frozen=True)
class Garbled:
    """Lines of a text that were decoded wrongly: how many, where the first begins, what stands there and what is meant
    ("" where nobody can tell any more)."""

    number: int
    start: int
    line: str
    meant: str


def garbled(text: str) -> Garbled | None:
    """Return what `repaired` would put right, and what is certainly lost: U+FFFD and memory nobody filled, as GBK."""
    if text.isascii():
        return None
    mended, number = repaired(text)
    if number:
        start = 0
        for line, meant in zip(text.split("\n"), mended.split("\n"), strict=True):
            if line != meant:
                return Garbled(number, start, line, meant)
            start += len(line) + 1
    found = _LOST.search(text)
    if found is None:
        return None
    start = text.rfind("\n", 0, found.start()) + 1
    return Garbled(len(_LOST.findall(text)), start, text[start:].partition("\n")[0], "")


def _utf8_as_latin(line: str, is_known: bool) -> str:
    if not _LATIN.search(line):
        return line
    import ftfy  # a quarter of a second to load

    fixed = ftfy.fix_encoding(line)
    is_better = len(fixed) < len(line)  # of several letters one was made; ftfy may also put a € for a control character
    return fixed if is_better and (not _UNLIKELY.search(fixed) or _UNLIKELY.search(line)) else line


def _gbk_as_latin(line: str, is_known: bool) -> str:
    pairs = _GBK_PAIRS.findall(line)
    if not pairs or _HAN.search(line) or any(len(run) % 2 for run in pairs) or _is_utf8_as_latin(line):
        return line
    try:
        found = "".join(run.encode("latin-1").decode("gb2312") for run in pairs)
    except UnicodeDecodeError:
        return line
    han = _HAN.findall(found)
    is_chinese = len(set(han)) >= 3 and 10 * sum(map(_COMMON_HAN.__contains__, han)) >= len(han) >= len(found) / 2
    if not (is_chinese or (is_known and han)):
        return line
    return _GBK_PAIRS.sub(lambda run: run[0].encode("latin-1").decode("gb2312"), line)


def _is_utf8_as_latin(line: str) -> bool:
    try:
        line.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return False
    return True


def _utf8_as_gbk(line: str, is_known: bool) -> str:
    num_leads = len(_LEADS.findall(line))
    if num_leads < (1 if is_known else 2) or 5 * num_leads < len(_HAN.findall(line)):
        return line
    data = line.replace("\ufffd", "?").encode("gb18030", "replace")
    data = _CUT.sub(b"\xef\xbf\xbd", data)
    found = data.decode("utf-8", "replace")
    num_cjk, num_lost = len(_CJK.findall(found)), found.count("\ufffd")
    is_chinese = num_cjk >= 2 and any(map(_COMMON_HAN.__contains__, found))
    return found if num_lost <= max(1, MOST_LOST * num_cjk) and (is_chinese or (is_known and not num_lost)) else line


_RULES: tuple[tuple[re.Pattern[str], Callable[[str, bool], str]], ...] = (
    (_GBK_PAIRS, _gbk_as_latin),  # before ftfy, which knows no GBK and would take it for something else
    (_LATIN, _utf8_as_latin),
    (_LEADS, _utf8_as_gbk),
)
