"""Which language a text is in: Chinese, English or other by script alone, or one of 136 languages with a confidence.

`language_of` says "zh", "en" or "other" of every document of a corpus: it is cheap, needs no model, and only keeps
Chinese and English apart. `identify` names the language and the script of a document, a sentence or a word: by script
first, which alone decides for Chinese, Japanese, Korean, Thai and others; where many languages share a script,
py3langid's model (naive Bayes over byte n-grams, in its wheel) chooses among those that are written in it.
"""

from __future__ import annotations

import copy
import functools
import itertools
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hanlin.base.errors import InputError
from hanlin.text.scripts import ScriptCounts, count_scripts

SAMPLE_CHARS = 20_000
_PART_CHARS = 700  # identify reads three parts of that length of a longer text: begin, middle, end

_FOREIGN_LETTER, _HAN_CHARACTER, _LATIN_LETTER = 1, 2, 3
_LETTERS_END = 0x32400  # no letter stands beyond
_RANGES = (
    (0x3040, 0x3100, _FOREIGN_LETTER), (0xAC00, 0xD7B0, _FOREIGN_LETTER),  # kana, Hangul
    (0x3400, 0xA000, _HAN_CHARACTER), (0x20000, 0x40000, _HAN_CHARACTER),
    (0x41, 0x5B, _LATIN_LETTER), (0x61, 0x7B, _LATIN_LETTER),
)  # fmt: skip

# Scripts that one language of ours is written in.
_ONLY = {
    "Grek": "el", "Armn": "hy", "Guru": "pa", "Gujr": "gu", "Orya": "or", "Taml": "ta", "Telu": "te", "Knda": "kn",
    "Mlym": "ml", "Sinh": "si", "Thai": "th", "Laoo": "lo", "Tibt": "bo", "Mymr": "my", "Geor": "ka", "Ethi": "am",
    "Khmr": "km", "Mong": "mn", "Hang": "ko", "Hebr": "he",
}  # fmt: skip
# Scripts of several languages; Latin is that of all others the model knows.
_SHARED = {
    "Cyrl": ("ru", "uk", "be", "bg", "sr", "mk", "kk", "mn", "ky", "tg", "tt", "ba"),
    "Arab": ("ar", "fa", "ur", "ug", "ps", "arz", "ary", "sdh"),
    "Deva": ("hi", "mr", "ne", "sa", "gom"),
    "Beng": ("bn", "as"),
}
_EAST = frozenset(["Hani", "Hira", "Kana", "Hang"])
_LONGEST_KANJI = 20
_EAST_CODES = frozenset(["zh", "yue", "ja", "ko"])
_NOT_LATIN = frozenset(
    ["zxx", "wuu", "dz", "grc", "hbo", *_EAST_CODES, *_ONLY.values(), *itertools.chain(*_SHARED.values())]
)
# How much of the web a language is, roughly: a word that could be of several is more likely of a large one. Long texts
# are decided by the model alone.
_LARGE = frozenset([
    "en", "de", "fr", "es", "pt", "it", "nl", "pl", "ru", "tr", "vi", "fa", "ar", "id", "uk", "hi", "cs", "ro", "hu",
    "sv", "da", "fi", "no", "sr", "bg", "ca", "sk", "hr", "lt", "sl", "et", "lv",
])  # fmt: skip
_OFFICIAL = frozenset([
    "af", "sq", "az", "eu", "be", "bs", "ga", "gl", "is", "kk", "ky", "la", "mk", "ms", "mt", "mn", "mr", "ne", "ps",
    "sw", "tg", "tl", "tt", "ug", "ur", "uz", "cy", "eo", "as", "bn", "lb", "rw", "so", "ha", "yo", "zu", "xh", "ig",
    "mg", "qu", "ht", "ku",
])  # fmt: skip
_WEIGHTS = (1.0, 0.2, 0.05)  # large, official, all others
# What a character counts for when scripts compete: a Han character as much as a word of about five letters.
_WORTH = {"Hani": 1.0, "Hira": 0.6, "Kana": 0.6, "Hang": 0.6}
_LETTER_WORTH = 0.2


@dataclass(frozen=True)
class Language:
    """`code` is ISO 639 (two letters where there are two; "und" where no letter stands), `script` ISO 15924 ("Hans",
    "Hant", "Hani" where Han characters tell neither, "Jpan", "Kore", "Latn" …), `confidence` 0 to 1."""

    code: str
    script: str
    confidence: float


UNKNOWN = Language("und", "Zyyy", 0.0)


def language_of(text: str) -> str:
    """Return "zh", "en" or "other" by the share of scripts in the first 20,000 characters.

    A Han character counts as much as a Latin word: mixed technical Chinese has more Latin letters than Han characters.
    Japanese and Korean, told by their own scripts, and texts without any letter are "other". Every text in Latin
    letters is "en": which language it is in, `identify` knows.
    """
    kinds = _kinds()[np.frombuffer(text[:SAMPLE_CHARS].encode("utf-32-le", "surrogatepass"), np.uint32)]
    counts = np.bincount(kinds, minlength=_LATIN_LETTER + 1)
    is_latin = kinds == _LATIN_LETTER
    latin = int(np.count_nonzero(is_latin[1:] & ~is_latin[:-1])) + int(is_latin[:1].sum())  # runs of letters
    han, foreign = int(counts[_HAN_CHARACTER]), int(counts[_FOREIGN_LETTER])
    if han + latin == 0 or foreign > 0.1 * (han + latin + foreign):
        return "other"
    return "zh" if han >= 0.3 * (han + latin) else "en"


