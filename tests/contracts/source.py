"""The project's own sources as contract tests read them."""

from __future__ import annotations

import ast
import functools
import importlib
from collections.abc import Iterator
from pathlib import Path

from hanlin.base.config import Config

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "hanlin"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def sources() -> list[Path]:
    """Every Python file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def files_of_tests() -> list[Path]:
    """Every Python file of the tests."""
    return sorted((ROOT / "tests").rglob("*.py"))


def module_name(path: Path) -> str:
    """`hanlin.base.files` for src/hanlin/base/files.py."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def name_of(path: Path) -> str:
    """A file as reports name it."""
    return path.relative_to(ROOT).as_posix()


def config_classes() -> Iterator[type[Config]]:
    """Every config class of every config.py, by import (which must not need torch)."""
    for path in sorted(PACKAGE.rglob("*config.py")):
        module = importlib.import_module(module_name(path))
        for value in vars(module).values():
            is_config = isinstance(value, type) and issubclass(value, Config) and value is not Config
            if is_config and value.__module__ == module.__name__:
                yield value


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a tree with the last part of the called name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield (node.func.id if isinstance(node.func, ast.Name) else node.func.attr), node
