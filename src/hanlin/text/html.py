"""Web page to main text: menus, advertisements and footers are left out.

Two libraries, each for what it does best (measured, benchmarks/html_text.py): resiliparse keeps program text, lists and
tables and is the faster by far; trafilatura tells an article from what newspapers put between its paragraphs. Pages of
running text are read by both.
"""

from __future__ import annotations

import html
import logging
import re

from resiliparse.extract.html2text import extract_plain_text

from hanlin.text.files import shown

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what it cannot read, resiliparse can

MAX_DEPTH = 1000
"""Open elements at one place; browsers stop at 512. The time of the extraction grows with the square of the depth."""
LEAST_SHARE = 0.3
"""Of the first text: a second one that is shorter has lost the page. Of 50 articles the shortest kept 0.61."""
MOST_TABLE, LONGEST_CELL = 0.3, 200
"""Share of lines that are rows with a longer cell: more, and the tables were only layout, as on old Chinese pages,
whose paragraphs would run together in it."""
MOST_CHARS, MOST_TAGS = 1 << 20, 5000
"""Longer pages are not read twice: the time of trafilatura grows faster than the page (news pages have up to 1500)."""

# Elements that have no end or that the next one of their kind ends: pages leave their end tags out.
_UNENDED = (
    "a|area|base|br|col|colgroup|dd|dt|embed|hr|img|input|li|link|meta|option|p|param|rp|rt|"
    "source|tbody|td|tfoot|th|thead|tr|track|wbr"
)
LEAST_LINKS, LONGEST_LINK = 8, 40
"""So many lines in a row that are nothing but links of so few characters are a menu, whatever element they stand in."""
_TAG = re.compile(rf"<(/?)(?!(?:{_UNENDED})[\s/>])[a-z][^\s/>]*", re.IGNORECASE)
_PAGE = re.compile(
    r"\s*+\ufeff?(?>\s++|<\?xml[^>]*>|<!--.*?-->)*+<(?:!doctype\s+html\b|(?:html|head|body)[\s>])",
    re.IGNORECASE | re.DOTALL,
)
PAGE_HEAD = 4096
"""Characters in which a page has to say that it is one."""
_PROGRAM = re.compile(r"<pre[\s>]", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>([^<]{1,1000})</title", re.IGNORECASE)
_LINK = re.compile(r"<a\s[^>]*>(.{1,400}?)</a\s*>", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"<[^>]*>")
_BULLET = re.compile(r"^\s*(?:[•*·–-]|\d{1,3}\.)?\s*")
_ONLY_CELL = re.compile(r"^\| ?([^|\n]*?) ?\| ?$", re.MULTILINE)
_BETWEEN_PARAGRAPHS = re.compile(r"\n(?!- |\|)|(?<=\|)\n(?!\|)")


def main_text(page: str) -> str:
    """Return the main text of an HTML page, paragraphs kept apart.

    "" where the page has none, or is nested deeper than MAX_DEPTH as no page for people is.
    """
    text = _extracted(page, main_content=True)
    text = _without_menus(text, page)
    if not text.strip() or not _is_running_text(page):
        return text
    article = _article(page)
    told = _paragraphs(article)
    return told if len(told) >= LEAST_SHARE * len(text) and not is_layout(article) else text


def is_web_page(text: str) -> bool:
    """Return whether a text is a whole web page with its markup: it begins as one, comments before that allowed."""
    return _PAGE.match(text[:PAGE_HEAD]) is not None


def _without_menus(text: str, page: str) -> str:
    """The text without runs of lines that are links and nothing else, as the cells of old pages hold them; a page of
    which less would stay than goes is a list of links, and stays as it is."""
    links = {" ".join(html.unescape(_MARKUP.sub("", found[1])).split()) for found in _LINK.finditer(page)}
    lines = text.split("\n")
    menus = set[int]()
    run: list[int] = []
    for number, line in enumerate([*lines, "."]):  # the mark ends the last run
        told = " ".join(_BULLET.sub("", line).split())
        if told in links and len(told) <= LONGEST_LINK:
            run.append(number)
        elif told:
            menus.update(run if len(run) >= LEAST_LINKS else ())
            run = []
    kept = "\n".join(line for number, line in enumerate(lines) if number not in menus)
    return kept.lstrip("\n") if menus and 2 * len(kept) >= len(text) else text


def _is_running_text(page: str) -> bool:
    """Whether a page is worth a second reading: no program text, which that would tear, and not too long."""
    return len(page) <= MOST_CHARS and not _PROGRAM.search(page) and page.count("<") <= 2 * MOST_TAGS


def whole_text(page: str) -> str:
    """Return all text of a page that has no menus, such as a chapter of a book; "" as above."""
    return _extracted(page, main_content=False)


def title_of(page: str) -> dict[str, str]:
    """Return {"title": ...} where the page has one."""
    found = _TITLE.search(page)
    title = " ".join(html.unescape(found[1]).split()) if found else ""
    return {"title": shown(title)} if title else {}


def _extracted(page: str, *, main_content: bool) -> str:
    if _depth(page) > MAX_DEPTH:
        return ""
    text: str = extract_plain_text(
        page, main_content=main_content, alt_texts=False, links=False, preserve_formatting=True
    )
    return text


def _article(page: str) -> str:
    """The page by trafilatura; "" where it finds none or gives up."""
    import trafilatura  # takes a second to load, which only pages of running text are worth

    try:
        text = trafilatura.extract(page, favor_precision=True, include_comments=False, include_tables=True)
    except Exception:  # it raises whatever its parts raise on broken markup
        return ""
    return text or ""


def _paragraphs(article: str) -> str:
    """Blank lines between paragraphs, none in a table; a row of one cell, which was layout, is a paragraph."""
    text = _ONLY_CELL.sub(r"\1", article.replace("\n|---|\n", "\n"))
    return _BETWEEN_PARAGRAPHS.sub("\n\n", text)


def is_layout(article: str) -> bool:
    """Whether the tables of a page, as trafilatura writes them, hold its paragraphs and not facts."""
    lines = article.split("\n")
    rows = (line.split("|") for line in lines if line.startswith("|"))
    return sum(max(map(len, row)) > LONGEST_CELL for row in rows) > MOST_TABLE * len(lines)


def _depth(page: str) -> int:
    """About how many elements are open at the deepest place."""
    depth = deepest = 0
    for tag in _TAG.finditer(page):
        depth = max(0, depth - 1) if tag[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest
