"""The seal of a folder: complete, its own content included."""

from __future__ import annotations

import hashlib
import json
import random

import pytest

from hanlin.base import files
from hanlin.base.errors import BundleError
from hanlin.bundle import manifest
from hanlin.bundle.manifest import read_manifest, sum_stretches, verify_files, write_manifest


@pytest.fixture
def sealed(tmp_path):
    """A folder with two files and a seal."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(name * 100)
    checksums = {name: files.sha256_file(tmp_path / name) for name in ("a", "b")}
    write_manifest(tmp_path / "seal.json", {"score": 0.1 + 0.2, "name": "翰林", "list": (1, 2)}, checksums)
    return tmp_path


def test_content_comes_back_as_json_holds_it(sealed):
    found = read_manifest(sealed / "seal.json")
    assert found.content == {"score": 0.1 + 0.2, "name": "翰林", "list": [1, 2]}
    assert set(found.checksums) == {"a", "b"}
    verify_files(sealed, found.checksums)


def test_a_flipped_bit_of_the_seal_is_seen_or_changes_nothing(sealed):
    path = sealed / "seal.json"
    whole, meant = path.read_bytes(), read_manifest(path)
    num_seen = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            assert read_manifest(path) == meant, "white space between entries has no meaning"
        except BundleError as error:
            assert error.code == "E450"
            num_seen += 1
    assert num_seen > 0.9 * len(whole)


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"checksum": "x", "format": 1, "checksums": {}}'])
def test_what_is_no_seal_is_refused(tmp_path, content, lang):
    (tmp_path / "seal.json").write_text(content)
    with pytest.raises(BundleError) as error:
        read_manifest(tmp_path / "seal.json")
    assert error.value.code == "E450"
    assert "seal.json" in str(error.value)


def test_a_format_of_the_future_is_refused(sealed, monkeypatch):
    monkeypatch.setattr("hanlin.bundle.manifest.FORMAT", 2)
    with pytest.raises(BundleError):
        read_manifest(sealed / "seal.json")


@pytest.fixture
def long(sealed, monkeypatch):
    """The same with a file of three stretches and a bit, which the seal knows."""
    monkeypatch.setattr(manifest, "STRETCH", 1000)
    (sealed / "long").write_bytes(random.Random(1).randbytes(3100))
    known = read_manifest(sealed / "seal.json")
    checksums = {**known.checksums, "long": files.sha256_file(sealed / "long")}
    write_manifest(sealed / "seal.json", known.content, checksums, sum_stretches(sealed, checksums))
    return sealed


def test_stretches_are_the_sums_of_their_bytes(long):
    data = (long / "long").read_bytes()
    sums = [hashlib.sha256(data[start : start + 1000]).hexdigest() for start in (0, 1000, 2000, 3000)]
    assert read_manifest(long / "seal.json").stretches == {"long": sums}, "short files are summed whole"


def change(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize(
    "spoil",
    [
        *(lambda data, place=place: change(data, place) for place in (0, 999, 1000, 2500, 3099)),
        lambda data: data[:-1],
        lambda data: data[:3000],
        lambda data: data + b"x",
        lambda data: data + bytes(1000),
        lambda data: data[1000:2000] + data[:1000] + data[2000:],
        lambda data: b"",
    ],
)
def test_whatever_is_done_to_a_file_of_stretches_is_seen(long, spoil):
    known = read_manifest(long / "seal.json")
    verify_files(long, known.checksums, known.stretches)
    (long / "long").write_bytes(spoil((long / "long").read_bytes()))
    with pytest.raises(BundleError, match="long") as error:
        verify_files(long, known.checksums, known.stretches)
    assert error.value.code == "E452"


def test_a_seal_of_before_stretches_were_known_holds(sealed):
    """Nothing of its bytes has changed, and what it lacks is summed whole."""
    assert "stretches" not in json.loads((sealed / "seal.json").read_text())
    known = read_manifest(sealed / "seal.json")
    assert known.stretches == {}
    verify_files(sealed, known.checksums, known.stretches)


def test_all_missing_files_are_named_then_all_changed_ones(sealed):
    checksums = read_manifest(sealed / "seal.json").checksums
    for name in ("a", "b"):
        (sealed / name).write_text("else")
    with pytest.raises(BundleError, match="a, b") as error:
        verify_files(sealed, checksums)
    assert error.value.code == "E452"
    for name in ("a", "b"):
        (sealed / name).unlink()
    with pytest.raises(BundleError, match="a, b") as error:
        verify_files(sealed, checksums)
    assert error.value.code == "E451"
