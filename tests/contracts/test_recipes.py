"""Every shipped recipe goes through the real reader and every one of its settings through its owner."""

from __future__ import annotations

import importlib
import sysconfig
from pathlib import Path

import pytest
from tests.contracts.source import PACKAGE, ROOT

from hanlin.recipe.graph import read_sections
from hanlin.recipe.recipe import read_recipe

RECIPES = sorted((ROOT / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES or [None], ids=lambda path: path.stem if path else "none")
def test_a_recipe_loads(path: Path | None, tmp_path: Path) -> None:
    if path is None:
        pytest.skip("there are no recipes yet")
    if not (PACKAGE / "life" / "stages.py").exists() or not (PACKAGE / "text" / "corpus.py").exists():
        pytest.skip("the stages do not stand yet")
    stages = importlib.import_module("hanlin.life.stages").STAGES
    # Folders that a recipe may name; nothing is read from them here.
    environ = {"STDLIB": sysconfig.get_path("stdlib"), "SHIPPED": str(tmp_path), "HANLIN_TEST_DATA": str(tmp_path)}
    recipe = importlib.import_module("hanlin.life.run").with_model(read_recipe(path, environ=environ))
    found = read_sections(recipe, stages, stages, environ={}, overrides={})
    assert set(recipe.sections) <= set(found)
    assert recipe.settings.title, "a recipe says in one line what it makes"
