"""The stage of a corpus: which engine does it, and what it cost."""

from __future__ import annotations

from pathlib import Path

import pytest

import hanlin
from hanlin.base.errors import ConfigError, MachineError
from hanlin.life.build_data import cost_lines, cost_of
from hanlin.life.config import BuildDataConfig
from hanlin.text.corpus import read_corpus


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number:02}.txt").write_text(f"Text number {number} of twenty, each with an end of its own.")
    return folder


def test_speed_and_cost_stand_at_the_end_and_not_in_the_corpus(texts: Path, tmp_path: Path, lang: str) -> None:
    report = hanlin.build_data(str(texts), out=tmp_path / "out", price=0.5)
    cost = report.report["cost"]
    size = sum(path.stat().st_size for path in texts.iterdir())
    assert cost["gigabytes"] == pytest.approx(size / 1e9)
    assert cost["megabytes_per_second"] == pytest.approx(size / 1e6 / cost["seconds"])
    assert cost["cost_per_gigabyte"] == pytest.approx(0.5 * cost["core_hours_per_gigabyte"])
    assert "MB/s" in report.lines[-2] and "0.5" in report.lines[-1]
    written = (tmp_path / "out" / "corpus.json").read_text() + (tmp_path / "out" / "report.md").read_text("utf-8")
    assert "core_hours" not in written and "MB/s" not in written


def test_the_cost_is_what_the_price_makes_of_the_core_hours() -> None:
    """2 GB in an hour of four cores: 2 core-hours a GB, at 0.04 each."""
    cost = cost_of({"bytes": 2e9, "seconds": 3600.0, "core_seconds": 4 * 3600.0}, 0.04)
    assert cost["core_hours_per_gigabyte"] == pytest.approx(2) and cost["cost_per_gigabyte"] == pytest.approx(0.08)
    assert cost["megabytes_per_second"] == pytest.approx(2000 / 3600)
    speed, price = cost_lines(cost)
    assert "2,000.0 MB" in speed and "1h00m" in speed and "2.00 core-hours" in speed and "0.0800" in price
    assert len(list(cost_lines(cost_of({"bytes": 0, "seconds": 0, "core_seconds": 0}, None)))) == 1


@pytest.mark.parametrize(
    "settings",
    [{"rank": 0}, {"world_size": 2, "engine": "ray"}, {"ray_address": "auto"}, {"workers": 2, "engine": "rank"}],
)
def test_a_setting_of_another_engine_is_refused(settings: dict[str, object], lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        BuildDataConfig(sources=["x"], **settings)
    (problem,) = caught.value.problems
    assert problem.name in settings and problem.name in str(caught.value)


def test_a_rank_alone_in_its_world_builds_the_corpus(texts: Path, tmp_path: Path) -> None:
    hanlin.build_data(str(texts), out=tmp_path / "plain", validation_fraction=0.0)
    hanlin.build_data(str(texts), out=tmp_path / "rank", validation_fraction=0.0, engine="rank", rank=0, world_size=1)
    assert list(read_corpus(tmp_path / "plain")) == list(read_corpus(tmp_path / "rank"))
    with pytest.raises(MachineError) as caught:
        hanlin.build_data(str(texts), out=tmp_path / "none", engine="rank", rank=2, world_size=2)
    assert caught.value.code == "E116"
