"""Building the native kernels: found, kept, refused with a reason, and safe when several processes start at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hanlin.model import compiled

COMPILER = compiled.find_compiler()
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler on this machine")
SMALL = '#include <omp.h>\n__attribute__((visibility("default"))) int answer(void) { return %s; }\n'


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty cache, small sources, and nothing remembered before or after."""
    sources = tmp_path / "native"
    sources.mkdir()
    (sources / "one.c").write_text(SMALL % 42)
    monkeypatch.setattr(compiled, "SOURCES", sources)
    monkeypatch.setenv("HANLIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HANLIN_NATIVE", raising=False)
    compiled.native_state.cache_clear()
    yield
    compiled.native_state.cache_clear()


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").iterdir())


@needs_compiler
def test_builds_once_and_keeps_it(tmp_path: Path) -> None:
    loaded = compiled.library()
    assert loaded is not None and loaded.answer() == 42
    (built,) = kept(tmp_path)
    stamp = built.stat().st_mtime_ns
    compiled.native_state.cache_clear()
    assert compiled.native_state().detail == str(built)
    assert built.stat().st_mtime_ns == stamp


@needs_compiler
def test_changed_sources_are_built_anew(tmp_path: Path) -> None:
    compiled.library()
    compiled.native_state.cache_clear()
    (tmp_path / "native" / "one.c").write_text(SMALL % 43)
    loaded = compiled.library()
    assert loaded is not None and loaded.answer() == 43
    assert len(kept(tmp_path)) == 2


def test_switched_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HANLIN_NATIVE", "0")
    assert compiled.library() is None
    assert compiled.native_state().outcome == "off"
    assert not (tmp_path / "cache").exists()


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert compiled.library() is None
    assert compiled.native_state().outcome == "no_compiler"


@needs_compiler
def test_a_failed_build_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "native" / "two.c").write_text("int broken(void) { return missing_name; }\n")
    state = compiled.native_state()
    assert (state.outcome, state.library) == ("failed", None)
    assert "missing_name" in state.detail
    assert kept(tmp_path) == []


@needs_compiler
@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o500)
    assert compiled.native_state().outcome == "failed"


@needs_compiler
def test_a_cache_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    assert compiled.native_state().outcome == "failed"


@needs_compiler
def test_many_builds_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        states = list(pool.map(lambda _: compiled.native_state.__wrapped__(), range(4)))
    assert [state.library.answer() for state in states if state.library is not None] == [42] * 4
    assert len(kept(tmp_path)) == 1


def test_the_cache_follows_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANLIN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert compiled.cache_folder() == Path("/somewhere/hanlin")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert compiled.cache_folder() == Path.home() / ".cache" / "hanlin"


@needs_compiler
def test_one_thread_pool_with_torch() -> None:
    """The library asks for libgomp by the name under which torch has loaded its own: no second pool spins beside it."""
    if compiled.library() is None or not Path("/proc/self/maps").exists():
        pytest.skip("needs Linux's memory map")
    code = "import torch; from hanlin.model import compiled; compiled.library(); print(open('/proc/self/maps').read())"
    maps = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    runtimes = {line.split()[-1] for line in maps.splitlines() if "libgomp" in line or "libomp" in line}
    assert len(runtimes) <= 1
