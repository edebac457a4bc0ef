"""The demo's plan: how its time is split, and what it tells before each stage."""

from __future__ import annotations

import io
import json
import re
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from hanlin.base.files import write_json
from hanlin.base.progress import Progress
from hanlin.life import demo as demo_module
from hanlin.life.browser import open_page
from hanlin.life.demo import demo, finished, shares, told
from hanlin.life.guide import guide
from hanlin.life.report import Served
from hanlin.life.stages import STAGES
from hanlin.life.talk import Talk
from hanlin.recipe.graph import Outcome, Stage
from hanlin.serve.server import Server


@pytest.mark.parametrize("budget", [60.0, 120.0, 600.0, 3600.0])
def test_trainings_and_the_rest_fit_into_the_budget(budget: float) -> None:
    settings = shares(budget)
    trained = float(settings["pretrain.budget"]) + float(settings["finetune.budget"])
    assert 0.35 * budget <= trained <= budget
    if budget >= 600:
        assert budget - trained >= 67
    assert 10 <= int(settings["evaluate.max_cases"]) <= 120


def test_every_stage_tells_its_story_before_it_begins_and_where_to_read_on(lang: str) -> None:
    name = "first-run.zh-CN.md" if lang == "zh" else "first-run.md"
    for stage in STAGES:
        stream = io.StringIO()
        job: Any = type("Job", (), {"progress": Progress("plain", stream=stream)})()
        outcome = Outcome(Path("out"), "1", f"{stage.name} is done")
        tale = told(Stage(stage.name, {}, lambda job, outcome=outcome: outcome))  # type: ignore[misc]
        assert tale.run(job) is outcome
        address, anchor = re.findall(r"(file:///\S+)#([a-z]+)", stream.getvalue())[0]
        told_of = Path(url2pathname(urlsplit(address).path))
        assert told_of.name == name and f'id="{anchor}"' in headings_of(told_of), stage.name


def headings_of(guide: Path) -> str:
    """The places of a guide that a link can lead to: named ones, and those that a heading makes."""
    text = guide.read_text(encoding="utf-8")
    return text + "".join(f'id="{word.lower()}"' for word in re.findall(r"^## (\w+)$", text, re.MULTILINE))


def test_a_guide_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("hanlin.life.guide.PLACES", (tmp_path,))
    assert guide() == "docs/first-run.md"


def test_a_folder_without_a_finished_life_has_no_bundle(tmp_path: Path) -> None:
    assert finished(tmp_path) is None
    (tmp_path / "recipe.json").write_text('{"bundle": "gone"}')
    assert finished(tmp_path) is None


@pytest.fixture
def home(tmp_path: Path, folder: Path) -> Path:
    """The home of a demo that came to its end."""
    write_json(tmp_path / "recipe.json", {"bundle": str(folder)})
    return tmp_path


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Server]]:
    """Every server that the demo opens; none outlives its test."""
    opened: list[Server] = []
    original = demo_module.open_server

    def open_server(*words: Any, **options: Any) -> Server:
        opened.append(original(*words, **options))
        return opened[-1]

    monkeypatch.setattr(demo_module, "open_server", open_server)
    yield opened
    for server in opened:
        server.stop()


def lived(rows: Iterator[Mapping[str, Any]], until: threading.Event, server: Server) -> list[Mapping[str, Any]]:
    """All rows of a server's life, which is drained once `until` is set."""
    threading.Thread(target=lambda: until.wait(60) and server.drain(), daemon=True).start()
    return list(rows)


def test_a_finished_demo_is_served_at_once_and_its_page_opened(
    home: Path, servers: list[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, pages, seen = threading.Event(), [], []

    def look(address: str) -> bool:
        pages.append(address)
        seen.append(json.load(urllib.request.urlopen(f"{address}/v1/page")))
        shown.set()
        return True

    monkeypatch.setattr(demo_module, "open_page", look)
    result = demo(home=home, port=0)
    assert isinstance(result, Served)
    assert "--fresh" in result.report.lines[0]
    rows = lived(result.rows, shown, servers[0])
    assert [row["state"] for row in rows] == ["ready", "draining", "stopped"]
    assert pages == [rows[0]["address"]] and seen[0]["model"] == rows[0]["model"]


def test_without_a_browser_the_address_is_told(
    home: Path, servers: list[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    told_address, stream = threading.Event(), io.StringIO()
    monkeypatch.setattr(demo_module, "open_page", lambda address: pytest.fail("a browser was asked for"))
    progress = Progress("plain", stream=stream)
    note = progress.note
    monkeypatch.setattr(progress, "note", lambda text: (note(text), "Ctrl-C" in text and told_address.set()))
    result = demo(home=home, port=0, browser=False, progress=progress)
    assert isinstance(result, Served)
    rows = lived(result.rows, told_address, servers[0])
    assert f"Open {rows[0]['address']} in a browser" in stream.getvalue()


def test_the_demo_may_talk_in_the_terminal(home: Path, servers: list[Server]) -> None:
    result = demo(home=home, terminal=True)
    assert isinstance(result, Talk) and result.session is not None
    assert result.session.params.temperature == 0 and servers == []


def test_a_machine_without_a_screen_has_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("webbrowser.open", lambda address: pytest.fail("opened"))
    assert open_page("http://127.0.0.1:1") is False
    asked: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda address: asked.append(address) is None)
    assert open_page("http://127.0.0.1:1") is True and asked == ["http://127.0.0.1:1"]
