"""The wheel in an empty environment: no source anywhere, no Node, no compiler; the page and the API are there."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.serve.process import Process, save_tiny, served

from hanlin.serve.guard import CONTENT_POLICY
from hanlin.text.tokenizer import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "src" / "hanlin" / "serve" / "web"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".json": "application/json; charset=utf-8",
}

pytestmark = pytest.mark.story


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds nothing but the wheel. What Hanlin depends on is lent to it from this
    Python's packages, read last: torch alone would take minutes to install."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed; start.py installs it")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
    programs = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    words = ["--python", str(programs / "python"), "install", "-q", "--no-index", "--no-deps", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, capture_output=True)
    ask = [programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    own = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()
    Path(own, "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return programs


@pytest.fixture(scope="module")
def alone(environment: Path) -> dict[str, str]:
    """An environment in which no other program is found, nor any source."""
    return {"PATH": str(environment), "HOME": str(environment.parent), "HANLIN_LANG": "en"}


@pytest.fixture(scope="module")
def server(
    environment: Path, alone: dict[str, str], tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer
) -> Iterator[Process]:
    bundle = save_tiny(tmp_path_factory.mktemp("bundle") / "tiny", tokenizer)
    with served(bundle, command=[str(environment / "hanlin")], env=alone) as found:
        yield found


def test_what_runs_is_the_wheel(environment: Path, alone: dict[str, str]) -> None:
    command = [environment / "python", "-c", "import hanlin; print(hanlin.__file__)"]
    done = subprocess.run(command, cwd=environment, env=alone, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(environment.parent) and str(ROOT) not in done.stdout


def test_the_page_and_all_its_files_are_served_under_the_policy(server: Process) -> None:
    assert server.ready["page"] is True
    names = [path.relative_to(BUILT).as_posix() for path in BUILT.rglob("*") if path.is_file()]
    assert len(names) >= 6
    for name in ("", *names):
        answer = httpx.get(f"{server.address}/{name}", trust_env=False)
        assert answer.status_code == 200, name
        assert answer.content == (BUILT / (name or "index.html")).read_bytes(), name
        assert answer.headers["content-type"] == TYPES[Path(name or "index.html").suffix], name
        assert answer.headers["content-security-policy"] == CONTENT_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert ("immutable" in answer.headers["cache-control"]) == name.startswith("assets/")


def test_it_answers_and_knows_its_version(server: Process) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 4}
    answer = httpx.post(f"{server.address}/v1/chat/completions", json=body, trust_env=False, timeout=60)
    assert answer.status_code == 200 and answer.json()["usage"]["completion_tokens"] <= 4
    assert httpx.get(f"{server.address}/v1/page", trust_env=False).json()["version"]


def test_the_guide_that_the_demo_links_to_is_in_the_wheel(environment: Path, alone: dict[str, str]) -> None:
    command = [environment / "python", "-c", "from hanlin.life.guide import guide; print(guide())"]
    for lang, name in (("en", "first-run.md"), ("zh", "first-run.zh-CN.md")):
        env = {**alone, "HANLIN_LANG": lang}
        done = subprocess.run(command, cwd=environment, env=env, capture_output=True, text=True, check=True)
        path = Path(done.stdout.strip().removeprefix("file://"))
        assert path.is_relative_to(environment.parent) and path.read_bytes() == (ROOT / "docs" / name).read_bytes()


def test_the_demo_begins_without_the_sources(environment: Path, alone: dict[str, str], tmp_path: Path) -> None:
    """Its recipe, its little world and its sentences are in the wheel."""
    command = [environment / "hanlin", "demo", "--dry-run", "--json", "--no-browser"]
    home = {**alone, "HANLIN_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=home, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert {row["state"] for row in json.loads(done.stdout)["stages"]} == {"run"}
