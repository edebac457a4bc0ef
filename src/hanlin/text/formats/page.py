"""Web pages: the main text, with the page's title."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from hanlin.text.files import NO_PAGES, kind_suffix
from hanlin.text.formats.content import Content, Fault, Item, Text
from hanlin.text.html import is_web_page, main_text, title_of


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


def is_page_file(name: str, beginning: str) -> bool:
    """Whether a file that its name does not call a page is one, as crawlers save `article/12345`; a program or a note
    that begins with a tag is none."""
    return kind_suffix(Path(name)) not in NO_PAGES and is_web_page(beginning)


def text_of_page(page: str, meta: Mapping[str, str | int | float] | None = None, place: str = "") -> Text | Fault:
    """Return the main text of a page at a place in its file, with its title and what else is known of it (`meta`).

    Fault: no_main_text.
    """
    text = main_text(page)
    return Text([text], {**title_of(page), **(meta or {})}, place) if text.strip() else Fault("no_main_text", place)
