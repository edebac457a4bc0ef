"""Imports point down only; who may be light stays light."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.contracts.source import PACKAGE, ROOMS, ROOT, module_name, name_of, sources, tree_of

FACES = ("course",)
"""Rooms whose __init__ is a public face, as that of hanlin: names that load on first use."""
MAY_IMPORT_LATE = {"hanlin/__init__.py", "hanlin/cli/table.py", *(f"hanlin/{room}/__init__.py" for room in FACES)}
TORCH_FREE_ROOMS = ("text", "recipe", "cli")
TORCH_FREE_FILES = ("data/shards.py",)
MAY_LOAD_TORCH = {"base/device.py"}


def test_imports_point_down_only() -> None:
    """import-linter reads the contract of pyproject.toml; imports inside functions count too."""
    tool = Path(sys.executable).with_name("lint-imports")
    if not tool.exists():
        pytest.skip("import-linter is not installed; `python3 start.py test` installs it")
    done = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_stands_on_a_floor() -> None:
    (contract,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    named = {room.strip(" ()") for floor in contract["layers"] for room in floor.split("|")}
    assert set(ROOMS) == named


def test_no_function_imports_a_room_of_our_own() -> None:
    late = []
    for path in sources():
        if path.relative_to(PACKAGE.parent).as_posix() in MAY_IMPORT_LATE:
            continue
        functions = [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        for node in (inner for function in functions for inner in ast.walk(function)):
            if isinstance(node, ast.Import | ast.ImportFrom) and imports_hanlin(node):
                late.append(f"{name_of(path)}:{node.lineno}")
            if isinstance(node, ast.Call) and "import_module" in ast.dump(node.func):
                late.append(f"{name_of(path)}:{node.lineno} (import_module)")
    assert late == []


def imports_hanlin(node: ast.Import | ast.ImportFrom) -> bool:
    """Whether an import statement names a module of ours."""
    if isinstance(node, ast.ImportFrom):
        return node.level > 0 or (node.module or "").split(".")[0] == "hanlin"
    return any(alias.name.split(".")[0] == "hanlin" for alias in node.names)


def test_every_room_has_a_config_and_an_empty_init() -> None:
    for room in ROOMS:
        if any(path.name not in ("__init__.py", "config.py") for path in (PACKAGE / room).glob("*.py")):
            has_settings = room not in ("cli", "bundle", "course")
            assert (PACKAGE / room / "config.py").is_file() or not has_settings, f"{room} has no config.py"
        assert room in FACES or tree_of(PACKAGE / room / "__init__.py").body == [], f"{room}/__init__.py is not empty"


def torch_free_modules() -> list[str]:
    """Modules that must load without torch: whole rooms, and the config.py of every room."""
    found = {path for room in TORCH_FREE_ROOMS for path in (PACKAGE / room).rglob("*.py")}
    found |= set((PACKAGE / "base").rglob("*.py")) | set(PACKAGE.glob("*/config.py"))
    found |= {PACKAGE / name for name in TORCH_FREE_FILES if (PACKAGE / name).exists()}
    return sorted(module_name(p) for p in found if p.relative_to(PACKAGE).as_posix() not in MAY_LOAD_TORCH)


def test_what_must_be_light_does_not_load_torch() -> None:
    code = (
        "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\n"
        "    if 'torch' in sys.modules:\n        sys.exit(name + ' loads torch')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *torch_free_modules()], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("names", ["hanlin", *(f"hanlin, hanlin.{room}" for room in FACES)])
def test_import_hanlin_is_light(names: str) -> None:
    code = f"import sys, {names}; print(sorted({{'torch', 'numpy', 'pydantic', 'rich'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("words", [["--help"], ["pretrain", "--help"], ["--version"]])
def test_help_does_not_load_torch(words: list[str]) -> None:
    if not (PACKAGE / "cli" / "main.py").exists():
        pytest.skip("the command line does not stand yet")
    code = (
        "import sys\nfrom hanlin.cli.main import main\nrc = main(sys.argv[1:])\n"
        "sys.exit('torch was loaded' if 'torch' in sys.modules else rc)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, env={**os.environ, "HANLIN_LANG": "en"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
