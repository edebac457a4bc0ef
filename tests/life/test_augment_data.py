"""`hanlin data augment`: rows and what is made of them, also by a model that `hanlin serve` serves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.life.test_serve import make_bundle

from hanlin.life.augment_data import augment_data
from hanlin.life.serve import serve

ROWS = [{"text": f"The cat number {n} sat on the mat and looked at the {n} mice.", "label": n % 2} for n in range(3)]


def rows_file(folder: Path) -> str:
    path = folder / "reviews.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return str(path)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_what_was_made_is_counted_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_LANG", "en")
    out = tmp_path / "more.jsonl"
    report = augment_data(rows_file(tmp_path), out=out, operations=("typo", "homophone"), originals=False)
    assert [row["label"] for row in read(out)] == [0, 1, 0]
    assert report.report["made"] == {"typo": 3}
    assert report.lines[0] == "reviews.jsonl: read as classification: 3 rows, 0 rejected."
    assert report.lines[1:3] == (
        "typo: 3 rows, 0 times nothing new, 0 answers of odd length left out",
        "homophone: 0 rows, 3 times nothing new, 0 answers of odd length left out",
    )
    assert report.lines[-1] == f"3 rows read, 3 made from them, written to {out}."


def test_a_model_of_ours_is_asked(tmp_path: Path) -> None:
    """It has learned nothing and answers in any words; that it is asked once for each row is what counts."""
    served = iter(serve(str(make_bundle(tmp_path / "cat-model")), port=0))
    ready = next(served)
    report = augment_data(
        rows_file(tmp_path),
        out=tmp_path / "more.jsonl",
        operations=("paraphrase",),
        url=f"{ready['address']}/v1",
        model="cat-model",
        prompts={"paraphrase": "{text}"},  # its whole context are 128 tokens
        max_tokens=30,
        attempts=1,
    )
    served.close()  # type: ignore[attr-defined]
    outcomes = [sum(report.report[name].values()) for name in ("made", "unchanged", "odd")]
    assert sum(outcomes) == 3
    rows = read(tmp_path / "more.jsonl")
    assert len(rows) == 3 + outcomes[0]
    assert all(row["model"] == "cat-model" for row in rows if "synthetic" in row)
