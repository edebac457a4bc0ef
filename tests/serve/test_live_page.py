"""openai for Node, the page in Chromium and the development server, each against a live server of ours.

The tests themselves are written in TypeScript (web/tests); here they get their server, and the engine behind it is
watched. They skip, with the reason, where Node, its packages (`npm ci` in web/) or Chromium are missing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.serve.conftest import Live
from tests.serve.process import KEY, save_tiny, served

from hanlin.infer.request import Finish
from hanlin.text.tokenizer import Tokenizer

WEB = Path(__file__).resolve().parents[2] / "web"
VITEST = WEB / "node_modules" / "vitest" / "vitest.mjs"

if shutil.which("node") is None:
    pytest.skip("no Node on this machine", allow_module_level=True)
if not VITEST.is_file():
    pytest.skip("the page's packages are not there; `npm ci` in web/ fetches them", allow_module_level=True)


@pytest.fixture
def vitest(tmp_path: Path) -> Callable[..., int]:
    """Run tests of web/ against a server; every one of them must pass. Returns how many there were."""

    def run(*words: str, **environment: str) -> int:
        report = tmp_path / "report.json"
        command = ["node", str(VITEST), "run", "--reporter=json", f"--outputFile={report}", *words]
        done = subprocess.run(
            command, cwd=WEB, env={**os.environ, **environment}, capture_output=True, text=True, timeout=600
        )
        told = json.loads(report.read_text()) if report.exists() else {}
        if done.returncode or not told.get("success"):
            pytest.fail(f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}\n{failures_of(told)}")
        if not told["numPassedTests"]:
            pytest.skip("no Chromium on this machine")
        return int(told["numPassedTests"])

    return run


def failures_of(report: dict[str, Any]) -> str:
    tests = [test for file in report.get("testResults", ()) for test in file["assertionResults"]]
    return "\n".join(f"{test['fullName']}: {test['failureMessages']}" for test in tests if test["status"] == "failed")


@pytest.mark.story
def test_openai_for_node_streams_asks_errs_and_aborts(
    vitest: Callable[..., int], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    bundle = save_tiny(tmp_path / "tiny", tokenizer, length=512)
    with served(bundle, "--api_key", KEY) as server:
        passed = vitest("tests/clients/openai.test.ts", HANLIN_SERVER=server.address, HANLIN_KEY=KEY)
        assert passed >= 13
        code, rows, err = server.end(15)
    assert code == 0 and rows[-1]["state"] == "stopped" and "Traceback" not in err


@pytest.mark.story
def test_the_page_answers_in_both_languages_at_three_widths(
    serve: Callable[..., Any], vitest: Callable[..., int]
) -> None:
    with serve() as live:
        passed = vitest("tests/clients/live.test.ts", "-t", "the live page", HANLIN_SERVER=live.server.address)
        assert passed == 9 and live.settles()
    for name in ("live-welcome-zh-CN-390", "live-chat-en-US-820"):
        assert (WEB / "pictures" / f"{name}.png").stat().st_size > 10_000


@pytest.mark.story
@pytest.mark.parametrize("how", ["the page is closed", "is stopped by its reader"])
def test_a_reader_who_leaves_in_mid_answer_stops_the_engine(
    serve: Callable[..., Any], vitest: Callable[..., int], how: str
) -> None:
    with serve() as live:
        finishes = watched(live)
        live.engine.seconds = 0.1  # five hundred tokens would take fifty seconds
        assert vitest("tests/clients/live.test.ts", "-t", how, HANLIN_SERVER=live.server.address) == 1
        assert live.settles(), "no running request, every block of the cache free"
        (finish,) = finishes
        assert finish.reason == "cancelled" and 0 < finish.num_tokens < 400
        live.engine.seconds = 0
        assert live.chat().status_code == 200


def watched(live: Live) -> list[Finish]:
    """The ends of all answers, as the engine tells them."""
    finishes: list[Finish] = []
    step = live.engine.step

    def watching() -> list[Any]:
        events = step()
        finishes.extend(event for event in events if isinstance(event, Finish))
        return events

    live.engine.step = watching  # type: ignore[method-assign]
    return finishes


@pytest.mark.story
def test_a_server_killed_in_mid_answer_is_told_and_the_text_kept(
    vitest: Callable[..., int], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    with served(save_tiny(tmp_path / "tiny", tokenizer)) as server:
        environment = {"HANLIN_SERVER": server.address, "HANLIN_SERVER_PID": str(server.process.pid)}
        assert vitest("tests/clients/live.test.ts", "-t", "when the server is killed", **environment) == 1
        assert server.process.wait(10) == -9


@pytest.mark.story
def test_the_development_server_stands_before_a_live_one(serve: Callable[..., Any], vitest: Callable[..., int]) -> None:
    with serve() as live:
        assert vitest("tests/browser/dev.test.ts", HANLIN_SERVER=live.server.address) == 1
        assert live.server.worker.num_answered >= 1
