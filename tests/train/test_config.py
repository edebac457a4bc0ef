"""The table of names in the docs against the settings that exist, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hanlin.base.config import Config, leaves
from hanlin.base.errors import ConfigError
from hanlin.train.config import FinetuneConfig, PretrainConfig, TrainingConfig

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("training-arguments.md", "training-arguments.zh-CN.md")


def rows(page: str) -> list[list[str]]:
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def names(cell: str) -> list[str]:
    """Names in backticks; `.beta2` after `optimizer.beta1` belongs to the same part."""
    found: list[str] = []
    for name in re.findall(r"`([\w.]+)`", cell):
        found.append(found[-1].rpartition(".")[0] + name if name.startswith(".") else name)
    return found


def settings(cls: type[Config]) -> set[str]:
    return {name for name, _ in leaves(cls())}


@pytest.mark.parametrize("page", PAGES)
def test_every_name_of_ours_in_the_table_is_a_setting(page: str) -> None:
    ours = settings(TrainingConfig)
    spoken = {"metrics.jsonl", "muon", "adamw", "adam", "sgd"}
    for row in rows(page):
        assert set(names(row[1])) - spoken <= ours, row


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_of_the_loop_is_in_the_table(page: str) -> None:
    told = {name for row in rows(page) for name in names(row[1])}
    assert settings(TrainingConfig) <= told


@pytest.mark.parametrize("page", PAGES)
def test_every_name_of_theirs_is_one(page: str) -> None:
    transformers = pytest.importorskip("transformers", reason="their names are looked up in their class")
    theirs = set(transformers.TrainingArguments.__dataclass_fields__)
    former = {"no_cuda", "group_by_length", "warmup_ratio"}  # of earlier releases, which people still remember
    for row in rows(page):
        if "SFTConfig" not in row[0] and "Callback" not in row[0]:
            assert set(names(row[0])) <= theirs | former, row


def test_both_pages_have_the_same_rows() -> None:
    english, chinese = (rows(page) for page in PAGES)
    assert [names(row[0]) + names(row[1]) for row in english] == [names(row[0]) + names(row[1]) for row in chinese]


def test_both_stages_share_the_loops_settings() -> None:
    assert set(TrainingConfig.model_fields) <= set(PretrainConfig.model_fields) & set(FinetuneConfig.model_fields)


def test_a_value_with_a_form_of_its_own_is_refused_with_examples() -> None:
    """ "must match the pattern ^(auto|…" tells a beginner nothing, nor does "must be a number" for 10mins."""
    with pytest.raises(ConfigError) as caught:
        PretrainConfig(size="huge", budget="10mins")  # type: ignore[arg-type]
    remedies = {problem.name: problem.remedy for problem in caught.value.problems}
    assert "10m" in remedies["size"] and "10min" in remedies["budget"]
    assert PretrainConfig(budget="1h30m").budget == 5400  # type: ignore[arg-type]
