"""Lists of words that may stand for each other: lines of two words with a tab between, a number may follow.

So are synonyms written down, and so are nearest neighbours of word vectors.
"""

from __future__ import annotations

from pathlib import Path

from hanlin.base.errors import InputError
from hanlin.base.files import read_text
from hanlin.text.augment.operations import Words


def read_words(path: Path) -> Words:
    """Return the words of a file. Raises InputError: no file, a line of another shape (E225), no line at all."""
    near: dict[str, dict[str, None]] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        cells = [cell.strip() for cell in line.removesuffix("\r").split("\t")]
        if not line.strip() or line.startswith("#"):
            continue
        if len(cells) not in (2, 3) or not cells[0] or not cells[1]:
            raise InputError("text.bad_words_line", path=path, line=number, found=line[:40])
        if cells[0] != cells[1]:
            near.setdefault(cells[0], {})[cells[1]] = None
    if not near:
        raise InputError("text.bad_words_line", path=path, line=1, found="-")
    return {word: tuple(others) for word, others in near.items()}
