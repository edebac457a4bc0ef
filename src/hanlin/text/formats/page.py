"""Web pages: the main text, with the page's title."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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
    yield text_of_page("".join(parts))


def text_of_page(page: str, meta: Mapping[str, str | int | float] | None = None, place: str = "") -> Text | Fault:
    """Return the main text of a page at a place in its file, with its title and what else is known of it (`meta`).

    Fault: no_main_text.
    """
    text = main_text(page)
    return Text([text], {**title_of(page), **(meta or {})}, place) if text.strip() else Fault("no_main_text", place)
