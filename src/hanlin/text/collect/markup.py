"""Elements of a web page by selector, "" for what one has not: resiliparse answers None there."""

from __future__ import annotations

from resiliparse.parse.html import HTMLTree
from resiliparse.parse.html.node import ElementNode


class Markup:
    """A parsed page, or one element of it."""

    def __init__(self, source: str | ElementNode) -> None:
        self._tree = HTMLTree.parse(source) if isinstance(source, str) else None  # kept: elements do not outlive it
        document = self._tree.document if self._tree else None
        self._node = source if isinstance(source, ElementNode) else document

    @property
    def title(self) -> str:
        """The title of the page."""
        return (self._tree.title or "") if self._tree else ""

    @property
    def text(self) -> str:
        """All text inside, white space at both ends aside."""
        node = self._tree.body if self._tree else self._node
        return (node.text or "").strip() if node else ""

    @property
    def html(self) -> str:
        """The element as it is written."""
        return (self._node.html or "") if self._node else ""

    def all(self, selector: str) -> list[Markup]:
        """Every element that a CSS selector finds."""
        return [Markup(node) for node in self._node.query_selector_all(selector)] if self._node else []

    def first(self, selector: str) -> Markup | None:
        """The first element that a CSS selector finds."""
        node = self._node.query_selector(selector) if self._node else None
        return Markup(node) if node else None

    def __getitem__(self, name: str) -> str:
        """The value of an attribute, "" where there is none."""
        return (self._node.getattr(name) or "") if isinstance(self._node, ElementNode) else ""
