"""Files of arrays: read by the library of the format, mapped, and refused when a single byte is wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from hanlin.base.errors import InputError
from hanlin.text.arrays import read_arrays, signature, write_arrays

ARRAYS = {
    "small": np.arange(5, dtype=np.uint8),
    "wide": np.arange(6, dtype=np.int64).reshape(2, 3),
    "half": np.array([0.5, -2], np.float16),
    "none": np.empty(0, np.float32),
}
ABOUT = {"kind": "sort", "named": "翰林"}


def written(folder: Path) -> Path:
    path = folder / "deep" / "a.model"
    write_arrays(path, ARRAYS, ABOUT)
    return path


def test_what_is_written_is_read_again_and_mapped(tmp_path: Path) -> None:
    arrays, about = read_arrays(written(tmp_path), "sort")
    assert about == ABOUT
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype
    assert isinstance(arrays["wide"].base, np.memmap | np.ndarray) and not arrays["wide"].flags.writeable
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["a.model"], "nothing is left beside it"


def test_the_library_of_the_format_reads_it_too(tmp_path: Path) -> None:
    found = load_file(written(tmp_path))
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_file_says_its_own_checksum(tmp_path: Path) -> None:
    path = written(tmp_path)
    known = signature(path)
    unsigned = path.read_bytes().replace(known.encode(), b"0" * 64)
    assert hashlib.sha256(unsigned).hexdigest() == known


def test_every_byte_counts(tmp_path: Path, lang: str) -> None:
    """Whatever byte is altered, wherever the file is cut: refused, never read otherwise."""
    path = written(tmp_path)
    whole = path.read_bytes()
    altered = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 7)]
    cut = [whole[:at] for at in (0, 4, 8, 100, len(whole) - 1)]
    for content in [*altered, *cut, b"\xff" * 64, b"no model at all, but a text of some length"]:
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            read_arrays(path, "sort")
        assert caught.value.code == "E255"
        assert str(path) in str(caught.value)


def test_a_file_of_another_kind_is_named(tmp_path: Path, lang: str) -> None:
    with pytest.raises(InputError) as caught:
        read_arrays(written(tmp_path), "another")
    assert caught.value.code == "E256"
    assert "sort" in str(caught.value) and "another" in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_arrays(tmp_path / "absent", "sort")
    assert caught.value.key == "base.file_missing"
