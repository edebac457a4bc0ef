"""The committed chat page: built from the sources beside it, small, self-contained, and inside wheel and sdist."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
BUILT = ROOT / "src" / "hanlin" / "serve" / "web"

# What decides the built page; web/plugins/manifest.ts says the same.
FILES = (".npmrc", "index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts")
FOLDERS = ("plugins", "src")

FIRST_BUDGET = 220_000  # gzipped bytes until the first question can be asked
WHOLE_BUDGET = 340_000  # gzipped bytes of everything

# Addresses that code and namespaces mention without ever asking for them.
NAMED_ONLY = (
    "http://www.w3.org/",
    "https://react.dev/errors/",
    "https://github.com/",
    "https://react.i18next.com/",
)


def source_hash() -> str:
    """SHA-256 over every source's path, length and bytes, with line ends as `\\n`."""
    found = [path for folder in FOLDERS for path in (WEB / folder).rglob("*")]
    names = [path.relative_to(WEB).as_posix() for path in found if path.is_file() and not path.name.startswith(".")]
    digest = hashlib.sha256()
    for name in sorted([*FILES, *names]):
        content = (WEB / name).read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def built_files() -> list[Path]:
    return sorted(path for path in BUILT.rglob("*") if path.is_file())


def packed(path: Path) -> int:
    """Bytes of a file as a browser gets it: no server packs better than gzip 9."""
    return len(gzip.compress(path.read_bytes(), 9))


def names_in(archive: Path) -> list[str]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.namelist()
    with tarfile.open(archive) as sdist:
        return sdist.getnames()


def manifest() -> dict[str, object]:
    return json.loads((BUILT / "manifest.json").read_text(encoding="utf-8"))


def test_the_page_is_built_from_these_sources() -> None:
    assert manifest()["source_sha256"] == source_hash(), "web/ has changed: run scripts/web build"


def test_the_manifest_names_every_file() -> None:
    names = [path.relative_to(BUILT).as_posix() for path in built_files()]
    assert sorted([*manifest()["files"], "manifest.json"]) == names


def test_assets_have_hashed_names_and_no_source_maps() -> None:
    names = [path.name for path in built_files() if path.parent.name == "assets"]
    assert len(names) >= 4
    assert [name for name in names if not re.fullmatch(r"[a-z]+-[\w-]{8}\.(js|css|svg)", name)] == []
    assert not any(b"sourceMappingURL" in path.read_bytes() for path in built_files())


def test_the_first_load_and_the_whole_are_within_their_budgets() -> None:
    html = (BUILT / "index.html").read_text(encoding="utf-8")
    first = [BUILT / "index.html", *(BUILT / name for name in re.findall(r'(?:src|href)="\./(assets/[^"]+)"', html))]
    assert {path.suffix for path in first} == {".html", ".js", ".css", ".svg"}
    assert sum(map(packed, first)) <= FIRST_BUDGET
    assert sum(map(packed, built_files())) <= WHOLE_BUDGET


def test_the_page_obeys_its_policy() -> None:
    """Nothing inline, and every address that a browser would fetch is its own."""
    html = (BUILT / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", html) == []
    assert [url for url in re.findall(r'(?:src|href)="([^"]+)"', html) if not url.startswith("./assets/")] == []
    for sheet in BUILT.rglob("*.css"):
        assert re.findall(r"url\(\s*['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8")) == []


def test_no_other_host_is_mentioned_that_could_be_asked() -> None:
    """`openai` aside: it knows its maker's hosts, and is given the page's own; the browser tests watch it."""
    found = {
        url
        for path in built_files()
        if not path.name.startswith("openai-")
        for url in re.findall(r"https?://[\w.-]+\.[a-z]{2,}[^\s\"'`)<>\\]*", path.read_text(encoding="utf-8"))
    }
    assert sorted(url for url in found if not url.startswith(NAMED_ONLY)) == []


def test_the_lock_names_no_package_index() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(packages) > 100
    assert [name for name, entry in packages.items() if "resolved" in entry or "integrity" not in entry] == []


@pytest.mark.skipif(os.name == "nt", reason="the scripts are for a POSIX shell")
def test_without_node_the_script_says_that_nothing_is_lost(tmp_path: Path) -> None:
    for name in ("sh", "dirname"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    command = [ROOT / "scripts" / "web", "build"]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 4
    assert done.stderr == "scripts/web needs Node 20.19 or later; the committed page works without it.\n"


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_the_page_is_in(kind: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed; start.py installs it")
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.iterdir()
    names = names_in(archive)
    inside = {re.sub(r"^hanlin-[^/]+/(src/)?", "", name) for name in names}
    wanted = {f"hanlin/serve/web/{path.relative_to(BUILT).as_posix()}" for path in built_files()}
    assert wanted - inside == set()
    assert ("web/src/main.tsx" in inside) == (kind == "sdist")
    assert not any("node_modules" in name or "web/pictures/" in name for name in names)
