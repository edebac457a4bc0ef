"""Even out what computers write differently and people do not see. Every change is counted.

Never NFKC: it would turn ① into 1, full-width forms into narrow ones and break formulas.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import opencc

from hanlin.text.config import NormaliseConfig
from hanlin.text.mojibake import repaired

# What any of the four rules on single characters may change: most texts have none, and one look tells.
_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff"
    "\U000e0000-\U000e007f]"
)
_LINE_ENDS = re.compile(r"\r\n?|\u2028|\u2029|\x85")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
# Zero width space, word joiner, byte order mark, soft hyphen. Joiners (200c, 200d) shape emoji and Indic scripts: kept.
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad]")
# Tag characters (plane 14) outside of an emoji flag are text that people cannot see and models can.
_TAG_CHARACTER = re.compile("[\U000e0000-\U000e007f]")
_HIDDEN_TAGS = re.compile("(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0000-\U000e007f]+")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
# Only from where a run of spaces begins: tried from each of n spaces, a run inside a line would take n * n steps.
_SPACES = (" ", "\t", "\u3000", "\u00a0")
_TRAILING = re.compile(r"(?<![ \t\u3000\u00a0])[ \t\u3000\u00a0]+$", re.MULTILINE)

_OF_ODD_CHARACTERS = frozenset(["line_ends", "control_characters", "invisible_characters", "bidi_controls"])
Rule = Callable[[str], tuple[str, int]]


@dataclass(frozen=True)
class Normalised:
    """A text after the rules, and how often each rule changed something."""

    text: str
    changes: Mapping[str, int]


def normalise(text: str, config: NormaliseConfig | None = None, *, lang: str = "") -> Normalised:
    """Apply the rules that are switched on, in a fixed order; doing it twice changes nothing more.

    Only text of the language "zh" is converted to another script.
    """
    config = config or NormaliseConfig()
    changes: Counter[str] = Counter()
    rules = _rules(config)
    while True:  # again after changes: a removal, or NFC, may complete a pair of wrongly read letters
        # Before all: a byte read wrongly may look like the end of a line, or a control character.
        text, num_mended = repaired(text) if config.mojibake else (text, 0)
        if changes and not num_mended:
            break
        if num_mended:
            changes["mojibake"] += num_mended
        text, made = _applied(text, rules)
        changes.update(made)
        if not (num_mended or made):
            break
    if config.script != "keep" and lang == "zh":
        text, made = _applied(text, [("script", _converted(config.script))])
        changes.update(made)
    return Normalised(text, dict(changes))


def _applied(text: str, rules: list[tuple[str, Rule]]) -> tuple[str, dict[str, int]]:
    """The text after every rule, and how often each changed something."""
    changes: dict[str, int] = {}
    is_odd = _ODD.search(text) is not None
    for name, rule in rules:
        if name in _OF_ODD_CHARACTERS and not is_odd:
            continue
        text, count = rule(text)
        if count:
            changes[name] = count
    return text, changes


def _rules(config: NormaliseConfig) -> list[tuple[str, Rule]]:
    rules: list[tuple[str, Rule]] = []
    if config.line_ends:
        rules.append(("line_ends", lambda text: _LINE_ENDS.subn("\n", text)))
    if config.control_characters:
        rules.append(("control_characters", lambda text: _CONTROL.subn("", text)))
    if config.invisible_characters:
        rules.append(("invisible_characters", _visible))
    if config.bidi_controls:
        rules.append(("bidi_controls", _left_to_right))
    if config.compose:  # after the removals: what stood between two characters may have kept them apart
        rules.append(("compose", _compose))
    if config.trailing_spaces:
        rules.append(("trailing_spaces", _without_trailing_spaces))
    if config.max_blank_lines is not None:
        rules.append(("blank_lines", _blank_lines(config.max_blank_lines)))
    return rules


def _visible(text: str) -> tuple[str, int]:
    text, number = _INVISIBLE.subn("", text)
    if _TAG_CHARACTER.search(text):  # a look-behind at every character would cost more than all other rules
        text, more = _HIDDEN_TAGS.subn("", text)
        number += more
    return text, number


def _left_to_right(text: str) -> tuple[str, int]:
    """Controls of direction do nothing in Chinese and English but hide what a line says."""
    if not _BIDI.search(text) or _RIGHT_TO_LEFT.search(text):
        return text, 0
    return _BIDI.subn("", text)


def _compose(text: str) -> tuple[str, int]:
    """NFC; the count is that of texts changed, since characters may move."""
    if unicodedata.is_normalized("NFC", text):
        return text, 0
    return unicodedata.normalize("NFC", text), 1


def _without_trailing_spaces(text: str) -> tuple[str, int]:
    """A look for each kind of space before a line's end is a hundred times as fast as the pattern."""
    if text.endswith(_SPACES) or any(f"{space}\n" in text for space in _SPACES):
        return _TRAILING.subn("", text)
    return text, 0


def _blank_lines(most: int) -> Rule:
    many = "\n" * (most + 2)
    too_many = re.compile(rf"\n{{{most + 2},}}")
    return lambda text: too_many.subn("\n" * (most + 1), text) if many in text else (text, 0)


_SCRIPTS = {"simplified": "t2s", "traditional": "s2t", "taiwan": "s2tw", "hongkong": "s2hk"}


@functools.cache
def _converted(script: str) -> Rule:
    """OpenCC's conversion; the count is that of characters that are others now."""
    converter = opencc.OpenCC(_SCRIPTS[script])

    def rule(text: str) -> tuple[str, int]:
        converted = converter.convert(text)
        return converted, sum(map(str.__ne__, text, converted)) + abs(len(text) - len(converted))

    return rule
