"""Word files: paragraphs, lists and tables of the text and its notes, part by part, never the whole tree.

python-docx holds the tree of a whole book in memory (about 40 bytes for each of text); here a paragraph is held.
Source: ECMA-376, part 1, section 17 (WordprocessingML).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import IO
from xml.parsers.expat import ExpatError, ParserCreate

from hanlin.text.files import CHUNK_BYTES, UNREADABLE, shown
from hanlin.text.formats.content import Content, Fault, Item, Text
from hanlin.text.formats.office import DAMAGED, described, opened, parsed

_STORIES = ("word/document.xml", "word/footnotes.xml", "word/endnotes.xml")
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
"""How a Word file with a password begins: it is no zip file."""


def read_docx(content: Content) -> Iterator[Item]:
    """Yield the file as one text, a line for each paragraph, "• " before items of lists, tabs between the cells of a
    row; deleted text, comments, headers and footers are left out. Faults: encrypted, part (one of its parts)."""
    if is_encrypted(content):
        yield Fault("encrypted")
        return
    with opened(content) as package:
        yield Text(_paragraphs(package), _meta(package))


def is_encrypted(content: Content) -> bool:
    """Whether an office file is one with a password."""
    return next(content.chunks(), b"").startswith(OLE)


def _meta(package: zipfile.ZipFile) -> dict[str, str]:
    try:
        return {name: shown(value) for name, value in described(parsed(package, "docProps/core.xml")).items()}
    except (*UNREADABLE, *DAMAGED):  # the text is worth more than its title
        return {}


def _paragraphs(package: zipfile.ZipFile) -> Iterator[str | Fault]:
    names = set(package.namelist())
    for name in (name for name in _STORIES if name in names or name == _STORIES[0]):
        try:
            with package.open(name) as part:
                for paragraph in _story(part):
                    yield f"{paragraph}\n"
        except (*UNREADABLE, *DAMAGED, ExpatError) as error:
            yield Fault("part", f"!/{name}", str(error))


def _story(part: IO[bytes]) -> Iterator[str]:
    """Yield the paragraphs and rows of one part as they end."""
    story = _Story()
    parser = ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = story.start, story.end
    parser.CharacterDataHandler, parser.EntityDeclHandler = story.characters, _refuse_entity
    try:
        while chunk := part.read(CHUNK_BYTES):
            parser.Parse(chunk, False)
            yield from story.drained()
        parser.Parse(b"", True)
    finally:  # what ended before a damaged place is sound
        yield from story.drained()


def _refuse_entity(*declaration: object) -> None:
    """Word writes none; a few of them can stand for gigabytes."""
    raise ValueError("entities are declared")


class _Story:
    """A part on its way to paragraphs: `words` of the paragraph, `cells` of the outermost row, `done` what has ended.

    A text box stands twice in a file: as it is, and in `Fallback` for older programs, which is passed over.
    """

    def __init__(self) -> None:
        self.done: list[str] = []
        self.words: list[str] = []
        self.cell: list[str] = []
        self.cells: list[str] = []
        self.is_text = self.is_item = False
        self.tables = self.fallbacks = 0

    def drained(self) -> list[str]:
        done, self.done = self.done, []
        return done

    def start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(" ")[2]:
            case "Fallback":
                self.fallbacks += 1
            case "tbl":
                self.tables += 1
            case "t":
                self.is_text = not self.fallbacks
            case "numPr":
                self.is_item = True
            case mark if mark in _BREAKS and not self.fallbacks and "pos" not in str(attributes):
                self.words.append(_BREAKS[mark])

    def end(self, name: str) -> None:
        match name.rpartition(" ")[2]:
            case "Fallback":
                self.fallbacks -= 1
            case "tbl":
                self.tables -= 1
            case "t":
                self.is_text = False
            case "p":
                self._paragraph()
            case "tc" if self.tables == 1:
                self.cells.append(" ".join(filter(None, self.cell)))
                self.cell.clear()
            case "tr" if self.tables == 1:
                self.done.append("\t".join(self.cells))
                self.cells.clear()

    def characters(self, text: str) -> None:
        if self.is_text:
            self.words.append(text)

    def _paragraph(self) -> None:
        text = "".join(self.words).strip("\n")
        text = f"• {text}" if self.is_item and text else text
        if not self.fallbacks:
            (self.cell if self.tables else self.done).append(text)
        self.words.clear()
        self.is_item = False
