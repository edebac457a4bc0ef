"""Operations on a text that need no model: noise as people and machines make it, and the four of EDA.

Each takes a text, a source of chance and the share of characters or words to change, and returns another text (or the
same, where there is nothing to change). EDA: Wei & Zou, "EDA: Easy Data Augmentation Techniques" (2019).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from random import Random

import opencc

from hanlin.base.errors import MissingExtra
from hanlin.text.segment import word_spans

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_WIDE = dict(zip("，。！？；：（）", ",.!?;:()", strict=True))
_NARROW = {narrow: wide for wide, narrow in _WIDE.items()}
_IS_WORD = re.compile(r"[A-Za-z]|[\u4e00-\u9fff]")

Words = Mapping[str, tuple[str, ...]]
"""Words, each with others that may stand for it."""
Operation = Callable[[str, Random, float, Words], str]


def _some(places: Sequence[int], rng: Random, rate: float) -> list[int]:
    """A share of the places, one at least where there is any."""
    chosen = [place for place in places if rng.random() < rate]
    return chosen or [places[rng.randrange(len(places))]] if places else []


# ---------------------------------------------------------------- noise


@functools.cache
def _neighbours() -> Mapping[str, str]:
    """The keys around each on a keyboard of the usual layout."""
    found: dict[str, str] = {}
    for row, keys in enumerate(_ROWS):
        for place, key in enumerate(keys):
            around = keys[max(0, place - 1) : place] + keys[place + 1 : place + 2]
            for other in _ROWS[max(0, row - 1) : row] + _ROWS[row + 1 : row + 2]:
                around += other[max(0, place - 1) : place + 1]
            found[key] = around
    return found


def typo(text: str, rng: Random, rate: float, words: Words) -> str:
    """Hit the key beside the one that was meant."""
    letters = list(text)
    places = [place for place, letter in enumerate(letters) if letter.lower() in _neighbours()]
    for place in _some(places, rng, rate):
        keys = _neighbours()[letters[place].lower()]
        key = keys[rng.randrange(len(keys))]
        letters[place] = key.upper() if letters[place].isupper() else key
    return "".join(letters)


def swap_characters(text: str, rng: Random, rate: float, words: Words) -> str:
    """Write two neighbouring letters or characters the wrong way round."""
    letters = list(text)
    places = [place for place in range(len(letters) - 1) if _are_alike(*letters[place : place + 2])]
    for place in _some(places, rng, rate):
        letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


def _are_alike(one: str, other: str) -> bool:
    return one != other and bool(_IS_WORD.match(one)) and bool(_IS_WORD.match(other))


def delete_characters(text: str, rng: Random, rate: float, words: Words) -> str:
    """Leave letters or characters out."""
    places = [place for place, letter in enumerate(text) if _IS_WORD.match(letter)]
    gone = set(_some(places, rng, rate)) if len(places) > 1 else set[int]()
    return "".join(letter for place, letter in enumerate(text) if place not in gone)


def repeat_characters(text: str, rng: Random, rate: float, words: Words) -> str:
    """Write letters or characters twice."""
    places = [place for place, letter in enumerate(text) if _IS_WORD.match(letter)]
    twice = set(_some(places, rng, rate))
    return "".join(letter * (2 if place in twice else 1) for place, letter in enumerate(text))


def punctuation(text: str, rng: Random, rate: float, words: Words) -> str:
    """Leave marks out, double them, or write them in the other width."""
    marks = _WIDE | _NARROW
    letters = list(text)
    for place in _some([place for place, letter in enumerate(letters) if letter in marks], rng, rate):
        mark = letters[place]
        letters[place] = ("", mark * 2, marks[mark])[rng.randrange(3)]
    return "".join(letters)


def spaces(text: str, rng: Random, rate: float, words: Words) -> str:
    """Lose spaces between words, double them, or write some into Chinese."""
    letters = list(text)
    places = [place for place, letter in enumerate(letters) if letter == " " or "\u4e00" <= letter <= "\u9fff"]
    for place in _some(places, rng, rate):
        letters[place] = ("", "  ")[rng.randrange(2)] if letters[place] == " " else f"{letters[place]} "
    return "".join(letters)


@functools.cache
def _converter(name: str) -> opencc.OpenCC:
    """Its dictionaries take 50 ms to read."""
    return opencc.OpenCC(name)


def script(text: str, rng: Random, rate: float, words: Words) -> str:
    """Write simplified characters as traditional ones, or traditional ones as simplified; all of them."""
    traditional = _converter("s2t").convert(text)
    return traditional if traditional != text else _converter("t2s").convert(text)


@functools.cache
def _sounding_alike() -> Mapping[str, str]:
    """The 3,755 characters of GB 2312's first level (ordered by sound there), each with those that sound the same.

    Readings are pypinyin's, without tones. Raises MissingExtra.
    """
    try:
        from pypinyin import Style, pinyin
    except ImportError:
        raise MissingExtra("text.missing_pypinyin", package="pypinyin", extra="augment") from None
    codes = [bytes([high, low]) for high in range(0xB0, 0xD8) for low in range(0xA1, 0xFF)]
    characters = "".join(code.decode("gb2312", "ignore") for code in codes)
    by_sound: dict[str, str] = {}
    sounds = [pinyin(one, style=Style.NORMAL)[0][0] for one in characters]
    for one, sound in zip(characters, sounds, strict=True):
        by_sound[sound] = by_sound.get(sound, "") + one
    return {one: by_sound[sound].replace(one, "") for one, sound in zip(characters, sounds, strict=True)}


def homophone(text: str, rng: Random, rate: float, words: Words) -> str:
    """Take another character of the same sound, as input methods do."""
    letters, alike = list(text), _sounding_alike()
    for place in _some([place for place, letter in enumerate(letters) if alike.get(letter)], rng, rate):
        others = alike[letters[place]]
        letters[place] = others[rng.randrange(len(others))]
    return "".join(letters)


# ---------------------------------------------------------------- words (EDA)


def pieces_of(text: str) -> tuple[list[str], list[int]]:
    """Return the words of a text and what stands between them in turn, and the places of the words among them."""
    pieces, words, end = [], [], 0
    for start, stop in word_spans(text, ""):
        pieces += [text[end:start], text[start:stop]]
        words.append(len(pieces) - 1)
        end = stop
    return [*pieces, text[end:]], words


def _other(word: str, rng: Random, words: Words) -> str:
    """A word that may stand for another, written as large as it was."""
    others = words.get(word) or words[word.lower()]
    other = others[rng.randrange(len(others))]
    return other.capitalize() if word[:1].isupper() and other.islower() else other


def _known(pieces: Sequence[str], places: Sequence[int], words: Words) -> list[int]:
    return [place for place in places if pieces[place] in words or pieces[place].lower() in words]


def synonym(text: str, rng: Random, rate: float, words: Words) -> str:
    """Take another word of the list for a word."""
    pieces, places = pieces_of(text)
    for place in _some(_known(pieces, places, words), rng, rate):
        pieces[place] = _other(pieces[place], rng, words)
    return "".join(pieces)


def insert(text: str, rng: Random, rate: float, words: Words) -> str:
    """Write a word of like meaning somewhere else into the text."""
    pieces, places = pieces_of(text)
    for other in [_other(pieces[place], rng, words) for place in _some(_known(pieces, places, words), rng, rate)]:
        start = places[rng.randrange(len(places))]
        pieces[start] = f"{other} {pieces[start]}" if other.isascii() else other + pieces[start]
    return "".join(pieces)


def swap_words(text: str, rng: Random, rate: float, words: Words) -> str:
    """Let two words change places."""
    pieces, places = pieces_of(text)
    for place in _some(places, rng, rate) if len(places) > 1 else ():
        other = places[rng.randrange(len(places))]
        pieces[place], pieces[other] = pieces[other], pieces[place]
    return "".join(pieces)


def delete_words(text: str, rng: Random, rate: float, words: Words) -> str:
    """Leave words out, never all."""
    pieces, places = pieces_of(text)
    gone = set(_some(places, rng, rate))
    if len(gone) == len(places):
        return text
    kept = "".join(piece for place, piece in enumerate(pieces) if place not in gone)
    return re.sub(r"(?<=\S) {2,}(?=\S)", " ", kept)


OPERATIONS: Mapping[str, Operation] = {
    "typo": typo, "swap-chars": swap_characters, "delete-chars": delete_characters, "repeat-chars": repeat_characters,
    "punctuation": punctuation, "spaces": spaces, "script": script, "homophone": homophone,
    "synonym": synonym, "insert": insert, "swap-words": swap_words, "delete-words": delete_words,
}  # fmt: skip
