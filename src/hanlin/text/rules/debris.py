"""What extraction left of HTML in a text: tags, comments and entities. Code that speaks of HTML keeps it.

Only outside of fenced and indented code and of `inline code`, only tags of HTML that a page of prose may leave behind:
`<Intro>` of a component library or `vector<int>` is no debris, and x<sup>2</sup> would become x2. Entities are read
("&nbsp;" a space, "&amp;lt;" a "<").
"""

from __future__ import annotations

import html
import re

_NAMES = (
    "a|abbr|article|aside|b|big|blockquote|body|br|center|cite|dd|del|div|dl|dt|em|figcaption|figure|font|footer|form|h[1-6]"
    "|head|header|hr|html|i|iframe|img|input|ins|label|li|link|main|meta|nav|noscript|ol|option|p|script|section|select"
    "|small|span|strike|strong|style|table|tbody|td|tfoot|th|thead|title|tr|tt|u|ul"
)
_TAG = re.compile(rf"<(?:/?(?P<name>{_NAMES})(?=[\s/>])[^<>]{{0,1000}}|!--[^<>]{{0,1000}}--)>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:amp;){0,5}(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8}[0-9]{0,2});")
_FENCE = re.compile(r"[ ]{0,3}(?:```|~~~)")
_BREAKS = {"br", "p", "div", "li", "tr", "hr"}


def remove_debris(text: str) -> tuple[str, list[str]]:
    """Return the text without leftovers of HTML, and what was taken out or read, in order."""
    removed: list[str] = []
    if not (_TAG.search(text) or _ENTITY.search(text)):
        return text, removed
    lines, in_code = [], False
    for line in text.split("\n"):
        if _FENCE.match(line):
            in_code = not in_code
        is_code = in_code or line.startswith(("    ", "\t"))
        lines.append(line if is_code else _cleaned(line, removed))
    return "\n".join(lines), removed


def _cleaned(line: str, removed: list[str]) -> str:
    """One line of prose; what stands between backticks is code."""
    parts = line.split("`")
    parts[::2] = (_without(part, removed) for part in parts[::2])
    return "`".join(parts)


def _without(text: str, removed: list[str]) -> str:
    def tag(found: re.Match[str]) -> str:
        removed.append(found[0])
        return "\n" if (found["name"] or "").lower() in _BREAKS and not found[0].startswith("</") else ""

    def entity(found: re.Match[str]) -> str:
        read = html.unescape(f"&{found[1]};")
        if read == f"&{found[1]};":  # no entity at all, as in "R&D;"
            return found[0]
        removed.append(found[0])
        return " " if read == "\xa0" else read

    return _ENTITY.sub(entity, _TAG.sub(tag, text))
