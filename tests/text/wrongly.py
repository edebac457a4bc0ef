"""Three ways in which text is decoded wrongly."""

from __future__ import annotations

from collections.abc import Callable


def utf8_as_cp1252(text: str) -> str:
    """Bytes that Windows-1252 does not know as the control characters that they are in Latin-1."""
    return "".join(_cp1252(byte) for byte in text.encode())


def _cp1252(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


WAYS: dict[str, Callable[[str], str]] = {
    "UTF-8 read as Windows-1252": utf8_as_cp1252,
    "GBK read as Latin-1": lambda text: text.encode("gb2312", "ignore").decode("latin-1"),
    "UTF-8 read as GBK": lambda text: text.encode().decode("gb18030", "replace").replace("\ufffd", "?"),
}
