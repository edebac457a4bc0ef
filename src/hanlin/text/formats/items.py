"""What stands in one file of the disk, packed or not, archive or not: texts, rows and faults, in the order of reading.

archive?   each member again, down to `max_archive_depth`
format     by name or first bytes (table.py), encoding by the bytes (encodings.py)
reader     of the format
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from hanlin.text.config import Format, ReadConfig
from hanlin.text.encodings import HEAD_BYTES, doubtful_part, encoding_of
from hanlin.text.files import UNREADABLE, is_packed
from hanlin.text.formats.archives import BETWEEN, is_archive, members_of
from hanlin.text.formats.content import Content, Fault, Guard, Item, Text, UnpacksTooMuch
from hanlin.text.formats.table import BINARY, READERS, format_of

Found = tuple[Content, Item]
"""An item with the file or member it stands in."""


def items_of(
    path: Path, options: ReadConfig, *, form: Literal["auto", Format] = "auto", columns: Sequence[str] | None = None,
    stretch: tuple[int, int, int] | None = None,
) -> Iterator[Found]:  # fmt: skip
    """Yield everything in a file. Whatever is wrong with it is a Fault; only a full disk is an error (DiskFull).

    `columns` are those wanted of a row, the first of them needed; None wants all. `form` is that of the file, or of
    all members of an archive. Of a file that was looked at before a `stretch` may be asked for (`Content`).
    """
    wanted = None if columns is None else tuple(columns)
    content = Content(path, str(path), options, Guard(0, options), wanted, stretch=stretch)
    try:
        content.guard = Guard(path.stat().st_size, options)
        yield from _items(content, form, depth=0)
    except UnpacksTooMuch as error:
        yield replace(content, name=error.name), Fault("bomb", example=str(error))
    except OSError as error:  # it vanished meanwhile
        yield content, Fault("unreadable", example=str(error))


def _items(content: Content, form: Literal["auto", Format], depth: int) -> Iterator[Found]:
    try:
        yield from _members(content, form, depth) if is_archive(content.name) else _of_file(content, form)
    except UNREADABLE as error:
        yield content, Fault("unreadable", example=str(error))


def _members(content: Content, form: Literal["auto", Format], depth: int) -> Iterator[Found]:
    if depth >= content.options.max_archive_depth:
        yield content, Fault("nested")
        return
    for member in members_of(content):
        if isinstance(member, Fault):
            yield content, member
        else:
            inside = replace(content, path=member.path, name=f"{content.name}{BETWEEN}{member.name}")
            yield from _items(inside, form, depth + 1)


def form_and_encoding(
    path: Path, options: ReadConfig, form: Literal["auto", Format] = "auto"
) -> tuple[Format | None, str | None]:
    """Return what a file is by its name and its first bytes; None for what is packed, an archive or cannot be read."""
    content = Content(path, str(path), options, Guard(0, options))
    if is_packed(path) or is_archive(content.name):
        return None, None
    try:
        head = _head(content)
    except UNREADABLE:
        return None, None
    found = format_of(content, head) if form == "auto" else form
    return found, found if found in BINARY else encoding_of(head)


def _of_file(content: Content, chosen: Literal["auto", Format]) -> Iterator[Found]:
    if content.stretch and chosen != "auto":
        content.encoding = chosen if chosen in BINARY else "utf-8"
        yield from _read(content, chosen)
        return
    head = _head(content)
    form = format_of(content, head) if chosen == "auto" else chosen
    encoding = form if form in BINARY else _encoding(content, head)
    if len(head) < HEAD_BYTES and not head.strip():
        yield content, Fault("empty")
    elif encoding is None:
        yield content, Fault("binary", example=head[:16].hex(" "))
    else:
        content.encoding = encoding
        yield from _read(content, form)


def _read(content: Content, form: Format) -> Iterator[Found]:
    try:
        for item in READERS[form](content):
            yield content, replace(item, parts=_to_the_damage(item.parts)) if isinstance(item, Text) else item
    except UNREADABLE as error:
        yield content, Fault("unreadable", example=str(error))
    if content.num_faults and _is_faulty(content):
        yield content, Fault("encoding", example=f"{content.encoding}: {content.num_faults:,}")


def _to_the_damage(parts: Iterable[str | Fault]) -> Iterator[str | Fault]:
    """The parts of a text, which are read only when they are asked for, up to where that fails."""
    try:
        yield from parts
    except UnpacksTooMuch as error:
        yield Fault("bomb", example=str(error))
    except UNREADABLE as error:
        yield Fault("unreadable", example=str(error))


def _head(content: Content) -> bytes:
    """The first bytes, fewer where the file is damaged soon after them. Raises one of UNREADABLE without any."""
    head = b""
    try:
        for chunk in content.chunks():
            head += chunk
            if len(head) >= HEAD_BYTES:
                break
    except UNREADABLE:
        if not head:
            raise
    return head[:HEAD_BYTES]


def _encoding(content: Content, head: bytes) -> str | None:
    """By the head; where that is UTF-8, by the first part of the file that is not, if there is one."""
    encoding = encoding_of(head)
    if encoding == "utf-8" and len(head) == HEAD_BYTES and (part := doubtful_part(_sound_chunks(content))):
        return encoding_of(part) or encoding
    return encoding


def _is_faulty(content: Content) -> bool:
    """Whether U+FFFD came from decoding: many a text holds it since its last owner decoded it badly."""
    return not content.encoding.startswith("utf-8") or doubtful_part(_sound_chunks(content), final=True) is not None


def _sound_chunks(content: Content) -> Iterator[bytes]:
    """The bytes up to where the file is damaged: what follows is said when the text itself is read."""
    with contextlib.suppress(*UNREADABLE):
        yield from content.chunks()
