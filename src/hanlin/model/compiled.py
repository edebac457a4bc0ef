"""The C files of `native/`, compiled once per machine and loaded.

Optional by design: without a compiler, with `HANLIN_NATIVE=0`, or where the build fails, `library()` is None, every
caller falls back to torch, and `native_state()` says why. The result is kept under `HANLIN_CACHE` (else the user's
cache folder), named by a hash of sources, flags, compiler and processor, so that a home folder shared by several
machines never serves one the code of another.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch  # first: our library then shares torch's OpenMP runtime, and with it one pool of threads

from hanlin.base.device import cpu_flags

SOURCES = Path(__file__).with_name("native")
# No -ffast-math: it would let the compiler forget NaN, and a loss that is not finite has to stay visible.
FLAGS = ("-std=gnu11", "-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fvisibility=hidden", "-fPIC", "-shared")
BUILD_SECONDS = 300

assert torch.__version__


@dataclass(frozen=True)
class NativeState:
    """What became of the native kernels: `detail` is the library's path, or what the compiler complained of."""

    outcome: Literal["ready", "off", "no_compiler", "failed"]
    detail: str
    library: ctypes.CDLL | None = None


def library() -> ctypes.CDLL | None:
    """The loaded kernels, built at the first call of a machine; None where there are none."""
    return native_state().library


@functools.cache
def native_state() -> NativeState:
    """Build or find the library once per process."""
    if os.environ.get("HANLIN_NATIVE") == "0":
        return NativeState("off", "HANLIN_NATIVE=0")
    compiler = find_compiler()
    if compiler is None:
        return NativeState("no_compiler", "cc, gcc, clang")
    try:
        path = _built(compiler, cache_folder())
        return NativeState("ready", str(path), ctypes.CDLL(str(path)))
    except (OSError, subprocess.SubprocessError) as error:
        return NativeState("failed", _complaint(error))


def find_compiler() -> str | None:
    """The C compiler: `CC` if set, else the first of cc, gcc, clang."""
    named = os.environ.get("CC")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def cache_folder() -> Path:
    """Where built libraries are kept."""
    if own := os.environ.get("HANLIN_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hanlin"


def _built(compiler: str, folder: Path) -> Path:
    target = folder / f"native-{_fingerprint(compiler)}.so"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    # Two processes may build at once: each works in a folder of its own, the last rename wins, both are the same.
    with tempfile.TemporaryDirectory(dir=folder) as workshop:
        made = Path(workshop) / target.name
        sources = sorted(str(path) for path in SOURCES.glob("*.c"))
        command = [compiler, *FLAGS, *sources, "-o", str(made), "-lm"]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=BUILD_SECONDS)
        os.replace(made, target)
    return target


def _fingerprint(compiler: str) -> str:
    version = subprocess.run([compiler, "--version"], check=True, capture_output=True, timeout=BUILD_SECONDS).stdout
    digest = hashlib.sha256(version)
    for path in sorted(SOURCES.glob("*.[ch]")):
        digest.update(path.name.encode() + path.read_bytes())
    digest.update(repr((FLAGS, platform.machine(), platform.processor(), sorted(cpu_flags()))).encode())
    return digest.hexdigest()[:24]


def _complaint(error: Exception) -> str:
    lines = str(getattr(error, "stderr", None) or error).strip().splitlines() or [type(error).__name__]
    return next((line for line in lines if "error" in line), lines[-1])
