"""Where a run comes from."""

from __future__ import annotations

import json
import platform
import subprocess
from pathlib import Path

import pytest
import torch

from hanlin.base import origin
from hanlin.base.origin import describe_origin, source_revision


def test_an_origin_names_versions_seed_and_hashes() -> None:
    found = describe_origin(seed=7, data={"corpus": "ab"}, parents={"bundle": "cd"})
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["python"] == platform.python_version()
    assert (found["seed"], found["data"], found["parents"]) == (7, {"corpus": "ab"}, {"bundle": "cd"})
    assert found["argv"]
    json.dumps(found, allow_nan=False)


def test_packages_that_are_not_installed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "_PACKAGES", ("no-such-package-anywhere",))
    assert list(describe_origin(seed=0)["versions"]) == ["python"]


def checkout(folder: Path) -> None:
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "a"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


def test_the_revision_tells_when_sources_were_changed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "hanlin" / "base"
    package.mkdir(parents=True)
    file = package / "origin.py"
    file.write_text("first")
    monkeypatch.setattr(origin, "__file__", str(file))
    assert source_revision() is None, "an installed package has no revision"
    checkout(tmp_path)
    clean = source_revision()
    assert clean is not None
    assert len(clean) == 40
    file.write_text("second")
    assert source_revision() == clean + "+"


def test_a_folder_inside_somebody_elses_checkout_has_no_revision(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An environment inside a user's repository must not claim the user's commits as our own."""
    (tmp_path / "theirs.txt").write_text("x")
    checkout(tmp_path)
    package = tmp_path / ".venv" / "hanlin"
    package.mkdir(parents=True)
    (package / "origin.py").write_text("ours")
    monkeypatch.setattr(origin, "__file__", str(package / "origin.py"))
    assert source_revision() is None


def test_no_git_no_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert source_revision() is None
