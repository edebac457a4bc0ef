"""Web pages: the main text, with the page's title."""

from __future__ import annotations

from collections.abc import Iterator

from hanlin.text.formats.content import Content, Fault, Item, Text
from hanlin.text.html import main_text, title_of


def read_html(content: Content) -> Iterator[Item]:
    """Yield the main text of one page. Faults: row_too_long, no_main_text."""
    size, parts = 0, []
    for part in content.decoded():
        size += len(part)
        if size > content.options.max_row_chars:
            yield Fault("row_too_long")
            return
        parts.append(part)
    page = "".join(parts)
    text = main_text(page)
    yield Text([text], title_of(page)) if text.strip() else Fault("no_main_text")
