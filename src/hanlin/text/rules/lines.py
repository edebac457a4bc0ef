"""The line rules of C4: which lines of a web page are sentences and not its furniture.

Raffel et al., "Exploring the Limits of Transfer Learning" (2020), section 2.2, as datatrove's `C4QualityFilter` applies
them: a line ends in a terminal mark, holds three words, no word of 1,000 characters, no script and no policy notice.
Chinese marks count as well, and three characters as three words. They delete headings, lists, code and verse, which is
why only the preset `c4` asks for them (FineWeb left the rule about line ends out, FineWeb-2 all of C4).
"""

from __future__ import annotations

import re

from hanlin.text.rules.characters import characters_of, words_of

_END = (".", "?", "!", '"', "'", "。", "？", "！", "”", "’", "」", "』")
_ELLIPSIS = ("...", "…")
_NOTICE = re.compile(
    r"javascript|terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies|lorem ipsum", re.I
)
_LONG_WORD = re.compile(r"[!-~]{1001}")
LEAST_WORDS = 3


def remove_lines(text: str) -> tuple[str, list[str]]:
    """Return the lines of a text that are sentences, and those that are not."""
    kept: list[str] = []
    removed: list[str] = []
    for line in text.split("\n"):
        (kept if is_sentence(line.strip()) else removed).append(line)
    return "\n".join(kept), [line for line in removed if line.strip()]


def is_sentence(line: str) -> bool:
    """Whether C4 keeps a line, white space around it aside."""
    if not line.endswith(_END) or line.endswith(_ELLIPSIS) or _NOTICE.search(line) or _LONG_WORD.search(line):
        return False
    return len(line.split()) >= LEAST_WORDS or len(words_of(characters_of(line)).keys) >= LEAST_WORDS
