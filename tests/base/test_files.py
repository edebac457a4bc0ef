"""Files that survive: nothing half-written, nothing lost, whatever moment the process dies or the disk is full."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base import files
from hanlin.base.errors import DiskFull, InputError, MachineError
from hanlin.base.files import (
    building_folder,
    disk_errors,
    free_bytes,
    read_json,
    read_text,
    recover,
    sha256_bytes,
    sha256_file,
    write_atomic,
    write_json,
)

NAMES = ("a.bin", "sub/b.bin", "sub/deeper/c.bin")


def fill(folder: Path, content: str) -> None:
    for name in NAMES:
        write_atomic(folder / name, content * 1000)


def content_of(folder: Path) -> set[str]:
    """The distinct contents of the three files: one element when the folder is whole, KeyError-like when not."""
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == sorted(NAMES)
    return {(folder / name).read_text() for name in NAMES}


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


# ---- single files


def test_a_file_is_replaced_whole_and_folders_are_made(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.txt"
    write_atomic(target, "first")
    write_atomic(target, "第二".encode())
    write_atomic(target, "third", durable=False)
    assert target.read_text() == "third"
    assert leftovers(target.parent) == []


@pytest.mark.parametrize("step", ["write_bytes", "fsync", "rename"])
def test_a_failed_write_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    target = tmp_path / "a.txt"
    write_atomic(target, "old")

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, step, full)
    with pytest.raises(DiskFull) as caught:
        write_atomic(target, "new")
    assert caught.value.code == "E108"
    assert str(target) in str(caught.value)
    assert target.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_a_real_full_disk_is_named() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(DiskFull), disk_errors(Path("/dev/full")), open("/dev/full", "wb", buffering=0) as file:
        file.write(b"x")


def test_a_full_disk_inside_the_text_of_a_foreign_error_is_seen(tmp_path: Path) -> None:
    """safetensors and torch report ENOSPC as exceptions of their own, with the number only in the text."""
    with pytest.raises(DiskFull), disk_errors(tmp_path):
        raise RuntimeError("I/O error: No space left on device (os error 28)")
    with pytest.raises(RuntimeError, match="another reason"), disk_errors(tmp_path):
        raise RuntimeError("another reason")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, lang: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(MachineError) as caught:
        write_atomic(tmp_path / "file" / "inside.txt", "x")
    assert caught.value.code == "E109"
    assert str(tmp_path) in str(caught.value)


def test_a_forbidden_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "locked"))

    monkeypatch.setattr(files, "rename", forbidden)
    with pytest.raises(MachineError, match=r"locked cannot be written: Permission denied"):
        write_atomic(tmp_path / "a", "x")


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v), max_leaves=5))
def test_json_is_read_back(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.mktemp("json") / "a.json"
    try:
        write_json(path, value)
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8
        return
    assert read_json(path) == value


def test_json_has_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})


def test_bad_input_is_named_with_its_place(tmp_path: Path, lang: str) -> None:
    (tmp_path / "damaged.json").write_text('{"a": 1,\n"b": }')
    (tmp_path / "gbk.txt").write_bytes("中文".encode("gb18030"))
    expected = {"missing.json": "E102", ".": "E103", "gbk.txt": "E104", "damaged.json": "E105"}
    for name, code in expected.items():
        with pytest.raises(InputError) as caught:
            read_json(tmp_path / name)
        assert caught.value.code == code
        assert str(tmp_path / name) in str(caught.value)
    assert caught.value.values["line"] == 2


def test_text_may_open_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf\xe4\xb8\xad")
    assert read_text(tmp_path / "a.txt") == "中"


def test_checksums_agree_with_the_standard(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "a").write_bytes(data)
    assert sha256_file(tmp_path / "a") == sha256_bytes(data) == hashlib.sha256(data).hexdigest()


def test_free_space_of_a_place_that_does_not_exist_yet(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") == pytest.approx(free_bytes(tmp_path), rel=0.01)
    assert free_bytes(tmp_path) > 0


# ---- whole folders


def test_a_folder_of_the_user_is_not_replaced(tmp_path: Path) -> None:
    final = tmp_path / "mine"
    final.mkdir()
    with building_folder(final, known_by="table.json") as folder:  # an empty one is nobody's
        (folder / "table.json").write_text("1")
    with building_folder(final, known_by="table.json") as folder:
        (folder / "other").write_text("2")
    with pytest.raises(InputError) as caught, building_folder(final, known_by="table.json"):
        pass
    assert caught.value.code == "E117" and (final / "other").read_text() == "2"


def test_a_folder_appears_whole_and_replaces_the_old(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "bundle"
    for content in ("old", "new"):
        with building_folder(final) as folder:
            assert folder.parent == final.parent
            fill(folder, content)
        assert content_of(final) == {content * 1000}
    assert leftovers(final.parent) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_in_the_block_changes_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    final = tmp_path / "bundle"
    with building_folder(final) as folder:
        fill(folder, "old")
    with pytest.raises(error), building_folder(final) as folder:
        fill(folder, "new")
        raise error
    assert content_of(final) == {"old" * 1000}
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("failing", [1, 2])
def test_a_failing_rename_puts_the_old_folder_back(
    tmp_path: Path, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = tmp_path / "bundle"
    with building_folder(final) as folder:
        fill(folder, "old")
    calls = 0
    real = files.rename

    def rename(source: Path, target: Path) -> None:
        nonlocal calls
        if Path(source).is_dir():
            calls += 1
            if calls == failing:
                raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr(files, "rename", rename)
    with pytest.raises(DiskFull), building_folder(final) as folder:
        fill(folder, "new")
    assert content_of(final) == {"old" * 1000}
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are named only on Linux")
def test_everything_is_synced_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    order: list[str] = []
    real_fsync, real_rename = files.fsync, files.rename

    def fsync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        order.append("fsync")
        real_fsync(descriptor)

    def rename(source: Path, target: Path) -> None:
        order.append("rename")
        real_rename(source, target)

    with building_folder(tmp_path / "bundle") as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "a").write_text("x")  # written by somebody else's code, such as safetensors
        monkeypatch.setattr(files, "fsync", fsync)
        monkeypatch.setattr(files, "rename", rename)
    assert order == ["fsync", "fsync", "fsync", "rename", "fsync"]
    assert {Path(path).name for path in synced[:3]} == {folder.name, "sub", "a"}
    assert Path(synced[3]) == tmp_path


def test_recovering_where_nothing_happened_is_harmless(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    assert not recover(tmp_path / "bundle")
    assert not recover(tmp_path / "nowhere" / "bundle")
    assert (tmp_path / "bundle").is_dir()


def test_another_living_builder_is_left_alone(tmp_path: Path) -> None:
    final = tmp_path / "bundle"
    program = (
        "import sys\nfrom hanlin.base.files import building_folder\n"
        "with building_folder(sys.argv[1]) as folder:\n"
        "    (folder / 'x').write_text('from the other')\n    print('ready', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(final)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        recover(final)
        assert len(leftovers(tmp_path)) == 1
        other.communicate("")
    assert (final / "x").read_text() == "from the other"


def test_nested_use_in_one_process_does_not_clear_its_own_work(tmp_path: Path) -> None:
    with building_folder(tmp_path / "bundle") as folder:
        (folder / "x").write_text("mine")
        assert not recover(tmp_path / "bundle")
        assert (folder / "x").exists()
    assert (tmp_path / "bundle" / "x").read_text() == "mine"


KILLED = textwrap.dedent(
    """
    # Replace a folder and die with SIGKILL at the n-th write, fsync or rename: before it, or half-way through.
    import os, signal, sys
    from pathlib import Path
    from hanlin.base import files

    final, deadly, half_way = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "half"
    calls = 0

    def deadly_version_of(name, real):
        def step(*arguments):
            global calls
            calls += 1
            if calls == deadly:
                if half_way and name == "write_bytes":
                    real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                elif half_way:
                    real(*arguments)
                os.kill(os.getpid(), signal.SIGKILL)
            real(*arguments)
        return step

    for name in ("write_bytes", "fsync", "rename"):
        setattr(files, name, deadly_version_of(name, getattr(files, name)))
    with files.building_folder(final) as folder:
        for name in ("a.bin", "sub/b.bin", "sub/deeper/c.bin"):
            files.write_atomic(folder / name, "new" * 1000, durable=False)
    """
)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("when", ["before", "half"])
def test_killed_at_every_write_fsync_and_rename_the_old_or_the_new_folder_is_whole(tmp_path: Path, when: str) -> None:
    outcomes: list[str] = []
    for deadly in range(1, 100):
        final = tmp_path / str(deadly) / "bundle"
        with building_folder(final) as folder:
            fill(folder, "old")
        done = subprocess.run([sys.executable, "-c", KILLED, str(final), str(deadly), when], check=False)
        recover(final)
        (found,) = content_of(final)
        outcomes.append(found[:3])
        assert leftovers(final.parent) == [], f"rubbish after dying at step {deadly}"
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    # 3 writes and 3 renames of files, 3 + 3 fsyncs of the tree, two renames of folders, one fsync of the parent
    assert len(outcomes) == 16
    assert outcomes[-1] == "new"
    assert outcomes == sorted(outcomes, reverse=True)  # once new, always new


def test_a_crash_between_the_two_renames_leaves_the_old_folder_to_be_put_back(tmp_path: Path) -> None:
    final = tmp_path / "bundle"
    with building_folder(final) as folder:
        fill(folder, "old")
    subprocess.run([sys.executable, "-c", KILLED, str(final), "14", "before"], check=False)
    assert not final.exists()
    assert recover(final)
    assert content_of(final) == {"old" * 1000}


def test_the_next_builder_clears_up_by_itself(tmp_path: Path) -> None:
    final = tmp_path / "bundle"
    subprocess.run([sys.executable, "-c", KILLED, str(final), "5", "half"], check=False)
    assert len(leftovers(tmp_path)) == 1
    with building_folder(final) as folder:
        fill(folder, "new")
    assert content_of(final) == {"new" * 1000}
    assert leftovers(tmp_path) == []


def test_write_bytes_reaches_the_file_at_once(tmp_path: Path) -> None:
    with open(tmp_path / "a", "wb") as file:
        buffered: BinaryIO = file
        files.write_bytes(buffered, b"now")
        assert (tmp_path / "a").read_bytes() == b"now"


def test_json_files_are_readable_by_people(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"名": "翰林"})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "翰林" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {"名": "翰林"}


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights do not stop root, under whom many tests run; so the system's answer is put in its place."""

    def refuse(self: Path, encoding: str) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(InputError) as caught:
        files.read_text(tmp_path / "recipe.toml")
    assert caught.value.code == "E113" and "recipe.toml" in str(caught.value)
