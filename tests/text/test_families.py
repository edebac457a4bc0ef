"""Synthetic rows never stand on the other side of a split than their originals, and never in training where those are
evaluated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hanlin.life.augment_data import augment_data
from hanlin.life.build_data import build_data
from hanlin.text.families import family_of, name_of_row, texts_of
from hanlin.text.ledger import documents_of, path_of, read_ledger

NAMES = ("fox", "hare", "owl", "crow", "mole", "toad", "wolf", "seal")
TOLD = "Once a {} found {} nuts under the old tree, and told the {} about them."
STORIES = [{"text": TOLD.format(NAMES[n % 8], n, NAMES[(n + 3) % 8]), "n": n} for n in range(60)]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def augmented(tmp_path: Path, **settings: Any) -> Path:
    out = tmp_path / "more.jsonl"
    operations = ("typo", "swap-words")
    augment_data(data=(str(written(tmp_path / "stories.jsonl", STORIES)),), out=out, operations=operations, **settings)
    return out


def built(tmp_path: Path, *sources: Path, **settings: Any) -> tuple[dict[str, list[Any]], list[Any]]:
    """The documents of each part, and the ledger."""
    settings = {"validation_fraction": 0.3, **settings}
    build_data(sources=tuple(map(str, sources)), out=tmp_path / "corpus", **settings)
    parts = {part: list(documents_of(path_of(tmp_path / "corpus", part))) for part in ("train", "validation")}
    return parts, list(read_ledger(tmp_path / "corpus"))


def test_children_follow_their_original_into_its_part(tmp_path: Path) -> None:
    parts, ledger = built(tmp_path, augmented(tmp_path))
    families = {part: {one.meta["family"] for one in documents} for part, documents in parts.items()}
    assert min(len(found) for found in families.values()) > 5
    assert families["train"] & families["validation"] == set()
    for documents in parts.values():
        assert sum("synthetic" in one.meta for one in documents) > len(documents) / 2
    assert [entry for entry in ledger if entry.fate == "leaked"] == []


def test_without_the_marks_of_the_originals_nothing_held_out_is_of_kin_to_training(tmp_path: Path) -> None:
    """Somebody keeps the rows and their children in files apart: what the hash tears up is not held out."""
    more = augmented(tmp_path, originals=False)
    parts, ledger = built(tmp_path, tmp_path / "stories.jsonl", more)

    def names(document: Any) -> set[str]:
        own = name_of_row(document.meta["path"], document.meta["line"])
        return {str(document.meta.get("parent", own))}

    in_training = set[str]().union(*map(names, parts["train"]))
    assert parts["validation"] != []
    assert in_training & set[str]().union(*map(names, parts["validation"])) == set()
    assert sum(entry.reason == "leaked" for entry in ledger) > 5


def test_children_of_evaluation_rows_are_kept_out_of_training(tmp_path: Path) -> None:
    """Their words were changed, so no run of them is found; the family is."""
    exam = written(tmp_path / "exam.jsonl", STORIES[:20])  # another file, the same rows
    more = augmented(tmp_path, originals=False, rate=0.9)
    parts, ledger = built(tmp_path, more, against={"paths": (str(exam),)}, validation_fraction=0.0)
    tested = {family_of(row) for row in STORIES[:20]}
    assert len(parts["train"]) == 80
    assert {one.meta["family"] for one in parts["train"]} & tested == set()
    dropped = [entry for entry in ledger if entry.reason == "evaluation"]
    assert len(dropped) == 40 and all("exam.jsonl:" in entry.example for entry in dropped)


def test_a_family_is_told_by_what_its_original_says() -> None:
    row = {"id": 1, "question": "?", "answers": ["a", {"text": "b"}], "n": 3, "source": "x"}
    assert list(texts_of(row)) == ["?", "a", "b"]
    assert family_of(row) == family_of({**row, "id": 2, "source": "elsewhere"})
    assert family_of(row) != family_of({**row, "question": "!"})
    assert family_of({**row, "family": "f"}) == "f"
