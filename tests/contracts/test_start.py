"""start.py: one sentence for each way an installation can fail, and nothing to do twice."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from tests.contracts.source import ROOT

START = ROOT / "start.py"


class Pip:
    """Stands for `pip install`: answers from a list, then always with success, and remembers its words."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.calls: list[list[str]] = []

    def __call__(self, pip: list[str], words: list[str]) -> str | None:
        self.calls.append(words)
        return self.answers.pop(0) if self.answers else None


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """start.py in a copy of the project, as it would act on Linux without a graphics card."""
    project = tmp_path / "project"
    (project / "src/hanlin/base/catalogue").mkdir(parents=True)
    for name in ("start.py", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, project / name)
    shutil.copy(ROOT / "src/hanlin/base/catalogue/start.toml", project / "src/hanlin/base/catalogue")
    spec = importlib.util.spec_from_file_location("start_under_test", project / "start.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (project / ".venv").mkdir()
    module.real_run_pip = module.run_pip
    monkeypatch.setattr(module, "run_pip", forbidden)  # a test that forgets its fake must not install anything
    monkeypatch.setattr(module, "make_environment", lambda: ["no-such-pip"])
    monkeypatch.setattr(module, "free_gigabytes", lambda: 100.0)
    monkeypatch.setattr(module.os, "execv", lambda path, command: 0)
    monkeypatch.setattr(module.sys, "platform", "linux")
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    return module


def forbidden(pip: list[str], words: list[str]) -> str | None:
    """Once, a test reached the real pip and installed torch into the Python that ran the tests."""
    raise AssertionError(f"this test would have installed {words} with {pip}")


def run(start: ModuleType, words: list[str], pip: Pip, monkeypatch: pytest.MonkeyPatch) -> int:
    """Start with the given words, and keep what the words are handed over to."""
    monkeypatch.setattr(start, "run_pip", pip)
    start.handed = []
    monkeypatch.setattr(start.os, "execv", lambda path, command: start.handed.append(command) or 0)
    monkeypatch.setattr(start.os, "chdir", lambda path: None)
    return int(start.main(list(words)))


# ---- the right Python


def test_the_file_parses_on_old_pythons() -> None:
    ast.parse(START.read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 8, 18), (3, 10, 0), (3, 15, 0)])
def test_a_wrong_python_gets_a_sentence(version: tuple[int, int, int], lang: str) -> None:
    code = f"import runpy, sys; sys.version_info = {version}; runpy.run_path({str(START)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env={**os.environ, "LC_ALL": "C"})
    said = done.stderr.decode("utf-8")
    assert done.returncode == 4
    assert "Traceback" not in said
    assert ("needs Python 3.11 to 3.14" if lang == "en" else "需要 Python 3.11 至 3.14") in said


def test_a_really_old_python_gets_it_too() -> None:
    found = [name for name in ("python3.8", "python3.9", "python3.10") if runs([name, "-c", ""])]
    if not found:
        pytest.skip("no older Python on this machine")
    done = subprocess.run([found[0], str(START)], capture_output=True, text=True)
    assert done.returncode == 4
    assert "Hanlin needs Python 3.11 to 3.14" in done.stderr


def runs(command: list[str]) -> bool:
    return shutil.which(command[0]) is not None and subprocess.run(command, capture_output=True).returncode == 0


# ---- what is installed, in which order


def test_the_small_build_of_torch_is_tried_first(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip()
    assert run(start, [], pip, monkeypatch) == 0
    assert pip.calls[0] == ["torch==2.13.0+cpu"]
    assert pip.calls[1][:2] == ["--require-hashes", "--no-deps"]
    assert pip.calls[1][-1].endswith("requirements.lock")
    assert pip.calls[2][:3] == ["--no-deps", "--no-build-isolation", "--editable"]
    assert len(pip.calls) == 3
    assert start.handed == [[os.path.join(start.BIN, "hanlin"), "demo"]]


def test_then_pytorchs_own_index_then_the_big_build_with_a_warning(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], lang: str
) -> None:
    pip = Pip("missing", "missing", "missing")
    run(start, [], pip, monkeypatch)
    assert pip.calls[1] == ["torch==2.13.0+cpu", "--extra-index-url", "https://download.pytorch.org/whl/cpu"]
    assert pip.calls[2:4] == [["torch==2.13.0"], ["torch>=2.11"]]
    assert "3 GB" in capfd.readouterr().err


