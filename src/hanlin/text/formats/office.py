"""What the zip files of office programs share: looking into them without trusting them."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hanlin.text.formats.content import Content

DAMAGED = (KeyError, ValueError, TypeError, AttributeError, IndexError, NotImplementedError, RuntimeError, ParseError)
"""What readers of such files raise besides UNREADABLE where a part is missing or is not what it should be."""
_DUBLIN_CORE = {
    "title": "title", "creator": "author", "date": "date", "created": "date", "language": "language",
    "rights": "licence",
}  # fmt: skip


@contextlib.contextmanager
def opened(content: Content) -> Iterator[zipfile.ZipFile]:
    """The parts of the file. Raises one of UNREADABLE, or UnpacksTooMuch by what its directory says they unpack to:
    zipfile gives no more than that."""
    with content.seekable() as path, zipfile.ZipFile(path) as package:
        content.guard.allow(sum(info.file_size for info in package.infolist()), content.name)
        yield package


def parsed(package: zipfile.ZipFile, name: str) -> Element:
    """A small part as a tree. Raises one of UNREADABLE or DAMAGED, ValueError for a part with entities of its own."""
    try:
        root: Element = fromstring(package.read(name), forbid_dtd=False)
    except DefusedXmlException as error:
        raise ValueError(f"{name}: {type(error).__name__}") from error
    return root


def described(root: Element) -> dict[str, str]:
    """What a file says of itself in Dublin Core, by our names; the first of each."""
    found: dict[str, str] = {}
    for element in root.iter():
        name = _DUBLIN_CORE.get(str(element.tag).rpartition("}")[2])
        if name and element.text and element.text.strip():
            found.setdefault(name, element.text.strip())
    return found
