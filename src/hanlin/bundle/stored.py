"""Weights that still lie in their files: known by name, kind and shape, mapped, and looked at when their turn comes.

A mapped page is the system's own copy of the file: it costs no second one, several processes share it, and where memory
is short it goes without being written anywhere. What can serve as it lies there is taken as it is (`joined`); what is
fused from parts that lie apart, turned or cast is copied, and its pages handed back piece by piece: a page that was
copied would count twice until the end.
"""

from __future__ import annotations

import mmap
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hanlin.base.errors import BundleError
from hanlin.bundle.header import Entry, damaged, read_header

PIECE = 4 << 20
"""Bytes looked at in one go: a part of the caches, so that what follows the first look finds them there."""


class Stored(Protocol):
    """A tensor in a file, of which rows can be looked at."""

    @property
    def shape(self) -> torch.Size:
        """Of the whole tensor."""

    @property
    def dtype(self) -> torch.dtype:
        """Of the numbers in the file."""

    def look(self, rows: slice) -> Tensor:
        """Some rows of the first dimension, not to be kept."""

    def release(self, rows: slice) -> None:
        """Some rows will not be looked at again soon: hand their memory back."""


@dataclass(frozen=True)
class InFile:
    """A tensor of a mapped safetensors file."""

    mapped: mmap.mmap
    entry: Entry

    @property
    def shape(self) -> torch.Size:
        """See Stored."""
        return self.entry.shape

    @property
    def dtype(self) -> torch.dtype:
        """See Stored."""
        return self.entry.dtype

    def look(self, rows: slice) -> Tensor:
        """See Stored."""
        start, end = self._span(rows)
        if start == end:
            return torch.empty(size_of(rows, self), dtype=self.dtype)
        raw = torch.frombuffer(self.mapped, dtype=torch.uint8, count=end - start, offset=start)
        if start % self.dtype.itemsize:  # a header that was not padded
            raw = raw.clone()
        return raw.view(self.dtype).view(size_of(rows, self))

    def release(self, rows: slice) -> None:
        """See Stored. Pages shared with neighbours go too; who looks at those maps them again."""
        start, end = self._span(rows)
        if hasattr(mmap, "MADV_DONTNEED") and start < end:
            first = start // mmap.PAGESIZE * mmap.PAGESIZE
            self.mapped.madvise(mmap.MADV_DONTNEED, first, end - first)

    def _span(self, rows: slice) -> tuple[int, int]:
        row_bytes = self.shape[1:].numel() * self.dtype.itemsize
        return self.entry.start + rows.start * row_bytes, self.entry.start + rows.stop * row_bytes


@dataclass(frozen=True)
class Unpickled:
    """A tensor of a file of torch.save, mapped where it can be."""

    tensor: Tensor

    @property
    def shape(self) -> torch.Size:
        """See Stored."""
        return self.tensor.shape

    @property
    def dtype(self) -> torch.dtype:
        """See Stored."""
        return self.tensor.dtype

    def look(self, rows: slice) -> Tensor:
        """See Stored."""
        return self.tensor[rows] if self.shape else self.tensor[None]

    def release(self, rows: slice) -> None:
        """See Stored. torch keeps its mapping."""


def map_tensors(path: Path) -> dict[str, Stored]:
    """The tensors of a safetensors file, in the order of their bytes. Raises BundleError E451, E454."""
    entries = read_header(path)
    try:
        with path.open("rb") as file:
            # Private and so writable in principle: torch warns of memory that is not.
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except (OSError, ValueError) as error:
        raise damaged(path, "unreadable", error=error) from None
    if entries and len(mapped) < max(entry.start + entry.num_bytes for entry in entries.values()):
        raise damaged(path, "shrunk")
    return {name: InFile(mapped, entry) for name, entry in entries.items()}


def open_pickle(path: Path) -> dict[str, Stored]:
    """The tensors of a file of torch.save. Only tensors are unpickled (weights_only), nothing of it is run.

    Raises BundleError E464 when it holds anything else, or is damaged.
    """
    try:
        held = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (UnpicklingError, RuntimeError, EOFError, OSError, ValueError, LookupError, AttributeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BundleError("bundle.pickle_damaged", file=path.name, path=path.parent, reason=reason) from None
    if not isinstance(held, dict) or not all(isinstance(tensor, Tensor) for tensor in held.values()):
        raise BundleError("bundle.pickle_damaged", file=path.name, path=path.parent, reason=type(held).__name__)
    return {str(name): Unpickled(tensor) for name, tensor in held.items()}


def joined(parts: Sequence[Stored]) -> Tensor | None:
    """The parts, one below the other, as one tensor of the mapping; None unless they lie so in one file.

    gate and up do in files of transformers, which are sorted by name; q, k and v do not: o stands between them.
    """
    if len(parts) == 1 and isinstance(parts[0], Unpickled):
        return parts[0].tensor
    own = [part for part in parts if isinstance(part, InFile)]
    if len(own) < len(parts) or any(part.mapped is not own[0].mapped for part in own):
        return None
    ends = [part.entry.start + part.entry.num_bytes for part in own]
    if [part.entry.start for part in own[1:]] != ends[:-1] or own[0].entry.start % own[0].dtype.itemsize:
        return None
    num_rows = sum(part.shape[0] for part in own)
    whole = Entry(own[0].dtype, torch.Size((num_rows, *own[0].shape[1:])), own[0].entry.start)
    return InFile(own[0].mapped, whole).look(slice(0, num_rows))


def pieces(stored: Stored, *, whole: bool = False) -> Iterator[slice]:
    """The rows of a tensor, about PIECE bytes at a time, or all at once."""
    row_bytes = stored.shape[1:].numel() * stored.dtype.itemsize
    last = num_rows(stored)
    step = max(1, last if whole else PIECE // max(1, row_bytes))
    for start in range(0, last, step):
        yield slice(start, min(start + step, last))


def num_rows(stored: Stored) -> int:
    """Of its first dimension; a single number is one row."""
    return stored.shape[0] if stored.shape else 1


def size_of(rows: slice, stored: Stored) -> tuple[int, ...]:
    """Of some rows of a tensor."""
    return (rows.stop - rows.start, *stored.shape[1:])


def copy_bytes(source: Tensor, target: Tensor) -> None:
    """Copy numbers between dense tensors of one dtype, in the calling thread alone."""
    np.copyto(target.reshape(-1).view(torch.uint8).numpy(), source.reshape(-1).view(torch.uint8).numpy())


def are_equal(one: Stored, other: Stored) -> bool:
    """Whether two tensors hold the same numbers."""
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    for rows in pieces(one):
        if not torch.equal(one.look(rows), other.look(rows)):
            return False
        one.release(rows)
        other.release(rows)
    return True
