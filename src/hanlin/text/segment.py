"""Words of a text: Han characters by the dictionary of jieba, all other writing by letters; and their stems.

For statistics, word vectors and masks of whole words. Vocabularies are never trained on segmented text: what a
segmenter cuts apart, no merge could join again.
"""

from __future__ import annotations

import functools
import itertools
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from hanlin.base.errors import InputError
from hanlin.text.folding import codes_of, simplified

UNSPACED = frozenset({"ja", "th", "lo", "km", "my", "bo", "dz"})
"""Languages without spaces between words, whose dictionaries Hanlin does not have."""

STEMMERS = {
    "ar": "arabic", "hy": "armenian", "eu": "basque", "ca": "catalan", "cs": "czech", "da": "danish", "nl": "dutch",
    "en": "english", "eo": "esperanto", "et": "estonian", "fi": "finnish", "fr": "french", "de": "german",
    "el": "greek", "hi": "hindi", "hu": "hungarian", "id": "indonesian", "ga": "irish", "it": "italian",
    "lt": "lithuanian", "ne": "nepali", "no": "norwegian", "nb": "norwegian", "nn": "norwegian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "es": "spanish", "sv": "swedish",
    "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
"""Snowball's stemmer of each language."""

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # escaped: U+F900 normalises to U+8C48
Span = tuple[int, int]


def segment(text: str, lang: str) -> list[str]:
    """Return the words of a text in order, without marks and spaces. Raises InputError E267 where words of `lang`
    cannot be told apart."""
    return [text[start:end] for start, end in word_spans(text, lang)]


def word_spans(text: str, lang: str) -> list[Span]:
    """Return where each word begins and ends, in characters. `lang` is an ISO 639 code, or "other", "code" or "".

    A word is a run of letters with the marks on them, an apostrophe between two of them included, a number, or a word
    of jieba's dictionary (Traditional text is looked up as Simplified). Raises InputError as `segment` does.
    """
    if lang in UNSPACED:
        raise InputError("text.no_segmenter", lang=lang, unspaced=", ".join(sorted(UNSPACED)))
    return list(_spans(text))


def stem(words: Iterable[str], lang: str) -> list[str]:
    """Return the stem of each word, in lower case (Porter 2001, "Snowball"): runs, running -> run.

    Chinese has no endings and its words come back as they are. Raises InputError E268 for a language without a stemmer.
    """
    words = list(words)
    if lang in ("zh", "yue"):
        return words
    if lang not in STEMMERS:
        raise InputError("text.no_stemmer", lang=lang, known=", ".join(sorted({*STEMMERS, "zh"})))
    stems: list[str] = _stemmer(lang).stemWords([word.lower() for word in words])
    return stems


def _spans(text: str) -> Iterator[Span]:
    for found in _word_pattern().finditer(text):
        if found.lastgroup == "han":
            yield from _han_spans(found.group(), found.start())
        else:
            yield found.span()


def _han_spans(run: str, at: int) -> Iterator[Span]:
    known = simplified(codes_of(run)).tobytes().decode("utf-32-le")  # character by character: places stay
    ends = itertools.accumulate((len(word) for word in _jieba().cut(known)), initial=at)
    yield from itertools.pairwise(ends)


@functools.cache
def _word_pattern() -> re.Pattern[str]:
    """Words and runs of Han characters. Python's letters lack the marks of Indic and Arabic writing."""
    letter = rf"(?:[^\W\d_{_HAN}]|[{_marks()}])"
    word = rf"{letter}(?:{letter}|\d)*(?:['’]{letter}+)*"
    return re.compile(rf"(?P<han>[{_HAN}]+)|{word}|\d+(?:[.,]\d+)*")


@functools.cache
def _marks() -> str:
    """Every combining mark as ranges of a character class; found once, in 0.2 s."""
    codes = (code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)).startswith("M"))
    ranges = []
    for _, group in itertools.groupby(enumerate(codes), key=lambda pair: pair[1] - pair[0]):
        run = [code for _, code in group]
        ranges.append(f"\\U{run[0]:08x}-\\U{run[-1]:08x}")
    return "".join(ranges)


@functools.cache
def _jieba() -> Any:
    """The segmenter, whose dictionary takes 0.2 s to load."""
    import rjieba

    return rjieba


@functools.cache
def _stemmer(lang: str) -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer(STEMMERS[lang])
