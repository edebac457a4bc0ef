"""What can go wrong at the door: each gives one clear sentence with a code, and loses nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.stories.conftest import World

from hanlin.base.files import FolderLock
from hanlin.cli.main import main


@pytest.fixture(autouse=True)
def here(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in this process, in the world's folder."""
    monkeypatch.chdir(world.folder)
    for name, value in world.env.items():
        monkeypatch.setenv(name, value)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(words)
    return code, capsys.readouterr().err


def shows(err: str, code: str) -> bool:
    return f"error[{code}]: " in err


def test_an_empty_folder(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(world.folder / "texts")
    (world.folder / "texts").mkdir()
    code, err = said(capsys, "run", "life.toml")
    assert code == 3 and "error[E2" in err and "texts" in err


def test_a_folder_that_is_not_there(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = said(capsys, "data", "build", "nowhere")
    assert code == 3 and "nowhere" in err


def test_only_a_picture(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = said(capsys, "data", "build", str(world.folder / "texts" / "picture.png"))
    assert code == 3 and "picture.png" in err


def test_an_unknown_key_stops_the_recipe_before_anything_runs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = world.folder / "life.toml"
    recipe.write_text(recipe.read_text().replace("steps = 6", "stepps = 6"))
    code, err = said(capsys, "run", "life.toml")
    assert code == 2 and "pretrain.stepps" in err and "steps" in err
    assert not (world.folder / "runs").exists()


def test_a_variable_that_is_not_set(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATA")
    code, err = said(capsys, "run", "life.toml")
    assert code == 2 and "DATA" in err and "export DATA" in err


def test_an_impossible_shape_is_told_before_anything_runs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = world.folder / "life.toml"
    recipe.write_text(recipe.read_text().replace("num_heads = 2", "num_heads = 3"))
    code, err = said(capsys, "run", "life.toml")
    assert code == 2 and "model." in err
    assert not (world.folder / "runs").exists()


def test_two_runs_on_one_folder(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with FolderLock(world.folder / "runs" / "tiny"):
        code, err = said(capsys, "run", "life.toml")
    assert code == 4 and shows(err, "E107")


def test_an_unknown_stage(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = said(capsys, "run", "life.toml", "--from", "pretrian")
    assert code == 2 and shows(err, "E801") and "--from pretrain" in err


def test_a_bundle_with_one_bit_turned(finished: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = next((finished.folder / "runs" / "tiny").glob("finetune-*/*/bundle"))
    broken = tmp_path / "broken"
    shutil.copytree(bundle, broken)
    weights = bytearray((broken / "model.safetensors").read_bytes())
    weights[len(weights) // 2] ^= 1
    (broken / "model.safetensors").write_bytes(weights)
    code, err = said(capsys, "ask", str(broken), "hello")
    assert code == 3 and "error[E45" in err and "model.safetensors" in err


def test_a_prompt_too_long_names_both_numbers(finished: World, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = next((finished.folder / "runs" / "tiny").glob("finetune-*/*/bundle"))
    code, err = said(capsys, "ask", str(bundle), "very long question " * 100)
    assert code == 3 and "96" in err and "error[E6" in err


def test_no_model_at_all(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = said(capsys, "chat")
    assert code == 3 and shows(err, "E850") and "hanlin demo" in err


def test_a_model_that_is_not_there_names_the_nearest(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = said(capsys, "ask", "nosuch", "hello")
    assert code == 3 and shows(err, "E851")


def test_a_run_that_is_not_there(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = said(capsys, "runs", "show", "nosuch")
    assert code == 3 and shows(err, "E852")


def test_text_beside_shards(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    shards = world.folder / "shards"
    shards.mkdir()
    (shards / "manifest.json").write_text("{}")
    code, err = said(capsys, "pretrain", str(shards), "texts/note.md")
    assert code == 2 and shows(err, "E855") and "note.md" in err


def test_nothing_to_learn_a_tokenizer_from(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = said(capsys, "tokenizer", "train", str(world.folder / "texts" / "picture.png"))
    assert code == 3 and shows(err, "E856")


def test_removing_a_model_asks_first(finished: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = next((finished.folder / "runs" / "tiny").glob("finetune-*/*/bundle"))
    copy = tmp_path / "copy" / "bundle"
    shutil.copytree(bundle, copy)
    code, err = said(capsys, "models", "rm", str(copy))
    assert code == 2 and shows(err, "E853") and copy.is_dir()
    assert said(capsys, "models", "rm", str(copy), "--yes")[0] == 0
    assert not copy.exists()
