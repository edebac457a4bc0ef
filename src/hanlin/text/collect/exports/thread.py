"""Messages as every export comes down to: who, when, what; and how they become documents without names."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hanlin.text.collect.config import ChatsConfig
from hanlin.text.collect.outcome import Piece


@dataclass(frozen=True)
class Message:
    """One message or post. `author` is an id where the export has one, `name` how people see it."""

    author: str
    text: str
    at: datetime | None = None
    name: str = ""


@dataclass(frozen=True)
class Thread:
    """One conversation, or the posts of one account. `form` names the kind of export; `lost` counts what is no text."""

    form: str
    name: str
    messages: tuple[Message, ...]
    is_posts: bool = False
    lost: Mapping[str, int] = field(default_factory=dict)


class Authors:
    """Names for the people of exports: the same one for the same person, and none that leads back to them.

    A pseudonym is the keyed hash of the id (HMAC-SHA256, RFC 2104), so nobody without the key can try out names.
    """

    def __init__(self, config: ChatsConfig, key: bytes) -> None:
        self.mode, self._key = config.authors, key

    def called(self, author: str) -> str:
        """Return what an author is called in the text; "" where authors are left out."""
        if self.mode == "keep" or author in _ROLES:
            return author
        return self.hidden("user", author) if self.mode == "pseudonym" else ""

    def hidden(self, kind: str, name: str) -> str:
        """Return `kind` and twelve hexadecimal digits that stand for a name."""
        return f"{kind}-{hmac.digest(self._key, name.encode(errors='replace'), hashlib.sha256).hex()[:12]}"

    def mentions(self, thread: Thread) -> tuple[re.Pattern[str] | None, Mapping[str, str]]:
        """How people of a thread are mentioned (`@name`, `<@id>`), and what stands for each."""
        if self.mode == "keep":
            return None, {}
        known = {alias: one.author for one in thread.messages for alias in (one.name, one.author) if alias.strip()}
        if not known:
            return None, {}
        names = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
        return re.compile(rf"<@!?({names})>|@({names})"), known


_ROLES = ("user", "assistant", "system", "tool")


def pieces_of(thread: Thread, config: ChatsConfig, authors: Authors, source: str, licence: str) -> Iterator[Piece]:
    """Yield the documents of a thread: each post, or what was said without a long silence between."""
    group = authors.hidden("account" if thread.is_posts else "chat", f"{thread.form} {source} {thread.name}")
    if authors.mode == "keep":
        group = thread.name or group
    pattern, known = authors.mentions(thread)

    def plain(message: Message) -> str:
        if pattern is None:
            return message.text
        return pattern.sub(lambda found: f"@{authors.called(known[found[1] or found[2]])}", message.text)

    for number, part in enumerate(_parts(thread, config), start=1):
        lines = [_line(plain(one), "" if thread.is_posts else authors.called(one.author)) for one in part]
        date = part[0].at.strftime("%Y-%m-%d") if part[0].at else ""
        meta = {"licence": licence, "group": group, "form": thread.form, **({"date": date} if date else {})}
        yield Piece(f"{thread.form}:{group}:{number}", "\n".join(lines), meta)


def _line(text: str, name: str) -> str:
    return f"{name}: {text}" if name else text


def _parts(thread: Thread, config: ChatsConfig) -> Iterator[list[Message]]:
    """Posts one by one; messages in the order of time, cut where nobody spoke for long."""
    if thread.is_posts:
        yield from ([message] for message in thread.messages)
        return
    gap = timedelta(hours=config.silence)
    part: list[Message] = []
    for message in _by_time(thread.messages):
        if part and message.at and part[-1].at and message.at - part[-1].at > gap:
            yield part
            part = []
        part.append(message)
    if part:
        yield part


def _by_time(messages: Iterable[Message]) -> list[Message]:
    """Some exports begin with the newest; where a message has no time, the order of the file counts."""
    listed = list(messages)
    if any(message.at is None for message in listed):
        return listed
    return sorted(listed, key=lambda message: _aware(message.at))


def _aware(at: datetime | None) -> datetime:
    assert at is not None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