def test_pytorchs_own_index_may_be_closed(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror without the small build, behind a wall to everywhere else: the big build still comes."""
    pip = Pip("missing", "index", None)
    assert run(start, [], pip, monkeypatch) == 0
    assert pip.calls[2] == ["torch==2.13.0"]


def test_a_graphics_card_or_a_mac_gets_the_plain_build(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for platform, tool in (("linux", "nvidia-smi"), ("darwin", None)):
        monkeypatch.setattr(start.sys, "platform", platform)
        monkeypatch.setattr(start.shutil, "which", lambda name, tool=tool: tool if name == tool else None)
        pip = Pip()
        assert run(start, ["install", "--unlocked"], pip, monkeypatch) == 0
        assert pip.calls[0] == ["torch==2.13.0"]
        os.remove(start.MARKER)


def test_offline_asks_no_index(start: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pip = Pip("missing")
    assert run(start, ["--offline", str(tmp_path), "--budget", "2min"], pip, monkeypatch) == 0
    assert all(
        words[:3] == ["--no-index", "--find-links", str(tmp_path)] or "--no-deps" in words for words in pip.calls
    )
    assert [words[3] for words in pip.calls[:2]] == ["torch==2.13.0+cpu", "torch>=2.11"]
    assert start.handed[0][1:] == ["demo", "--budget", "2min"]


def test_test_installs_the_tools_and_runs_pytest(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip()
    assert run(start, ["test", "-k", "a or b"], pip, monkeypatch) == 0
    assert [call[-1] for call in pip.calls if "-r" in call] == [
        os.path.join(start.ROOT, name) for name in ("requirements.lock", "requirements-dev.lock")
    ]
    assert start.handed == [[start.PYTHON, "-m", "pytest", "-k", "a or b"]]


def test_install_ends_with_how_to_go_on(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It used to end in silence after hundreds of lines of pip, and nowhere stood how `hanlin` becomes a command."""
    assert run(start, ["install"], Pip(), monkeypatch) == 0
    last = capfd.readouterr().err.splitlines()[-1]
    assert "start.py" in last and "activate" in last


def test_install_starts_nothing(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(start, ["install"], Pip(), monkeypatch) == 0
    assert start.handed == []


def test_a_second_start_installs_nothing(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    run(start, ["test"], Pip(), monkeypatch)
    for words in ([], ["test"], ["install"]):
        pip = Pip()
        assert run(start, words, pip, monkeypatch) == 0
        assert pip.calls == []


def test_what_changed_is_installed_again(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    run(start, ["test"], Pip(), monkeypatch)
    with open(os.path.join(start.ROOT, "requirements-dev.lock"), "a") as file:
        file.write("# changed\n")
    pip = Pip()
    run(start, ["test"], pip, monkeypatch)
    assert [call[-1] for call in pip.calls] == [os.path.join(start.ROOT, "requirements-dev.lock")]
    monkeypatch.setattr(start, "ROOT", start.ROOT + "/../project")
    assert not start.is_installed("runtime"), "a moved folder has the wrong paths in its environment"


def test_a_machine_outside_the_lock_takes_ranges_and_says_so(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], lang: str
) -> None:
    monkeypatch.setattr(start.platform, "machine", lambda: "riscv64")
    pip = Pip()
    run(start, [], pip, monkeypatch)
    assert not any("--require-hashes" in words for words in pip.calls)
    assert pip.calls[-1] == ["--no-build-isolation", "--editable", start.ROOT]
    said = capfd.readouterr().err
    assert "linux-riscv64" in said
    assert "requirements.lock" in said


def test_an_index_without_the_tested_versions_takes_ranges_too(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pip = Pip(None, "missing")
    assert run(start, ["test"], pip, monkeypatch) == 0
    assert pip.calls[3] == ["--no-build-isolation", "--editable", start.ROOT]
    assert "untested" in capfd.readouterr().err


def test_unlocked_is_the_users_own_word(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip()
    run(start, ["test", "--unlocked"], pip, monkeypatch)
    assert not any("--require-hashes" in words for words in pip.calls)
    assert pip.calls[-1][-1] == start.ROOT + "[dev]"
    assert start.handed == [[start.PYTHON, "-m", "pytest"]]


# ---- what can go wrong


@pytest.mark.parametrize(
    ("answers", "code", "english", "chinese"),
    [
        (["index"] * 2, 5, "No package index can be reached", "无法连接软件包索引"),
        ([None, "index"], 5, "No package index can be reached", "无法连接软件包索引"),
        (["other"] * 4, 4, "could not install torch", "未能安装 torch"),
        ([None, "mismatch"], 4, "differs from the tested file", "经过测试的文件不一致"),
        ([None, "other"], 4, "could not install requirements.lock", "未能安装 requirements.lock"),
    ],
)
def test_a_failure_of_pip_is_explained(
    start: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    lang: str,
    answers: list[str | None],
    code: int,
    english: str,
    chinese: str,
) -> None:
    pip = Pip(*answers)
    assert run(start, [], pip, monkeypatch) == code
    assert (english if lang == "en" else chinese) in capfd.readouterr().err
    assert len(pip.calls) == len(answers), "nothing is tried after a failure that others would not mend"
    assert start.handed == []
    assert not start.is_installed("runtime")


def test_a_full_disk_is_seen_before(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], lang: str
) -> None:
    monkeypatch.setattr(start, "free_gigabytes", lambda: 1.5)
    pip = Pip()
    assert run(start, [], pip, monkeypatch) == 4
    assert pip.calls == []
    said = capfd.readouterr().err
    assert "1.5 GB" in said
    assert "3 GB" in said


def test_offline_without_a_folder(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], lang: str
) -> None:
    for words in (["--offline", "/nowhere/wheels"], ["--offline"]):
        assert run(start, words, Pip(), monkeypatch) == 3
        assert "--offline" in capfd.readouterr().err


def test_ctrl_c_in_an_installation_is_repaired_by_the_next_start(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], lang: str
) -> None:
    def interrupt(pip: list[str], words: list[str]) -> str | None:
        if "-r" in words:
            raise KeyboardInterrupt
        return None

    monkeypatch.setattr(start, "run_pip", interrupt)
    assert start.main([]) == 130
    assert ("next start" if lang == "en" else "下次启动") in capfd.readouterr().err
    pip = Pip()
    assert run(start, [], pip, monkeypatch) == 0
    assert len(pip.calls) == 3, "all of it is installed again"


def test_a_python_without_ensurepip(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], start: ModuleType, lang: str
) -> None:
    spec = importlib.util.spec_from_file_location("fresh", os.path.join(start.ROOT, "start.py"))
    assert spec is not None
    assert spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    monkeypatch.setattr(fresh, "run_pip", forbidden)
    monkeypatch.setattr(fresh, "runs", lambda command: False)
    assert fresh.main(["install"]) == 4
    assert "apt install python3" in capfd.readouterr().err
    monkeypatch.setattr(fresh, "runs", lambda command: "--without-pip" in command or "--python" in command)
    assert fresh.make_environment()[1:4] == ["-m", "pip", "--python"]


# ---- pip's own words, from the real pip


def real_pip(start: ModuleType, words: list[str], folder: Path) -> str | None:
    command = [sys.executable, "-m", "pip"]
    return str(start.real_run_pip(command, ["--quiet", "--target", str(folder / "target"), *words]))


def test_pips_words_are_understood(start: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "1")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    unreachable = ["--index-url", "http://127.0.0.1:9/simple", "no-such-package-of-ours"]
    assert real_pip(start, unreachable, tmp_path) == "index"
    assert real_pip(start, ["--no-index", "no-such-package-of-ours"], tmp_path) == "missing"
    wheel = tmp_path / "tiny_thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.0\n")
    lock = tmp_path / "lock"
    lock.write_text(f"tiny-thing==1.0 --hash=sha256:{'0' * 64}\n")
    words = ["--no-index", "--find-links", str(tmp_path), "--require-hashes", "-r", str(lock)]
    assert real_pip(start, words, tmp_path) == "mismatch"


