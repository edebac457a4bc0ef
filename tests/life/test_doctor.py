"""The doctor's findings."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanlin.life import doctor as room
from hanlin.life.doctor import Check, doctor


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_HOME", str(tmp_path / "home"))


def test_every_check_has_a_name_a_state_and_a_value(lang: str) -> None:
    report = doctor()
    assert report.exit_code == 0
    checks = report.report["checks"]
    assert len(checks) >= 10
    assert all(check["name"] and check["value"] and check["state"] in ("ok", "hint", "bad") for check in checks)
    assert all(check["advice"] for check in checks if check["state"] != "ok")
    assert report.report["machine"]["cores"] >= 1


def test_a_home_that_cannot_be_written_is_bad_and_sets_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HANLIN_HOME", str(tmp_path / "file"))
    report = doctor()
    assert report.exit_code == 6
    assert [check["name"] for check in report.report["checks"] if check["state"] == "bad"] == ["HANLIN_HOME"]


def test_little_memory_and_disk_are_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "available_memory_bytes", lambda: 1 << 30)
    monkeypatch.setattr(room, "free_bytes", lambda path: 1 << 30)
    report = doctor()
    hints = {check["name"] for check in report.report["checks"] if check["state"] == "hint"}
    assert {"memory", "free disk"} <= hints and report.exit_code == 0


def test_a_check_is_plain_data() -> None:
    assert Check("a", "ok", "b").advice == ""
