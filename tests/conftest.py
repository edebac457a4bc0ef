"""What every test may rely on: a fixed language, no settings from the developer's shell, and honest peers."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Shared machines stall now and then; a deadline would turn that into a failure.
settings.register_profile("hanlin", deadline=None, max_examples=60)
settings.load_profile("hanlin")

TEST_DATA = os.environ.get("HANLIN_TEST_DATA")
REASON = "HANLIN_TEST_DATA is not set: it names the folder with the real data that peer tests read"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """English sentences, and no HANLIN_ setting of the developer."""
    for name in list(os.environ):
        if name.startswith("HANLIN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HANLIN_LANG", "en")


@pytest.fixture(autouse=True, scope="session")
def _interrupts_arrive() -> None:
    """A shell starts what it puts into the background with SIGINT ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["en", "zh"])
def lang(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test once in each language."""
    monkeypatch.setenv("HANLIN_LANG", request.param)
    return str(request.param)


@pytest.fixture
def test_data() -> Iterator[Path]:
    """The folder with real data; only for tests marked `peer`."""
    assert TEST_DATA, "only tests marked peer may ask for test_data"
    yield Path(TEST_DATA)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("peer") and not TEST_DATA:
        pytest.skip(REASON)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where the data is named, a peer test that skips has failed: something it needs is missing."""
    report = yield
    if TEST_DATA and item.get_closest_marker("peer") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"HANLIN_TEST_DATA is set, so this peer test may not skip: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that skips because an oracle cannot be imported."""
    report = yield
    if TEST_DATA and report.skipped and "could not import" in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"HANLIN_TEST_DATA is set, so no file may skip: {report.longrepr}"
    return report
