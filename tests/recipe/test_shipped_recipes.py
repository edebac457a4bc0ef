"""The recipes in the project: the demo is the one people read, the real run may train on all it names."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest


def test_the_embedded_demo_is_the_one_in_the_folder() -> None:
    embedded = resources.files("hanlin.recipe").joinpath("texts", "demo.toml").read_text("utf-8")
    assert embedded == Path("recipes/demo.toml").read_text("utf-8")


@pytest.mark.peer
def test_the_real_run_takes_only_files_with_a_licence_that_permits_it(test_data: Path) -> None:
    table = (test_data / "README.md").read_text(encoding="utf-8")
    permitted = {row.split("|")[1].strip() for row in table.splitlines() if re.search(r"\| ok°? ?\|", row)}
    named = re.findall(r"\$\{HANLIN_TEST_DATA\}/([^\"]+)", Path("recipes/zh-en.toml").read_text(encoding="utf-8"))
    assert len(named) == len(set(named)) >= 30
    assert not set(named) - permitted
    assert all((test_data / name).is_file() for name in named)