def test_a_disk_that_fills_up_meanwhile(start: ModuleType, tmp_path: Path) -> None:
    program = tmp_path / "pip.py"
    program.write_text("import sys; sys.exit('ERROR: [Errno 28] No space left on device')")
    with pytest.raises(start.Trouble) as caught:
        start.real_run_pip([sys.executable, str(program)], ["torch"])
    assert caught.value.key == "disk"


# ---- the locks


def pinned(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)(?: ; [^\n]+)? \\$", (ROOT / name).read_text(), re.MULTILINE))


def test_the_locks_fit_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    runtime, dev = pinned("requirements.lock"), pinned("requirements-dev.lock")
    assert not set(runtime) & set(dev)
    assert "torch" not in {*runtime, *dev}
    wanted = {re.split(r"[<>=\[]", line)[0] for line in project["dependencies"]} - {"torch"}
    assert wanted - set(runtime) == set(), "run scripts/lock"
    extras = {re.split(r"[<>=\[]", line)[0] for lines in project["optional-dependencies"].values() for line in lines}
    assert extras - {*runtime, *dev, "hanlin"} == set(), "run scripts/lock"
    assert {"hatchling", "editables"} <= set(runtime)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_has_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    blocks = [block for block in re.split(r"\n(?=\S)", text) if not block.startswith("#")]
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in blocks if block.strip())
    holds = text.splitlines()[1]
    assert holds.startswith("# holds for: ")
    assert all(f"linux-x86_64/3.{minor}" in holds for minor in (11, 12, 13, 14))


def test_the_marker_is_plain_json(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    run(start, ["install"], Pip(), monkeypatch)
    assert set(json.loads(Path(start.MARKER).read_text())) == {"runtime", "dev"}
