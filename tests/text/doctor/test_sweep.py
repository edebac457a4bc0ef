"""Large files: what slices leave out is gone through line by line, and no byte is missed or met twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanlin.text.doctor import sweep
from hanlin.text.doctor.findings import Findings
from hanlin.text.doctor.slices import Parts, parts_of
from hanlin.text.doctor.sweep import check, lines_between

LINES = [json.dumps({"text": f"line {number} " + "x" * (number % 90)}).encode() for number in range(8000)]


def swept(path: Path, parts: Parts, form: str = "jsonl") -> dict[str, list[str]]:
    findings = Findings(20, lambda finding: None)
    for stretch in lines_between(str(path), parts):
        check(stretch, form, "utf-8", findings)
    return {one.kind: [example.place.rpartition(":")[2] for example in one.examples] for one in findings}


@pytest.mark.parametrize("piece", [100, 4 << 20])
def test_slices_and_the_rest_are_the_file(tmp_path: Path, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "PIECE_BYTES", piece)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(LINES))
    parts = parts_of(str(path), path.stat().st_size, 100_000)
    assert len(parts.slices) > 3 and not parts.is_whole and parts.slices[-1].is_end
    pieces = [(one.offset, one.data) for one in parts.slices]
    whole, place = path.read_bytes(), 0
    rest = b"".join(stretch.data for stretch in lines_between(str(path), parts))
    for offset, data in pieces:
        assert whole[offset : offset + len(data)] == data
        place += len(data)
    assert place + len(rest) == len(whole)


@pytest.mark.parametrize("piece", [1000, 4 << 20])
def test_every_fault_by_its_line(tmp_path: Path, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "PIECE_BYTES", piece)
    lines, path = list(LINES), tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(lines))
    slices = parts_of(str(path), path.stat().st_size, 100_000).slices
    assert all(b"line 5100 " not in one.data for one in slices)
    lines[5100 - 1], lines[5101 - 1], lines[5102 - 1] = b"{bad", b'{"text": "\xff\xfe"}', b"[1, 2]"
    lines[5103 - 1], lines[5104 - 1] = b"  ", b'{"text": "nul\0"}'
    path.write_bytes(b"\n".join(lines))
    parts = parts_of(str(path), path.stat().st_size, 100_000)
    expected = {"bad_json": ["5100"], "undecodable": ["5101"], "not_object": ["5102"], "nul_bytes": ["5104"]}
    assert swept(path, parts) == expected


def test_a_line_without_end_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "zeros.jsonl"
    with path.open("wb") as file:
        file.write(b'{"text": "begin"}\n')
        file.truncate(40 << 20)
    parts = parts_of(str(path), 40 << 20, 1 << 20)
    assert max(len(stretch.data) for stretch in lines_between(str(path), parts)) <= sweep.PIECE_BYTES
    assert list(swept(path, parts)) == ["nul_bytes"]
