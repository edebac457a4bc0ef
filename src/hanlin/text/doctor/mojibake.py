"""Text that was decoded by the wrong encoding once and saved so: what decodes again, by the way back, is no chance.

    UTF-8 read as Latin-1 or Windows-1252    Ã© â€™ ä½ å¥½    goes back to bytes that are UTF-8
    UTF-8 read as GBK                        浣犲ソ 锟斤拷      the same through GB18030
    GBK read as Latin-1                      ÄãºÃ             goes back to bytes that are Han characters of GB18030

Only runs of characters beyond ASCII are tried, so that the check is cheap on the sample it is made for.
"""

from __future__ import annotations

import itertools
import re

_RUN = re.compile(r"[^\x00-\x7f]{2,60}")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_LATIN_LEAD = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0192\u02c6\u02dc\u2013-\u2122]")
_WIDE = re.compile(r"[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")
_FAULT = re.compile("\ufffd|[\ue000-\uf8ff]")
_CERTAIN = re.compile("锟斤拷|烫烫烫|屯屯屯")
"""U+FFFD, and memory nobody filled, read as GBK."""
_MOST_RUNS = 400
_LEAST = 2
"""Runs that must go back before one is believed, but for a long one."""
_LONG = 12


def mojibake_in(text: str) -> tuple[int, int]:
    """Return how many runs of a text were decoded wrongly, 0 where one may be chance, and where the first begins."""
    if text.isascii():
        return 0, 0
    certain = _CERTAIN.search(text)
    wrong = [run for run in itertools.islice(_RUN.finditer(text), _MOST_RUNS) if _goes_back(run[0])]
    if certain:
        return len(wrong) + 1, certain.start()
    is_enough = len(wrong) >= _LEAST or any(len(run[0]) >= _LONG for run in wrong)
    return (len(wrong), wrong[0].start()) if is_enough else (0, 0)


def _goes_back(run: str) -> bool:
    """Whether a run becomes better text by going back through an encoding it may have come through."""
    if _HAN.search(run):
        back = _bytes(run, "gb18030").decode("utf-8", "replace")
        return len(run) >= 4 and len(_FAULT.findall(back)) <= 0.4 * len(back) and len(_WIDE.findall(back)) >= 2
    return _is_utf8(run) or (len(run) >= 8 and not run.isspace() and _is_han(run))


def _is_utf8(run: str) -> bool:
    if not _LATIN_LEAD.search(run):
        return False
    backs = [_bytes(run, encoding).decode("utf-8", "replace") for encoding in ("cp1252", "latin-1")]
    return any(len(_FAULT.findall(back)) <= 0.1 * len(back) < 0.1 * len(run) for back in backs)


def _is_han(run: str) -> bool:
    """Latin letters and signs that are pairs of bytes of Han characters."""
    back = _bytes(run, "latin-1").decode("gb18030", "replace")
    return len(_HAN.findall(back)) >= 0.35 * len(run) and not _FAULT.search(back)


def _bytes(run: str, encoding: str) -> bytes:
    """The bytes of a run; Windows-1252 leaves five bytes out, which programs write as the controls they are."""
    if encoding != "cp1252":
        return run.encode(encoding, "ignore")
    return b"".join(sign.encode("cp1252", "ignore") or sign.encode("latin-1", "ignore") for sign in run)
