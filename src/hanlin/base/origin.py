"""Where a run comes from: command line, versions, source revision, seed and the hashes of data and parents."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PACKAGES = ("hanlin", "torch", "tokenizers", "safetensors", "numpy", "pydantic", "minijinja")


def describe_origin(
    *, seed: int, data: Mapping[str, str] | None = None, parents: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return what origin.json of a run holds; `data` and `parents` map names to SHA-256 hashes."""
    return {
        "argv": sys.argv,
        "seed": seed,
        "data": dict(data or {}),
        "parents": dict(parents or {}),
        "versions": {"python": platform.python_version(), **_versions()},
        "system": platform.platform(),
        "git": source_revision(),
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def source_revision() -> str | None:
    """Return the git revision of Hanlin's own sources ("+" when changed since), or None outside a checkout."""
    folder = Path(__file__).parent
    revision = _git(folder, "rev-parse", "HEAD")
    if not revision or _git(folder, "ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    return revision + ("+" if _git(folder, "status", "--porcelain", "--", str(folder.parent)) else "")


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
