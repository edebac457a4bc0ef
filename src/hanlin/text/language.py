"""Which language a text is in, by its script: enough to report and score Chinese and English apart.

Sentence-level identification of more languages is another matter; here every text is "zh", "en", "code" or "other".
"""

from __future__ import annotations

import re

SAMPLE_CHARS = 20_000

_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_KANA_HANGUL = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")
_LATIN = re.compile(r"[A-Za-z]+")
_OTHER_LETTER = re.compile(r"[^\W\d_A-Za-z\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af\U00020000-\U0003ffff]")


def language_of(text: str) -> str:
    """Return "zh", "en" or "other" by the share of scripts in the first 20,000 characters.

    A Han character counts as much as a Latin word: mixed technical Chinese has more Latin letters than Han characters.
    Japanese and Korean, told by their own scripts, and texts without any letter are "other".
    """
    sample = text[:SAMPLE_CHARS]
    han, latin = len(_HAN.findall(sample)), len(_LATIN.findall(sample))
    foreign = len(_KANA_HANGUL.findall(sample)) + len(_OTHER_LETTER.findall(sample))
    if han + latin == 0 or foreign > 0.1 * (han + latin + foreign):
        return "other"
    return "zh" if han >= 0.3 * (han + latin) else "en"
