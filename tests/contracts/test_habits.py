"""Habits that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator

import pytest
from tests.contracts.source import PACKAGE, ROOMS, ROOT, files_of_tests, name_of, sources, tree_of

BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "constants", "misc"}


def test_no_file_or_room_is_a_drawer_for_anything() -> None:
    found = [name_of(path) for path in PACKAGE.rglob("*") if path.stem in BANNED_NAMES]
    assert found == []


def test_every_file_opens_with_a_docstring_and_modern_annotations() -> None:
    for path in [*sources(), *files_of_tests()]:
        tree = tree_of(path)
        if tree.body:
            assert ast.get_docstring(tree), f"{name_of(path)} has no module docstring"
            names = [
                a.name for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == "__future__" for a in n.names
            ]
            assert "annotations" in names, f"{name_of(path)} lacks `from __future__ import annotations`"


def test_tests_mirror_the_rooms() -> None:
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert folders - {*ROOMS, "contracts", "stories", "benchmarks"} == set()


def tracked_files() -> list[str]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [name for name in done.stdout.split("\0") if name]


def test_no_path_of_somebodys_machine_stands_in_the_project() -> None:
    pattern = re.compile(r"(?<![\w.~$}])/(home|root|Users|work|mnt)/[\w.-]+")
    found = []
    for name in tracked_files():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".c", ".h", "") and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{name}: {match.group()}" for match in pattern.finditer(text)]
    assert [line for line in found if not line.startswith("tests/contracts/test_habits.py")] == []


def _safe_loads(tree: ast.AST) -> Iterator[ast.expr]:
    """`torch.load` of calls that say weights_only=True in so many letters."""
    for node in ast.walk(tree):
        said = {word.arg: ast.unparse(word.value) for word in node.keywords} if isinstance(node, ast.Call) else {}
        if isinstance(node, ast.Call) and said.get("weights_only") == "True":
            yield node.func


def test_nothing_pickled_is_read_or_written() -> None:
    """safetensors and JSON only; `torch.load` and `pickle` run code from a folder, unless told to read tensors."""
    found = []
    for path in sources():
        tree = tree_of(path)
        for node in set(ast.walk(tree)) - set(_safe_loads(tree)):
            if isinstance(node, ast.Import) and any(a.name in ("pickle", "dill", "joblib") for a in node.names):
                found.append(f"{name_of(path)}:{node.lineno}")
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("torch.load", "torch.save"):
                found.append(f"{name_of(path)}:{node.lineno}")
    assert found == []


def test_the_big_files_of_a_run_are_not_in_the_project() -> None:
    heavy = [n for n in tracked_files() if (ROOT / n).is_file() and (ROOT / n).stat().st_size > 1_000_000]
    assert heavy == []
