"""`hanlin data convert`: any training data as rows of another format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanlin.base.errors import InputError
from hanlin.life.augment_data import augment_data
from hanlin.life.convert_data import convert_data


def test_a_file_is_converted_and_what_did_not_fit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANLIN_LANG", "en")
    turns = [{"from": "human", "value": "你好"}, {"from": "gpt", "value": "hello"}]
    rows = [{"id": "r1", "conversations": turns}, {"conversations": turns * 2}, {"conversations": turns[:1]}]
    (tmp_path / "chat.json").write_text(json.dumps(rows), encoding="utf-8")
    report = convert_data(data=(str(tmp_path / "chat.json"),), to="prompt-response", out=tmp_path / "out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8")) == {
        "id": "r1", "prompt": "你好", "response": "hello",
    }  # fmt: skip
    assert (report.report["rows_read"], report.report["rows_written"]) == (2, 1)
    assert [one["reason"] for one in report.report["rejected"]] == ["silent", "many_turns"]
    assert report.lines[0].startswith("chat.json: read as ShareGPT: 2 rows, 1 rejected. 1 as chat.json:3: no message")
    assert "1 rows cannot be said in this format" in report.lines[1] and "chat.json:2" in report.lines[1]
    assert report.path == tmp_path / "out.jsonl"


def test_what_is_read_is_not_written_over(tmp_path: Path, lang: str) -> None:
    """`data convert a.json --out a.json` lost the rows it rejected, and `data augment` the file itself."""
    path = tmp_path / "in" / "a.json"
    path.parent.mkdir()
    path.write_text(json.dumps([{"instruction": "a", "output": "b"}, {"instruction": "c"}]))
    before = path.read_text()
    for source in (path, path.parent):
        for work in (lambda: convert_data(data=(str(source),), to="messages", out=path),  # noqa: B023
                     lambda: augment_data(data=(str(source),), out=path)):  # noqa: B023  # fmt: skip
            with pytest.raises(InputError) as caught:
                work()
            assert caught.value.code == "E209" and str(path) in str(caught.value)
    assert path.read_text() == before
