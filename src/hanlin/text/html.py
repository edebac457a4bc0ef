"""Web page to main text, by resiliparse: menus, advertisements and footers are left out."""

from __future__ import annotations

from resiliparse.extract.html2text import extract_plain_text


def main_text(page: str) -> str:
    """Return the main text of an HTML page, paragraphs kept apart; "" where the page has none."""
    text: str = extract_plain_text(page, main_content=True, alt_texts=False, links=False, preserve_formatting=True)
    return text
