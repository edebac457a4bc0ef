"""Which files a source names, and their bytes, packed or not."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import InputError
from hanlin.text.files import UNREADABLE, PassedOver, chunks_of, files_of, head_of, kind_suffix, shown, unpacked_zst

DATA = b"".join(b"%d " % number for number in range(40_000))


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def names(files: list[Path], folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in files]


def test_a_folder_gives_its_files_sorted_and_the_hidden_apart(tmp_path: Path) -> None:
    make(tmp_path, "b.txt", "a/z.txt", "a/b/c.md", ".hidden.txt", ".git/config", "a/.cache/x.txt")
    found, passed_over = files_of(str(tmp_path))
    assert names(found, tmp_path) == ["a/b/c.md", "a/z.txt", "b.txt"]
    assert names([one.path for one in passed_over], tmp_path) == [".git", ".hidden.txt", "a/.cache"]
    assert {one.reason for one in passed_over} == {"hidden"}


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
    assert caught.value.values["num_passed_over"] == num_hidden


def test_links_to_folders_are_followed_once_and_never_in_circles(tmp_path: Path) -> None:
    make(tmp_path, "here/a.txt", "there/b.txt", "there/deep/c.txt")
    (tmp_path / "here/link").symlink_to(tmp_path / "there")
    (tmp_path / "here/more").symlink_to(tmp_path / "there")
    (tmp_path / "there/deep/back").symlink_to(tmp_path / "here")
    (tmp_path / "here/self").symlink_to(tmp_path / "here")
    found, passed_over = files_of(str(tmp_path / "here"))
    assert names(found, tmp_path / "here") == ["a.txt", "link/b.txt", "link/deep/c.txt"]
    assert passed_over == []


def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path) -> None:
    """A pipe would block for ever; a link to nothing is text that its owner believes to be there."""
    make(tmp_path, "a.txt")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken.txt").symlink_to(tmp_path / "nothing")
    found, passed_over = files_of(str(tmp_path))
    assert names(found, tmp_path) == ["a.txt"]
    assert [(one.path.name, one.reason) for one in passed_over] == [
        ("broken.txt", "unreadable"),
        ("pipe", "special"),
    ]


def test_a_folder_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user of the tests may be root, whom nothing is forbidden: so the system's answer is put in its place."""
    make(tmp_path, "a.txt", "locked/b.txt")
    scan = os.scandir

    def forbidding(folder: str) -> object:
        if Path(folder).name == "locked":
            raise PermissionError(13, "Permission denied", folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", forbidding)
    found, passed_over = files_of(str(tmp_path))
    assert names(found, tmp_path) == ["a.txt"]
    assert passed_over == [PassedOver(tmp_path / "locked", "unreadable", "Permission denied")]


def test_a_tilde_is_the_home_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "books/a.txt")
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("~/books", "~/books/*.txt", "~/books/a.txt"):
        assert names(files_of(path)[0], tmp_path) == ["books/a.txt"]


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("a/春天.txt", "a/春天.txt"),
        (os.fsdecode("春.txt".encode("gb18030")), "\\udcb4\\udcba.txt"),
        ("red\x1b[31m\n", "red\\x1b[31m\\n"),
        ("\ud800", "\\ud800"),
        (Path("a") / "b", "a/b"),
        (7, "7"),
    ],
)
def test_names_are_shown_as_text_that_any_file_holds(raw: object, seen: str) -> None:
    assert shown(raw) == seen
    assert seen.encode()


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.TXT", ".txt"),
        ("a.jsonl.zst", ".jsonl"),
        ("a.csv.GZ", ".csv"),
        ("README", ""),
        ("a.gz", ""),
        ("a.TGZ", ".tar"),
        ("a.tar.xz", ".tar"),
    ],
)
def test_the_suffix_that_tells_the_format(name: str, suffix: str) -> None:
    assert kind_suffix(Path(name)) == suffix


def packed(kind: str) -> bytes:
    packers = {".gz": gzip.compress, ".zst": zstandard.compress, ".xz": lzma.compress, ".bz2": bz2.compress}
    return packers[kind](DATA) if kind else DATA


@pytest.mark.parametrize("kind", ["", ".gz", ".zst", ".xz", ".bz2"])
def test_bytes_come_unpacked(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.txt{kind}"
    path.write_bytes(packed(kind))
    assert b"".join(chunks_of(path)) == DATA
    assert head_of(path, 1000) == DATA[:1000]
    path.write_bytes(packed(kind) * 2)
    assert b"".join(chunks_of(path)) == DATA * 2
    path.write_bytes(b"")
    assert b"".join(chunks_of(path)) == b""


@pytest.mark.parametrize("kind", [".gz", ".zst", ".xz", ".bz2"])
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


def test_a_bomb_unpacks_in_small_portions(tmp_path: Path) -> None:
    """A hundred megabytes of one letter from a few kilobytes."""
    packer = zstandard.ZstdCompressor(level=19).compressobj()
    block = b"a" * (1 << 20)
    path = tmp_path / "bomb.txt.zst"
    path.write_bytes(b"".join(packer.compress(block) for _ in range(100)) + packer.flush())
    assert path.stat().st_size < 20_000
    sizes = [len(chunk) for chunk in chunks_of(path)]
    assert sum(sizes) == 100 << 20
    assert max(sizes) <= 24 << 20


@given(contents=st.lists(st.binary(max_size=300), max_size=4), size=st.integers(1, 50))
def test_frames_in_any_chunks(contents: list[bytes], size: int) -> None:
    data = b"".join(map(zstandard.compress, contents))
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert b"".join(unpacked_zst(iter(chunks))) == b"".join(contents)
