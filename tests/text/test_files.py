"""Which files a source names, and their bytes, packed or not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import InputError
from hanlin.text.files import UNREADABLE, chunks_of, files_of, head_of, kind_suffix, unpacked_zst

DATA = b"".join(b"%d " % number for number in range(40_000))


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def names(files: list[Path], folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in files]


def test_a_folder_gives_its_files_sorted_and_the_hidden_apart(tmp_path: Path) -> None:
    make(tmp_path, "b.txt", "a/z.txt", "a/b/c.md", ".hidden.txt", ".git/config", "a/.cache/x.txt")
    found, hidden = files_of(str(tmp_path))
    assert names(found, tmp_path) == ["a/b/c.md", "a/z.txt", "b.txt"]
    assert names(hidden, tmp_path) == [".git/config", ".hidden.txt", "a/.cache/x.txt"]


def test_a_file_and_a_pattern(tmp_path: Path) -> None:
    make(tmp_path, "b.txt", "a/c.txt", "a/d.md", "a/.e.txt")
    assert files_of(str(tmp_path / "b.txt")) == ([tmp_path / "b.txt"], [])
    found, _ = files_of(str(tmp_path / "**" / "*.txt"))
    assert names(found, tmp_path) == ["a/c.txt", "b.txt"]


def test_what_is_named_in_full_is_meant_even_below_a_hidden_folder(tmp_path: Path) -> None:
    make(tmp_path, ".data/a.txt", ".data/.b.txt")
    for path in (".data", ".data/*"):
        assert names(files_of(str(tmp_path / path))[0], tmp_path) == [".data/a.txt"]
    assert names(files_of(str(tmp_path / ".data" / ".b.txt"))[0], tmp_path) == [".data/.b.txt"]


def test_a_path_that_is_not_there(tmp_path: Path, lang: str) -> None:
    with pytest.raises(InputError) as caught:
        files_of(str(tmp_path / "nothing"))
    assert caught.value.code == "E201"
    assert str(tmp_path / "nothing") in str(caught.value)


@pytest.mark.parametrize(("files", "num_hidden"), [((), 0), ((".a", ".b/c"), 2)])
def test_a_folder_without_files_to_read(tmp_path: Path, lang: str, files: tuple[str, ...], num_hidden: int) -> None:
    make(tmp_path, *files)
    for path in (tmp_path, tmp_path / "*.nothing"):
        with pytest.raises(InputError) as caught:
            files_of(str(path))
        assert caught.value.code == "E202"
        assert str(path) in str(caught.value)
    with pytest.raises(InputError) as caught:
        files_of(str(tmp_path))
    assert caught.value.values["num_hidden"] == num_hidden


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.TXT", ".txt"), ("a.jsonl.zst", ".jsonl"), ("a.csv.GZ", ".csv"), ("README", ""), ("a.gz", "")],
)
def test_the_suffix_that_tells_the_format(name: str, suffix: str) -> None:
    assert kind_suffix(Path(name)) == suffix


def packed(kind: str) -> bytes:
    return {"": DATA, ".gz": gzip.compress(DATA), ".zst": zstandard.compress(DATA)}[kind]


@pytest.mark.parametrize("kind", ["", ".gz", ".zst"])
def test_bytes_come_unpacked(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.txt{kind}"
    path.write_bytes(packed(kind))
    assert b"".join(chunks_of(path)) == DATA
    assert head_of(path, 1000) == DATA[:1000]
    path.write_bytes(packed(kind) * 2)
    assert b"".join(chunks_of(path)) == DATA * 2
    path.write_bytes(b"")
    assert b"".join(chunks_of(path)) == b""


@pytest.mark.parametrize("kind", [".gz", ".zst"])
def test_a_cut_or_foreign_file_is_an_error_after_what_was_sound(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.txt{kind}"
    for content in (packed(kind)[:-20], packed(kind) + packed(kind)[:-20]):
        path.write_bytes(content)
        read = bytearray()
        with pytest.raises(UNREADABLE):
            for chunk in chunks_of(path):
                read += chunk
        assert (DATA * 2).startswith(bytes(read))
    path.write_bytes(b"no packed file at all")
    with pytest.raises(UNREADABLE):
        list(chunks_of(path))


@given(contents=st.lists(st.binary(max_size=300), max_size=4), size=st.integers(1, 50))
def test_frames_in_any_chunks(contents: list[bytes], size: int) -> None:
    data = b"".join(map(zstandard.compress, contents))
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert b"".join(unpacked_zst(iter(chunks))) == b"".join(contents)