@functools.cache
def _kinds() -> NDArray[np.uint8]:
    """What each code point counts for."""
    kinds = np.zeros(sys.maxunicode + 1, np.uint8)
    letters = map(chr, range(_LETTERS_END))
    kinds[:_LETTERS_END] = [_FOREIGN_LETTER * (one.isalnum() and not one.isdecimal()) for one in letters]
    for first, end, kind in _RANGES:
        kinds[first:end] = kind
    return kinds


def identify(text: str, among: Collection[str] | None = None) -> Language:
    """Return the language that most of a text is in.

    `among` names the codes that come into question, for instance those of a corpus that is known: a single word is then
    told far better. A text in a script that none of them is written in is "und". Raises InputError for an unknown code.
    """
    if among is not None and (unknown := sorted(set(among) - known_codes())):
        raise InputError("text.language_code", codes=", ".join(unknown), known=", ".join(sorted(known_codes())))
    sample = _sample(text)
    counts = count_scripts(sample)
    if not counts.letters:
        return UNKNOWN
    script, share = _main_script(counts)
    allowed = None if among is None else frozenset(among)
    found = _east_asian(counts) if script in _EAST else _by_letters(sample, script, allowed)
    if allowed is not None and found.code not in allowed:
        return UNKNOWN
    return Language(found.code, found.script, round(found.confidence * share, 3))


def known_codes() -> frozenset[str]:
    """Return every code that `identify` can answer with, "und" aside."""
    return frozenset(
        [*_EAST_CODES, *_ONLY.values(), *(code for script in (*_SHARED, "Latn") for code in _codes(script))]
    )


def _sample(text: str) -> str:
    if len(text) <= 3 * _PART_CHARS:
        return text
    middle = len(text) // 2
    return "\n".join([text[:_PART_CHARS], text[middle : middle + _PART_CHARS], text[-_PART_CHARS:]])


def _main_script(counts: ScriptCounts) -> tuple[str, float]:
    """The script of most of a text and its share; those of East Asia count as one."""
    worth = {script: number * _WORTH.get(script, _LETTER_WORTH) for script, number in counts.letters.items()}
    east = sum(worth.pop(script, 0.0) for script in _EAST)
    total = east + sum(worth.values())
    best = max(worth, key=lambda script: worth[script], default="Hani")
    return ("Hani", east / total) if east >= worth.get(best, 0.0) else (best, worth[best] / total)


def _east_asian(counts: ScriptCounts) -> Language:
    """Korean by Hangul, Japanese by kana or by forms that only it has, else Chinese.

    A single の in Chinese is decoration: kana must be a tenth, and more than the characters Japanese has not. Without
    any kana only a name or a heading is Japanese: forms that only it has today stand in older Chinese too (爲, 顔, 温).
    """
    han, kana, hangul = counts["Hani"], counts["Hira"] + counts["Kana"], counts["Hang"]
    if hangul > 0.3 * (han + kana + hangul):
        return Language("ko", "Kore", 0.99)
    if kana >= 0.1 * (han + kana) and kana > counts.foreign_to_japanese:
        return Language("ja", "Jpan", 0.99)
    if counts.japanese > counts.foreign_to_japanese and (kana or han <= _LONGEST_KANJI):
        return Language("ja", "Jpan", 0.7)
    code = "yue" if counts.cantonese >= max(1, 0.02 * han) else "zh"
    sure = 0.99 if han > 20 else 0.6 + 0.0195 * han  # a few characters may be anybody's: 本日休業
    if counts.simplified == counts.traditional:
        return Language(code, "Hani", sure)
    script = "Hans" if counts.simplified > counts.traditional else "Hant"
    return Language(code, script, 0.99 if script == "Hans" or counts.foreign_to_japanese else sure)


def _by_letters(text: str, script: str, among: frozenset[str] | None) -> Language:
    if script in _ONLY:
        return Language(_ONLY[script], script, 0.99)
    codes = frozenset(_codes(script)) if among is None else frozenset(_codes(script)) & among
    if not codes:
        return UNKNOWN
    weighed = {code: chance * _weight(code) for code, chance in _model(codes).rank(" ".join(["", *text.split(), ""]))}
    best = max(weighed, key=lambda code: weighed[code])
    return Language(best, script, weighed[best] / (sum(weighed.values()) or 1.0))


def _weight(code: str) -> float:
    return _WEIGHTS[0] if code in _LARGE else _WEIGHTS[1] if code in _OFFICIAL else _WEIGHTS[2]


@functools.cache
def _codes(script: str) -> tuple[str, ...]:
    """Codes of the languages that are written in a script and known to the model."""
    known = [code for code in _model(None).labels if code.isalpha()]
    wanted = [code for code in known if code not in _NOT_LATIN] if script == "Latn" else _SHARED.get(script, ())
    return tuple(code for code in wanted if code in known)


@functools.lru_cache(maxsize=64)
def _model(codes: frozenset[str] | None) -> Any:
    """The model, all of it or for some languages. It is loaded once, when first asked for, in half a second."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    if codes is None:
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model = copy.copy(_model(None))  # shares the tables of all languages, of which it takes columns
    model.set_languages(sorted(codes))
    return model
