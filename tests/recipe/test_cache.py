"""The records of outcomes, and the fingerprint of input files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hanlin.base.errors import InputError
from hanlin.recipe.cache import Cache, Record, changed_settings, input_files, stage_key


def record(tmp_path: Path, **changes: object) -> Record:
    values = {"stage": "corpus", "key": "a" * 64, "state": "done", "settings": {}, "inputs": {}, "path": str(tmp_path)}
    return Record(**{**values, **changes})  # type: ignore[arg-type]


def test_a_record_is_found_by_its_key_only(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.save(record(tmp_path, result="3 documents"))
    assert cache.find("corpus", "a" * 64).result == "3 documents"  # type: ignore[union-attr]
    assert cache.find("corpus", "b" * 64) is None
    assert cache.find("tokenizer", "a" * 64) is None


def test_an_outcome_that_was_deleted_counts_as_not_made(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.save(record(tmp_path, path=str(tmp_path / "gone")))
    assert cache.find("corpus", "a" * 64) is None


def test_an_attempt_is_found_even_before_its_folder_exists(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.save(record(tmp_path, state="running", path=""))
    assert cache.find("corpus", "a" * 64).state == "running"  # type: ignore[union-attr]


def test_latest_is_the_newest_and_can_be_asked_for_finished_ones_only(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for number, (key, state) in enumerate((("a", "done"), ("b", "done"), ("c", "running"))):
        cache.save(record(tmp_path, key=key * 64, state=state, result=key))
        os.utime(tmp_path / "stages" / f"corpus-{key * 12}.json", (number, number))
    assert cache.latest("corpus").key[0] == "c"  # type: ignore[union-attr]
    assert cache.latest("corpus", state="done").result == "b"  # type: ignore[union-attr]
    assert cache.latest("pretrain") is None


def test_the_key_depends_on_everything_it_is_made_of() -> None:
    key = stage_key(1, 0, {"a": 1}, {"corpus": "x"})
    assert key == stage_key(1, 0, {"a": 1}, {"corpus": "x"})
    others = [(2, 0, {"a": 1}, {"corpus": "x"}), (1, 1, {"a": 1}, {"corpus": "x"}), (1, 0, {"a": 2}, {"corpus": "x"}),
              (1, 0, {"a": 1}, {"corpus": "y"})]  # fmt: skip
    assert len({key, *(stage_key(*other) for other in others)}) == 5  # type: ignore[arg-type]


def test_renewing_counts_up_and_touches_no_other_stage(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.renew(["pretrain"])
    cache.renew(["pretrain", "finetune"])
    assert [cache.generation(stage) for stage in ("corpus", "pretrain", "finetune")] == [0, 2, 1]


def test_input_files_of_a_file_a_folder_and_a_pattern(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "deep/c.txt", "d.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    names = [path.name for path in input_files([str(tmp_path)])]
    assert sorted(names) == ["a.txt", "b.txt", "c.txt", "d.md"]
    assert [path.name for path in input_files([str(tmp_path / "**/*.txt")])] == ["a.txt", "b.txt", "c.txt"]
    assert [path.name for path in input_files([str(tmp_path / "d.md")])] == ["d.md"]


@pytest.mark.parametrize("missing", ["nothing.txt", "*.csv", "empty"])
def test_a_path_with_nothing_is_an_error(tmp_path: Path, missing: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        list(input_files([str(tmp_path / missing)]))
    assert missing in str(caught.value)


def test_fingerprint_follows_content_and_remembers_what_has_not_changed(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    home, text = Cache(tmp_path / "home"), tmp_path / "a.txt"
    home.folder.mkdir(parents=True)
    text.write_text("one")
    first = home.fingerprint_files([str(text)])
    monkeypatch.setattr("hanlin.recipe.cache.sha256_file", lambda path: pytest.fail("read again"))
    assert home.fingerprint_files([str(text)]) == first
    monkeypatch.undo()
    text.write_text("another")
    assert home.fingerprint_files([str(text)]) != first


def test_changed_settings_names_added_removed_and_changed() -> None:
    assert changed_settings({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5, "d": 4}) == ["b", "c", "d"]
