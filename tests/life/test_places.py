"""What a word of the user means."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hanlin.base.errors import InputError
from hanlin.base.log import Run
from hanlin.life.places import every_run, find_bundle, find_run, home, list_bundles, name_of


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANLIN_HOME", str(tmp_path / "home"))


def bundle(path: Path, age: int = 0) -> Path:
    path.mkdir(parents=True)
    for name in ("config.json", "hanlin.json"):
        (path / name).write_text("{}")
        os.utime(path / name, (1000 - age, 1000 - age))
    return path


def test_home_is_the_variable_or_a_hidden_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert home({"HANLIN_HOME": "/x"}) == Path("/x")
    assert home({}) == Path.home() / ".hanlin"


def test_a_bundle_a_run_a_recipe_and_a_name() -> None:
    made = bundle(Path("runs/tiny/pretrain-1/20261121-2045-pretrain-tiny-7f3a/bundle"))
    Path("runs/tiny/recipe.json").write_text(json.dumps({"bundle": str(made)}))
    for word in (made, made.parent, "runs/tiny", "tiny", "20261121-2045-pretrain", ""):
        assert find_bundle(word) == made or find_bundle(word) == Path("runs/tiny/../tiny") / made, word


def test_a_bundle_has_the_name_of_the_recipe_that_came_to_it() -> None:
    """The page of the demo used to be headed by "20261122-0741-finetune-demo-8217"."""
    made = bundle(Path("home/demo/finetune-1/20261121-2045-finetune-demo-7f3a/bundle"))
    earlier = bundle(Path("home/demo/pretrain-1/20261121-2044-pretrain-demo-11aa/bundle"))
    assert name_of(made) == "20261121-2045-finetune-demo-7f3a"
    Path("home/demo/recipe.json").write_text(json.dumps({"bundle": str(made)}))
    assert name_of(made) == "demo" and find_bundle("demo").resolve() == made.resolve()
    assert name_of(earlier) == "20261121-2044-pretrain-demo-11aa"
    assert name_of(bundle(Path("gpt2"))) == "gpt2" and name_of(Path("bundle")) == Path.cwd().name


def test_the_empty_word_is_the_newest() -> None:
    bundle(Path("runs/old/bundle"), age=50)
    newest = bundle(Path("home/demo/finetune-1/run/bundle"), age=5)
    assert find_bundle("").resolve() == newest.resolve()
    assert len(list_bundles([Path("runs"), Path("home")])) == 2


def test_a_foreign_folder_is_a_bundle_too() -> None:
    Path("gpt2").mkdir()
    Path("gpt2/config.json").write_text("{}")
    assert find_bundle("gpt2") == Path("gpt2")


def test_no_model_and_no_such_model() -> None:
    with pytest.raises(InputError) as caught:
        find_bundle("")
    assert caught.value.code == "E850"
    bundle(Path("runs/20261121-pretrain-poems/bundle"))
    with pytest.raises(InputError) as caught:
        find_bundle("pretrain-poem")
    assert caught.value.code == "E851"
    assert "20261121-pretrain-poems" in str(caught.value)


def test_a_recipe_whose_bundle_is_gone_is_no_model() -> None:
    Path("runs/tiny").mkdir(parents=True)
    Path("runs/tiny/recipe.json").write_text(json.dumps({"bundle": "gone"}))
    with pytest.raises(InputError):
        find_bundle("tiny")


def test_runs_of_a_folder_and_of_its_recipes() -> None:
    with Run.create("runs", "pretrain", "alone", "", {}) as first:
        pass
    Path("runs/tiny/stages").mkdir(parents=True)
    with Run.create("runs/tiny/pretrain-1", "pretrain", "staged", "", {}) as second:
        pass
    assert {info.name for info in every_run(Path("runs"))} == {"alone", "staged"}
    for name in ("z", "y", "x"):  # in one second, and not in the order of their names
        Run.create("runs", name, "quick", "", {}).finish("finished")
    assert [info.command for info in every_run(Path("runs"))][-3:] == ["z", "y", "x"]
    assert find_run(second.folder.name[:30], Path("runs")) == second.folder
    assert find_run(str(first.folder), Path("runs")) == first.folder
    with pytest.raises(InputError) as caught:
        find_run("nothing", Path("runs"))
    assert caught.value.code == "E852"


def test_the_runs_of_the_demo_are_runs_too() -> None:
    """`hanlin demo` works under HANLIN_HOME: `hanlin runs ls` right after it used to say that there was no run."""
    Path("home/demo/stages").mkdir(parents=True)
    with Run.create("home/demo/pretrain-1", "pretrain", "demo", "", {}) as made:
        pass
    assert [info.name for info in every_run(Path("runs"))] == ["demo"]
    assert find_run("", Path("runs")) == find_run(made.folder.name, Path("runs"))


def test_a_runs_folder_inside_the_home_is_listed_once() -> None:
    with Run.create("home", "pretrain", "alone", "", {}):
        pass
    assert len(every_run(Path("home"))) == 1


def test_the_newest_of_no_runs_and_a_run_that_is_not_there() -> None:
    with pytest.raises(InputError) as caught:
        find_run("", Path("runs"))
    assert caught.value.code == "E857" and "“" not in str(caught.value)
    with pytest.raises(InputError) as caught:
        find_run("poems", Path("runs"))
    assert caught.value.code == "E852" and "poems" in str(caught.value)
