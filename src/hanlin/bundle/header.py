"""The header of a safetensors file, believed only after every number in it has been checked against the file.

A length, a table in JSON (name, kind of numbers, shape, first and last byte), then the bytes of the tensors one behind
the other. A file from elsewhere may say anything: a header of gigabytes, tensors that overlap or lie outside, the same
name twice, of which two programs would believe two different ones. Nothing of it is allocated before it is refused.
The format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hanlin.base.errors import BundleError
from hanlin.base.files import parse_json
from hanlin.base.messages import say

MOST_BYTES = 100_000_000
"""Of a header, as the format's own library has it."""
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E8M0": torch.float8_e8m0fnu,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "C64": torch.complex64,
}
_MOST_DIMS = 64
_ENTRY = {"dtype", "shape", "data_offsets"}
_METADATA = "__metadata__"
# What stands in a file of that name when something went wrong on its way, by its first bytes.
_STRANGERS = {
    b"PK\x03\x04": "pickle",
    b"\x80\x02": "pickle",
    b"\x80\x04": "pickle",
    b"version https://git-lfs": "lfs",
    b"GGUF": "gguf",
    b"<": "page",
}


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies: its numbers, its shape, and its bytes from `start` on, counted from the file's first."""

    dtype: torch.dtype
    shape: torch.Size
    start: int

    @property
    def num_bytes(self) -> int:
        """Bytes of all its numbers."""
        return self.shape.numel() * self.dtype.itemsize


def read_header(path: Path) -> dict[str, Entry]:
    """The tensors of a safetensors file, by name, none of their bytes read.

    Raises BundleError E454 with what is wrong, E451 for a file that is not there.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(64)
            length = int.from_bytes(start[:8], "little")
            _check_length(path, start, length, size)
            file.seek(8)
            text = file.read(length)
    except FileNotFoundError:
        raise BundleError("bundle.files_missing", files=path.name, path=path.parent) from None
    except OSError as error:
        raise damaged(path, "unreadable", error=error.strerror) from None
    return _entries(path, _table(path, text), first=8 + length, size=size)


def damaged(path: Path, reason: str, **values: object) -> BundleError:
    """The error of a file that is no sound safetensors file, for a reason of the catalogue."""
    said = say(f"bundle.header_{reason}", **values)
    return BundleError("bundle.file_damaged", file=path.name, path=path.parent, reason=said)


def _check_length(path: Path, start: bytes, length: int, size: int) -> None:
    for mark, kind in _STRANGERS.items():
        if start.startswith(mark):
            raise damaged(path, kind)
    if size < 8:
        raise damaged(path, "short", size=size)
    if length > min(MOST_BYTES, size - 8):
        raise damaged(path, "length", length=length, size=size)


def _table(path: Path, text: bytes) -> dict[str, Any]:
    try:
        table = parse_json(text.decode(), unique=True)
    except ValueError as error:
        raise damaged(path, "json", error=error) from None
    if not isinstance(table, dict):
        raise damaged(path, "json", error=type(table).__name__)
    return table


def _entries(path: Path, table: Mapping[str, Any], *, first: int, size: int) -> dict[str, Entry]:
    """Every tensor, where together they fill the file without a gap."""
    spans = sorted((_span(path, name, said), name) for name, said in table.items() if name != _METADATA)
    reached, entries = 0, {}
    for (begin, end), name in spans:
        if begin != reached:
            raise damaged(path, "overlap" if begin < reached else "gap", name=name, begin=begin, reached=reached)
        reached = end
        said = table[name]
        entries[name] = Entry(DTYPES[said["dtype"]], torch.Size(said["shape"]), first + begin)
    if first + reached != size:
        raise damaged(path, "cut" if first + reached > size else "rest", wanted=first + reached, size=size)
    return entries


def _span(path: Path, name: str, said: Any) -> tuple[int, int]:
    """First and last byte of a tensor, which must be as many as its shape takes."""
    if not isinstance(said, dict) or not said.keys() >= _ENTRY:
        raise damaged(path, "entry", name=name)
    if not isinstance(said["dtype"], str) or said["dtype"] not in DTYPES:
        raise damaged(path, "dtype", name=name, dtype=str(said["dtype"])[:40])
    shape, offsets = said["shape"], said["data_offsets"]
    if not (_are_sizes(shape) and _are_sizes(offsets) and len(shape) <= _MOST_DIMS and len(offsets) == 2):
        raise damaged(path, "entry", name=name)
    num_bytes = math.prod(shape) * DTYPES[said["dtype"]].itemsize
    if offsets[1] - offsets[0] != num_bytes:
        raise damaged(path, "span", name=name, wanted=num_bytes, found=offsets[1] - offsets[0])
    return offsets[0], offsets[1]


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 62 for value in values)
