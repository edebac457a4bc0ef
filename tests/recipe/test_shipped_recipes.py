"""Every recipe in the project reads, and its sections are what the stages know."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from hanlin.life.run import with_model
from hanlin.life.stages import STAGES
from hanlin.recipe.graph import read_sections
from hanlin.recipe.recipe import read_recipe

RECIPES = sorted(Path("recipes").glob("*.toml"))
VARIABLES = {"HANLIN_TEST_DATA": "/data", "STDLIB": "/lib", "SHIPPED": "/shipped"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_section_and_setting_is_known(path: Path) -> None:
    recipe = with_model(read_recipe(path, environ=VARIABLES))
    configs = read_sections(recipe, STAGES, STAGES, environ={}, overrides={})
    assert configs["corpus"].value.sources
    assert configs["evaluate"].value.tasks


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
