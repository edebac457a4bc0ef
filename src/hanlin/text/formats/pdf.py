"""PDF files: the text of each page, by pypdf. A scan has none, and is said to be one; nothing is recognised."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hanlin.text.files import shown
from hanlin.text.formats.content import Content, Fault, Item, Text

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # every fault is told once, by us


def read_pdf(content: Content) -> Iterator[Item]:
    """Yield the whole file as one text, a blank line between pages; its title, author and number of pages.

    A page that cannot be read costs itself alone. Faults: encrypted, scan (the file or the page is pictures without
    text), page, unreadable.
    """
    from pypdf import PdfReader  # half a second to load
    from pypdf.errors import DependencyError, FileNotDecryptedError

    with content.seekable() as path, path.open("rb") as file:
        try:
            reader = PdfReader(file)
            if reader.is_encrypted and not reader.decrypt(""):
                raise FileNotDecryptedError
            num_pages, meta = len(reader.pages), _meta(reader)
        except (FileNotDecryptedError, DependencyError) as error:
            yield Fault("encrypted", example=str(error))
            return
        except Exception as error:  # pypdf raises whatever its parts raise on a damaged file
            yield Fault("unreadable", example=f"{type(error).__name__}: {error}")
            return
        yield Text(_pages(reader, num_pages), {**meta, "pages": num_pages})


def _meta(reader: PdfReader) -> dict[str, str]:
    """What the file says of itself; nothing where that is damaged."""
    try:
        known = reader.metadata
        found = {"title": known.title, "author": known.author} if known else {}
    except Exception:  # the text is worth more than its title
        return {}
    return {name: shown(value).strip() for name, value in found.items() if value and shown(value).strip()}


def _pages(reader: PdfReader, num_pages: int) -> Iterator[str | Fault]:
    scans: list[int] = []
    has_text = False
    for number in range(1, num_pages + 1):
        try:
            page = reader.pages[number - 1]
            text = page.extract_text()
            is_scan = not text.strip() and _has_picture(page)
            if not text.strip() and not is_scan and _is_damaged(page):
                raise ValueError("its content cannot be unpacked")
        except Exception as error:  # as above
            yield Fault("page", f":{number}", f"{type(error).__name__}: {error}")
            continue
        if text.strip():
            yield f"\n\n{text.strip()}" if has_text else text.strip()
            has_text = True
        elif is_scan:
            scans.append(number)
    yield from [Fault("scan", f":{number}") for number in scans] if has_text else [Fault("scan")] if scans else []


def _has_picture(page: PageObject) -> bool:
    resources = page.get("/Resources")
    objects = resources.get_object().get("/XObject") if resources else None
    return any(
        one.get_object().get("/Subtype") == "/Image" for one in (objects.get_object() if objects else {}).values()
    )


def _is_damaged(page: PageObject) -> bool:
    """Whether a page has content that unpacks to nothing: pypdf says nothing of it. An empty one packs to 8 bytes."""
    held = page.get("/Contents")
    if held is None:
        return False
    parts = held.get_object()
    streams = [one.get_object() for one in parts] if isinstance(parts, list) else [parts]
    content = page.get_contents()
    is_empty = content is None or not content.get_data().strip()
    return is_empty and any(len(getattr(one, "_data", bytes(9))) > 8 for one in streams)
