"""Web page to main text, by resiliparse: menus, advertisements and footers are left out."""

from __future__ import annotations

import re

from resiliparse.extract.html2text import extract_plain_text

MAX_DEPTH = 1000
"""Open elements at one place; browsers stop at 512. The time of the extraction grows with the square of the depth."""

# Elements that have no end or that the next one of their kind ends: pages leave their end tags out.
_UNENDED = (
    "a|area|base|br|col|colgroup|dd|dt|embed|hr|img|input|li|link|meta|option|p|param|rp|rt|"
    "source|tbody|td|tfoot|th|thead|tr|track|wbr"
)
_TAG = re.compile(rf"<(/?)(?!(?:{_UNENDED})[\s/>])[a-z][^\s/>]*", re.IGNORECASE)


def main_text(page: str) -> str:
    """Return the main text of an HTML page, paragraphs kept apart.

    "" where the page has none, or is nested deeper than MAX_DEPTH as no page for people is.
    """
    if _depth(page) > MAX_DEPTH:
        return ""
    text: str = extract_plain_text(page, main_content=True, alt_texts=False, links=False, preserve_formatting=True)
    return text


def _depth(page: str) -> int:
    """About how many elements are open at the deepest place."""
    depth = deepest = 0
    for tag in _TAG.finditer(page):
        depth = max(0, depth - 1) if tag[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest
