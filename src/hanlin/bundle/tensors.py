"""safetensors files, written as a stream and read without a second copy.

The library's own `save_file` turns every tensor into bytes first, which doubles memory, and writes where no test can
stop it. The format is a length, a JSON header and raw bytes: writing it takes few lines and the checksum comes for
free. Reading goes through the library, which maps the file instead of copying it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hanlin.base import files
from hanlin.base.errors import BundleError
from hanlin.base.messages import say

_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_BITS: dict[torch.dtype, tuple[torch.dtype, type[np.unsignedinteger[Any]], int]] = {
    torch.float64: (torch.int64, np.uint64, 0x7FF0 << 48),
    torch.float32: (torch.int32, np.uint32, 0x7F80 << 16),
    torch.float16: (torch.int16, np.uint16, 0x7C00),
    torch.bfloat16: (torch.int16, np.uint16, 0x7F80),
}
"""Of each kind of float: integers of its size, and the bits of its infinity."""
_FLOATS = frozenset(_BITS)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str] | None = None) -> str:
    """Write a new safetensors file, one tensor in memory at a time; return its SHA-256. Raises DiskFull.

    Wide dtypes come first, so that every tensor starts at a multiple of its item size.
    """
    return write_stored(path, tensors, tensors.__getitem__, metadata=metadata)


def write_stored(
    path: Path,
    shapes: Mapping[str, Tensor],
    read: Callable[[str], Tensor],
    *,
    metadata: Mapping[str, str] | None = None,
) -> str:
    """As `write_tensors`, of tensors that are read when their turn comes: `shapes` need no numbers."""
    ordered = dict(sorted(shapes.items(), key=lambda item: (-item[1].itemsize, item[0])))
    digest = hashlib.sha256()
    with files.disk_errors(path), path.open("xb") as file:
        for data in _pieces(ordered, read, metadata or {}):
            files.write_bytes(file, data)
            digest.update(data)
    return digest.hexdigest()


def _pieces(
    shapes: Mapping[str, Tensor], read: Callable[[str], Tensor], metadata: Mapping[str, str]
) -> Iterator[bytes]:
    yield _header(shapes, metadata)
    for name in shapes:
        raw = read(name).detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        yield raw.numpy().data  # type: ignore[misc]  # a view of the tensor's own bytes, not a copy


def _header(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt", **metadata}}
    offset = 0
    for name, tensor in tensors.items():
        end = offset + tensor.numel() * tensor.itemsize
        entries[name] = {
            "dtype": _DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file, mapped: their bytes are read when they are used.

    Raises BundleError E451 when the file is absent, E454 when it is no sound safetensors file.
    """
    if not path.is_file():
        raise BundleError("bundle.files_missing", files=path.name, path=path.parent)
    try:
        with safe_open(path, framework="pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # no mapping, no iterator
    except (SafetensorError, OSError) as error:
        raise BundleError("bundle.file_damaged", file=path.name, path=path.parent, reason=error) from None


class Shaped(Protocol):
    """A tensor, or one that still lies in its file."""

    @property
    def shape(self) -> torch.Size:
        """Sizes of its dimensions."""

    @property
    def dtype(self) -> torch.dtype:
        """Kind of its numbers."""


def check_match(path: Path, found: Mapping[str, Shaped], wanted: Mapping[str, torch.Size]) -> None:
    """Raise BundleError E455 naming every tensor that is missing, unexpected, of another shape or no float, at once."""
    lines = [say("bundle.tensor_missing", name=name) for name in wanted if name not in found]
    lines += [say("bundle.tensor_extra", name=name) for name in found if name not in wanted]
    for name in sorted(found.keys() & wanted.keys()):
        tensor = found[name]
        if tensor.shape != wanted[name]:
            lines.append(say("bundle.tensor_shape", name=name, found=_size(tensor.shape), wanted=_size(wanted[name])))
        elif tensor.dtype not in _FLOATS:
            lines.append(say("bundle.tensor_integer", name=name, dtype=str(tensor.dtype).removeprefix("torch.")))
    if lines:
        raise BundleError("bundle.tensors_differ", file=path.name, path=path.parent, lines=listed(lines))


def listed(lines: Sequence[str], limit: int = 20) -> str:
    """Lines of a list under a sentence; beyond `limit` they are counted."""
    shown = list(lines[:limit]) + ([say("bundle.and_more", number=len(lines) - limit)] if len(lines) > limit else [])
    return "".join(f"\n  - {line}" for line in shown)


def _size(shape: torch.Size) -> str:
    return " x ".join(map(str, shape)) or "1"


def check_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise BundleError E456 naming every tensor that holds an infinity or what is no number."""
    if bad := [name for name, tensor in tensors.items() if not is_finite(tensor)]:
        raise not_finite(path, bad)


def not_finite(path: Path, names: Sequence[str]) -> BundleError:
    """The error of a file whose tensors of these names hold an infinity or what is no number."""
    return BundleError("bundle.not_finite", file=path.name, path=path.parent, lines=listed(names))


def is_finite(tensor: Tensor) -> bool:
    """Whether all its numbers are.

    By their bits, in memory order, at the speed of memory and in the calling thread alone: in IEEE 754 infinities and
    what is no number are the largest of their sign, so the largest bits, read as signed integers, tell of the positive
    ones, as unsigned integers of the negative ones. Elsewhere than in the processor's memory by the extremes, which NaN
    takes over.
    """
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return True
    if tensor.device.type != "cpu" or tensor.dtype not in _BITS:
        low, high = tensor.aminmax()
        return math.isfinite(low.item()) and math.isfinite(high.item())
    signed, unsigned, infinity = _BITS[tensor.dtype]
    bits = tensor.detach().view(signed).numpy()
    sign = 1 << 8 * tensor.itemsize - 1
    return int(bits.max()) < infinity and int(bits.view(unsigned).max()) < infinity + sign
