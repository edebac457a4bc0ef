"""Reading a recipe: variables of the environment, sections, its own settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanlin.base.errors import ConfigError, InputError
from hanlin.recipe.recipe import read_recipe


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "life.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_name_comes_from_the_file_unless_given(tmp_path: Path) -> None:
    assert read_recipe(written(tmp_path, "[corpus]\n")).name == "life"
    assert read_recipe(written(tmp_path, '[recipe]\nname = "mine"\n')).name == "mine"


def test_variables_are_filled_in_at_any_depth(tmp_path: Path) -> None:
    path = written(tmp_path, '[corpus]\nsources = ["${DATA}/a", {path = "${DATA}/b"}]\n[corpus.x]\ny = "${RECIPE}"\n')
    recipe = read_recipe(path, environ={"DATA": "/data"})
    assert recipe.sections["corpus"]["sources"] == ["/data/a", {"path": "/data/b"}]
    assert recipe.sections["corpus"]["x"]["y"] == str(tmp_path)


def test_every_unset_variable_is_named_with_the_setting_that_wants_it(tmp_path: Path) -> None:
    path = written(tmp_path, '[corpus]\nsources = ["${NOWHERE}/a"]\n[finetune]\ndata = ["${NEITHER}"]\n')
    with pytest.raises(ConfigError) as caught:
        read_recipe(path, environ={})
    assert caught.value.code == "E101"
    assert [problem.name for problem in caught.value.problems] == ["corpus.sources", "finetune.data"]
    assert "NOWHERE" in str(caught.value) and "NEITHER" in str(caught.value)


def test_a_dollar_without_braces_is_left_alone(tmp_path: Path) -> None:
    assert read_recipe(written(tmp_path, '[a]\nb = "cost $5"\n'), environ={}).sections["a"]["b"] == "cost $5"


def test_a_setting_outside_any_section_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_recipe(written(tmp_path, "size = 3\n"))
    assert caught.value.problems[0].name == "size"


def test_unknown_recipe_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_recipe(written(tmp_path, '[recipe]\nnmae = "x"\n'))
    assert "name" in caught.value.problems[0].remedy


def test_missing_and_damaged_files_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_recipe(tmp_path / "absent.toml")
    with pytest.raises(InputError):
        read_recipe(written(tmp_path, "[corpus\n"))
