"""What was taken out of a text, as marked parts of it: what stayed, what went, what came."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator

from hanlin.text.privacy.find import mask_personal

SHOWN_CHARS = 4000
"""Of a text; changes beyond are counted elsewhere."""
CONTEXT_CHARS = 60
MOST_PARTS = 40
GAP = " … "

Part = tuple[str, str]
"""("same" | "gone" | "new", text)."""


def marked(before: str, after: str) -> list[Part]:
    """Return the changes between two versions of a text with a little around each, personal data masked.

    Lines are compared first, then the characters of lines that changed: linear where nothing changed.
    """
    before, after = (mask_personal(text[:SHOWN_CHARS])[0] for text in (before, after))
    parts = _joined(itertools.chain.from_iterable(_of_lines(before, after)))
    return [_shortened(part, number, len(parts)) for number, part in enumerate(parts)][:MOST_PARTS]


def _of_lines(before: str, after: str) -> Iterator[list[Part]]:
    one, other = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for tag, i, j, k, end in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        gone, new = "".join(one[i:j]), "".join(other[k:end])
        yield _of_characters(gone, new) if tag == "replace" else [("same" if tag == "equal" else tag, gone or new)]


def _of_characters(gone: str, new: str) -> list[Part]:
    """The parts of two versions of some lines; where little of them agrees, one as a whole for the other."""
    matcher = difflib.SequenceMatcher(None, gone, new, autojunk=False)
    if matcher.quick_ratio() < 0.3 or len(gone) * len(new) > 1_000_000:
        return [("gone", gone), ("new", new)]
    parts = []
    for tag, i, j, k, end in matcher.get_opcodes():
        parts += [("same", gone[i:j])] if tag == "equal" else [("gone", gone[i:j]), ("new", new[k:end])]
    return parts


def _joined(parts: Iterator[Part]) -> list[Part]:
    """Parts of one kind that touch as one; empty ones left out."""
    names = {"delete": "gone", "insert": "new"}
    named = ((names.get(kind, kind), text) for kind, text in parts if text)
    return [
        (kind, "".join(text for _, text in group)) for kind, group in itertools.groupby(named, lambda part: part[0])
    ]


def _shortened(part: Part, number: int, total: int) -> Part:
    """A part that stayed: only what stands next to a change."""
    kind, text = part
    if kind != "same":
        return kind, text if len(text) <= 10 * CONTEXT_CHARS else text[: 10 * CONTEXT_CHARS] + GAP
    head = text[:CONTEXT_CHARS] if number or total == 1 else ""
    tail = text[-CONTEXT_CHARS:] if number + 1 < total else ""
    return (kind, text) if len(text) <= len(head) + len(tail) else (kind, f"{head}{GAP}{tail}")
