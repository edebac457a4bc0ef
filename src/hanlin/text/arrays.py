"""Arrays in a safetensors file: checked against a checksum, then mapped, so that opening takes no memory of its own.

    8 bytes         length of the header
    header          JSON: dtype, shape and place of every array; under __metadata__ what the file is (`about`) and the
                    SHA-256 of the whole file, with 64 zeros in its own place
    arrays          the widest items first, so that each begins at a multiple of its item size

Numbers and JSON only: opening a file that somebody else made runs nothing of theirs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hanlin.base import files
from hanlin.base.errors import InputError

Arrays = Mapping[str, NDArray[Any]]

_DTYPES = {"I64": np.int64, "F64": np.float64, "U32": np.uint32, "F32": np.float32, "F16": np.float16, "U8": np.uint8}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}
_PIECE = 1 << 24
_UNSIGNED = "0" * 64
_LONGEST_HEADER = 1 << 24


def write_arrays(path: Path, arrays: Arrays, about: Mapping[str, Any]) -> None:
    """Write the file whole or not at all. `about` is JSON; its "kind" is asked for on reading. Raises DiskFull."""
    ordered = {
        name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays, key=lambda n: (-arrays[n].itemsize, n))
    }
    told = json.dumps(about, ensure_ascii=False)
    header = _header(ordered, {"about": told, "sha256": _UNSIGNED})
    digest = _digest(header, (piece for array in ordered.values() for piece in _pieces(array)))
    with files.writing(path) as file:
        files.write_bytes(file, header.replace(_UNSIGNED.encode(), digest.encode()))
        for array in ordered.values():
            for piece in _pieces(array):
                file.write(piece)


def read_arrays(path: Path, kind: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays, mapped and read-only, and what the file says of itself.

    Raises InputError: absent, damaged (E255), or of another kind (E256).
    """
    if not path.is_file():
        raise InputError("base.file_missing", path=path)
    try:
        raw = np.memmap(path, np.uint8, "r")
        header, begin = _read_header(raw)
        metadata = header.pop("__metadata__")
        arrays = {name: _array(raw[begin:], entry) for name, entry in header.items()}
        about, known = str(metadata["about"]), str(metadata["sha256"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("text.model_damaged", path=path, reason=error) from None
    if _digest(raw[:begin].tobytes().replace(known.encode(), _UNSIGNED.encode()), _pieces(raw[begin:])) != known:
        raise InputError("text.model_damaged", path=path, reason="SHA-256")
    told = json.loads(about)
    if told.get("kind") != kind:
        raise InputError("text.model_of_another_kind", path=path, kind=told.get("kind"), wanted=kind)
    return arrays, told


def signature(path: Path) -> str:
    """Return the SHA-256 that a file says of itself, which `read_arrays` has checked."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    found: str = header["__metadata__"]["sha256"]
    return found


def _digest(header: bytes, pieces: Iterator[memoryview]) -> str:
    digest = hashlib.sha256(header)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _pieces(array: NDArray[Any]) -> Iterator[memoryview]:
    """The bytes of an array, a part at a time."""
    flat = array.reshape(-1).view(np.uint8)
    for start in range(0, len(flat), _PIECE):
        yield flat[start : start + _PIECE].data


def _header(arrays: Arrays, metadata: Mapping[str, str]) -> bytes:
    entries: dict[str, Any] = {"__metadata__": dict(metadata)}
    offset = 0
    for name, array in arrays.items():
        place = [offset, offset + array.nbytes]
        entries[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": place}
        offset = place[1]
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _read_header(raw: NDArray[np.uint8]) -> tuple[dict[str, Any], int]:
    """The header, and where the arrays begin."""
    end = 8 + int.from_bytes(raw[:8].tobytes(), "little")
    if not 8 < end <= min(len(raw), _LONGEST_HEADER):
        raise ValueError(f"header of {end - 8} bytes")
    header: dict[str, Any] = json.loads(raw[8:end].tobytes())
    return header, end


def _array(data: NDArray[np.uint8], entry: Mapping[str, Any]) -> NDArray[Any]:
    start, end = entry["data_offsets"]
    if not 0 <= start <= end <= len(data):
        raise ValueError(f"bytes {start} to {end} of {len(data)}")
    array: NDArray[Any] = data[start:end].view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return array
