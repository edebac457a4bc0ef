"""What is in the wheel: everything a user needs who has no clone."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from tests.contracts.source import PACKAGE, ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed; start.py installs it")
    if not (ROOT / "README.md").exists():
        pytest.skip("README.md does not stand yet")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    files = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = set(wheel.namelist())
    assert files - names == set()
    assert "hanlin/py.typed" in names
    assert "hanlin/base/catalogue/base.toml" in names
    assert any(name.startswith("hanlin/model/native/") and name.endswith(".c") for name in names)


def test_the_wheel_names_license_command_and_readme(wheel: zipfile.ZipFile) -> None:
    (info,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    assert b"hanlin = hanlin.cli.main:main" in wheel.read(f"{info}/entry_points.txt")
    metadata = wheel.read(f"{info}/METADATA").decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert f"{info}/licenses/LICENSE" in wheel.namelist()


def test_torch_is_open_above_and_python_is_bounded() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "torch>=2.11" in project["dependencies"]
    assert project["requires-python"] == ">=3.11,<3.15"


def test_the_scripts_are_programs() -> None:
    for path in [*Path(ROOT / "scripts").iterdir(), ROOT / ".ci" / "run"]:
        if path.is_file():
            assert path.stat().st_mode & 0o111, f"{path.name} cannot be executed"
