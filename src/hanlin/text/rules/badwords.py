"""Words that a user does not want in the corpus, from lists of the user's own. None is shipped.

C4 drops a page for one such word, which deletes medicine, law and half of all novels; here their share is a measure
like any other, and the threshold a setting.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from hanlin.base.errors import InputError
from hanlin.base.files import read_text

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")


class BadWords:
    """A list of words and phrases. Words of letters are met whole, in any case; Chinese ones anywhere."""

    def __init__(self, words: Iterable[str]) -> None:
        self._phrases: dict[str, list[tuple[str, ...]]] = {}
        for word in words:
            if tokens := _tokens(word):
                self._phrases.setdefault(tokens[0], []).append(tuple(tokens))

    def __len__(self) -> int:
        return sum(map(len, self._phrases.values()))

    def share(self, text: str) -> float:
        """Return how many of a text's words begin one of the list."""
        tokens = _tokens(text)
        begun = [place for place, token in enumerate(tokens) if token in self._phrases]
        return round(sum(self._stands(tokens, place) for place in begun) / max(1, len(tokens)), 6)

    def _stands(self, tokens: list[str], place: int) -> bool:
        phrases = self._phrases[tokens[place]]
        return any(tuple(tokens[place : place + len(phrase)]) == phrase for phrase in phrases)


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())


def read_bad_words(paths: Iterable[str]) -> BadWords | None:
    """Return the words of some lists, one a line, lines with # aside; None without a list. Raises InputError (E239)."""
    lists = {path: [word for word in read_text(Path(path)).split("\n") if word.strip(" \r#")] for path in paths}
    for path, words in lists.items():
        if not words:
            raise InputError("text.no_bad_words", path=path)
    return BadWords(word for words in lists.values() for word in words if word[0] != "#") if lists else None
