"""Listing and deleting models."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hanlin.base.errors import UsageError
from hanlin.life.models import remove_model


def test_a_folder_that_hanlin_did_not_make_is_never_deleted(tmp_path: Path) -> None:
    """Any web project has a config.json: `hanlin models rm . --yes` would have deleted all of it."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "thesis.txt").write_text("five years of work")
    with pytest.raises(UsageError) as caught:
        remove_model(tmp_path, yes=True)
    assert caught.value.code == "E858" and str(tmp_path) in str(caught.value)
    assert (tmp_path / "thesis.txt").is_file()


def test_a_bundle_is_deleted_when_asked_twice(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(folder, copy)
    with pytest.raises(UsageError) as caught:
        remove_model(copy)
    assert caught.value.code == "E853" and copy.is_dir()
    assert remove_model(copy, yes=True).report["bytes"] > 0
    assert not copy.exists() and tmp_path.is_dir()
