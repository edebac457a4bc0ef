"""The seal of a folder: complete, its own content included."""

from __future__ import annotations

import pytest

from hanlin.base import files
from hanlin.base.errors import BundleError
from hanlin.bundle.manifest import read_manifest, verify_files, write_manifest


@pytest.fixture
def sealed(tmp_path):
    """A folder with two files and a seal."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(name * 100)
    checksums = {name: files.sha256_file(tmp_path / name) for name in ("a", "b")}
    write_manifest(tmp_path / "seal.json", {"score": 0.1 + 0.2, "name": "翰林", "list": (1, 2)}, checksums)
    return tmp_path


def test_content_comes_back_as_json_holds_it(sealed):
    manifest = read_manifest(sealed / "seal.json")
    assert manifest.content == {"score": 0.1 + 0.2, "name": "翰林", "list": [1, 2]}
    assert set(manifest.checksums) == {"a", "b"}
    verify_files(sealed, manifest.checksums)


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
