"""Twenty-seven faults of real folders: each is found and located, and the recipe that is proposed mends or names it."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from tests.text.doctor.faults import FOUND, GOOD, JAPANESE, TRADITIONAL, make_faults

from hanlin.base.messages import say
from hanlin.text.config import CorpusConfig, DiagnosisConfig
from hanlin.text.corpus import build_corpus, read_corpus
from hanlin.text.doctor.diagnosis import Diagnosis, diagnose
from hanlin.text.document import Dropped
from hanlin.text.ledger import read_ledger
from hanlin.text.records.reading import read_conversations


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_faults(tmp_path_factory.mktemp("faults") / "in")


@pytest.fixture(scope="module")
def diagnosis(folder: Path) -> Diagnosis:
    return diagnose(DiagnosisConfig(paths=(str(folder),), seconds=0, max_examples=100))


@pytest.mark.parametrize("file", FOUND)
def test_each_is_found_at_its_place_and_answered(file: str, folder: Path, diagnosis: Diagnosis) -> None:
    kind, place = FOUND[file]
    found = {one["kind"]: one for one in diagnosis.figures["findings"]}
    assert kind in found, sorted(found)
    assert f"{folder / file}{place}" in [example["place"] for example in found[kind]["examples"]]
    assert say(f"text.mend_{kind}")


def test_good_text_among_them_is_not_accused(folder: Path, diagnosis: Diagnosis) -> None:
    allowed = {"duplicate_files", "near_duplicates", "duplicate_rows", "no_licence", "boilerplate"}
    accused = {
        (one["kind"], example["place"])
        for one in diagnosis.figures["findings"]
        for example in one["examples"]
        if example["place"].startswith(str(folder / "good.txt")) and one["kind"] not in allowed
    }
    assert accused == set()


def test_the_recipe_says_where_mojibake_is_and_what_it_means(folder: Path, diagnosis: Diagnosis) -> None:
    line = next(line for line in diagnosis.recipe.splitlines() if line.startswith("mojibake = true"))
    assert f"{folder / 'garbled.txt'}:2" in line and "→" in line and "今天的会议" in line
    assert tomllib.loads(diagnosis.recipe)["corpus"]["normalise"]["mojibake"] is True


def test_built_by_the_recipe_every_fault_is_mended_or_counted(
    folder: Path, diagnosis: Diagnosis, tmp_path: Path
) -> None:
    recipe = tomllib.loads(diagnosis.recipe)
    build_corpus(CorpusConfig(**{**recipe["corpus"], "validation_fraction": 0}), tmp_path / "out")
    texts = [document.text for document in read_corpus(tmp_path / "out")]
    whole = "\n".join(texts)
    assert TRADITIONAL.strip() in whole and JAPANESE.strip() in whole and "今天的会议" in whole
    assert not re.search("[\0\ufeff\r\ud800-\udfff]|13812340001|w1@example", whole)
    assert "row 5" in whole and "row 1" not in whole, "the second row group alone is read"
    assert len(texts) == len(set(texts)) and min(map(len, texts)) >= 20
    told = Counter(entry.reason for entry in read_ledger(tmp_path / "out"))
    lost = {"bomb", "outside", "unreadable", "empty", "rows", "surrogate", "bad_table", "too_short"}
    assert lost <= set(told), told
    drops: list[Dropped] = []
    talks = list(read_conversations(recipe["finetune"]["data"], on_drop=drops.append))
    assert len(talks) == 11 and str(folder / "roles.jsonl") in recipe["finetune"]["data"]
    assert [drop.id for drop in drops] == ["mixed.jsonl:8", "roles.jsonl:3"] and GOOD
