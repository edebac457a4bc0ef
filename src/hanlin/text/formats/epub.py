"""Electronic books (EPUB 2 and 3): the chapters in the order of reading, as one text.

Source: EPUB 3.3, sections 4 (container) and 5 (package document).
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from hanlin.text.encodings import encoding_of
from hanlin.text.files import UNREADABLE, shown
from hanlin.text.formats.content import Content, Fault, Item, Text, faults_of
from hanlin.text.formats.office import DAMAGED, described, opened, parsed
from hanlin.text.html import whole_text

_PAGES = ("application/xhtml+xml", "text/html")
_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # ways to garble fonts, not text


def read_epub(content: Content) -> Iterator[Item]:
    """Yield the book as one text, with title, author, language, date and licence if it tells them. The table of
    contents is left out. Faults: encrypted, part (a chapter), unreadable."""
    with opened(content) as package:
        try:
            if _is_encrypted(package):
                yield Fault("encrypted")
                return
            place = _package_document(package)
            root = parsed(package, place)
        except DAMAGED as error:
            yield Fault("unreadable", example=str(error))
            return
        meta = {name: shown(value) for name, value in described(root).items()}
        chapters = [posixpath.join(posixpath.dirname(place), name) for name in _chapters(root)]
        yield Text(_texts(package, chapters, content.options.max_row_chars), meta)


def _is_encrypted(package: zipfile.ZipFile) -> bool:
    name = "META-INF/encryption.xml"
    if name not in package.namelist():
        return False
    methods = [e.get("Algorithm") for e in parsed(package, name).iter() if str(e.tag).endswith("}EncryptionMethod")]
    return any(method not in _FONTS for method in methods)


def _package_document(package: zipfile.ZipFile) -> str:
    """The name of the part that lists all others. Raises ValueError where the container names none."""
    for element in parsed(package, "META-INF/container.xml").iter():
        if name := element.get("full-path"):
            return name
    raise ValueError("META-INF/container.xml names no package document")


def _chapters(root: Element) -> Iterator[str]:
    """Names of the pages in the order of the spine, relative to the package document."""
    elements = list(root.iter())
    pages = {
        e.get("id"): unquote(str(e.get("href")))
        for e in elements
        if _name(e) == "item" and e.get("media-type") in _PAGES and "nav" not in str(e.get("properties")).split()
    }
    for element in elements:
        if _name(element) == "itemref" and element.get("idref") in pages:
            yield pages[element.get("idref")]


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _texts(package: zipfile.ZipFile, chapters: list[str], most: int) -> Iterator[str | Fault]:
    is_first = True
    for name in chapters:
        try:
            if package.getinfo(posixpath.normpath(name)).file_size > most:
                yield Fault("row_too_long", f"!/{name}")
                continue
            data = package.read(posixpath.normpath(name))
        except (*UNREADABLE, *DAMAGED) as error:
            yield Fault("part", f"!/{name}", str(error))
            continue
        encoding = encoding_of(data) or "utf-8"
        yield from faults_of(data, encoding, f"!/{name}")
        if text := whole_text(data.decode(encoding, "replace")).strip():
            yield text if is_first else f"\n\n{text}"
            is_first = False
