"""JSON files that are no lines: one array of rows, one object, or objects one after the other, however they are laid
out. Read value by value, so that a file of any size takes the memory of its largest row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from hanlin.text.formats.content import Content, Fault, Item

_SPACE = re.compile(r"[\s\ufeff]*")
_DECODER = json.JSONDecoder()


def read_json(content: Content) -> Iterator[Item]:
    """Yield one row for each object of the array, or at the top; its number is the place among them.

    After a value that is not JSON the rest of an array is one fault, since nothing in it can be told apart; objects at
    the top go on with the next that begins a line. Faults: not_json, not_object, row_too_long.
    """
    number = 0
    try:
        for number, value in enumerate(_Scanner(content).values(), start=1):
            is_fault = isinstance(value, ValueError)
            yield Fault("not_json", f":{number}", str(value)) if is_fault else content.row(number, value)
    except _TooLong:
        yield Fault("row_too_long", f":{number + 1}")
    except (ValueError, RecursionError) as error:
        yield Fault("not_json", f":{number + 1}", str(error))


class _TooLong(Exception):
    """A value is longer than a row may be."""


class _Scanner:
    """A text that comes in parts, with what of it has not been understood yet."""

    def __init__(self, content: Content) -> None:
        self.parts, self.most = content.decoded(), content.options.max_row_chars
        self.held, self.at = "", 0

    def values(self) -> Iterator[object]:
        """Yield the values of the array, or those at the top, there a ValueError for each that is none.

        Raises ValueError, RecursionError or _TooLong.
        """
        if not self._take("["):
            while not self._is_done():
                yield self._value_or_error()
            return
        if not self._take("]"):
            yield self._value()
            while self._take(","):
                yield self._value()
            if not self._take("]"):
                raise ValueError("neither a comma nor the end of the array")
        if not self._is_done():
            raise ValueError("text after the end of the array")

    def _take(self, mark: str) -> bool:
        """Whether `mark` comes next; if so, it is passed."""
        found = self._next() == mark
        self.at += found
        return found

    def _is_done(self) -> bool:
        return not self._next()

    def _next(self) -> str:
        """Pass over white space; return the next character, or "" at the end."""
        while True:
            self.at = _SPACE.match(self.held, self.at).end()  # type: ignore[union-attr]  # it matches nothing, too
            if self.at < len(self.held) or not self._more():
                return self.held[self.at : self.at + 1]

    def _value(self) -> object:
        self._next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.held, self.at)
            except json.JSONDecodeError as error:
                if len(self.held) - self.at > self.most:
                    raise _TooLong from None
                if not self._may_be_cut(error) or not self._more():
                    raise
                continue
            if end < len(self.held) or not self._more():  # a number may go on in the next part
                break
        if end - self.at > self.most:
            raise _TooLong
        self.at = end
        return value

    def _value_or_error(self) -> object:
        try:
            return self._value()
        except ValueError as error:
            self._pass_to_next_line()
            return error

    def _pass_to_next_line(self) -> None:
        """Forget everything up to the next object that begins a line, or the end."""
        while (found := self.held.find("\n{", self.at + 1)) < 0:
            self.held, self.at = self.held[-1:], 0
            if (part := next(self.parts, None)) is None:
                self.at = len(self.held)
                return
            self.held += part
        self.at = found

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        """Whether the fault is only that the rest of the value has not been read yet."""
        return error.msg.startswith("Unterminated string") or error.pos >= len(self.held) - len("-Infinity")

    def _more(self) -> bool:
        """Hold at least twice as much as before: a value in n parts must not be tried n times."""
        held = [self.held[self.at :]]
        size = before = len(held[0])
        for part in self.parts:
            held.append(part)
            size += len(part)
            if part and size >= 2 * before:
                break
        self.held, self.at = "".join(held), 0
        return size > before
