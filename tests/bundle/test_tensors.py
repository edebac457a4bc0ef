"""Our safetensors writer against the library's reader, and files that are not what they should be."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from hanlin.base import files
from hanlin.base.errors import BundleError, MachineError
from hanlin.bundle.tensors import check_finite, check_match, is_finite, listed, read_tensors, write_tensors

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
          torch.int8, torch.uint8, torch.bool]  # fmt: skip
tensors = st.dictionaries(
    st.text("abc.é_", min_size=1, max_size=6),
    st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 5), max_size=3)),
    max_size=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tensors)
def test_the_library_reads_back_what_we_write(tmp_path, wanted):
    given_tensors = {name: (torch.randn(shape) * 100).to(dtype) for name, (dtype, shape) in wanted.items()}
    path = tmp_path / "x.safetensors"
    path.unlink(missing_ok=True)
    checksum = write_tensors(path, given_tensors)
    for found in (load_file(path), read_tensors(path)):
        assert found.keys() == given_tensors.keys()
        for name, tensor in given_tensors.items():
            assert found[name].dtype == tensor.dtype
            assert torch.equal(found[name], tensor)
    assert checksum == files.sha256_file(path)


def test_views_and_transposed_tensors_are_written_as_they_look(tmp_path):
    base = torch.arange(24.0).view(4, 6)
    write_tensors(tmp_path / "x", {"turned": base.T, "rows": base[1:3], "step": torch.tensor(7)})
    found = load_file(tmp_path / "x")
    assert torch.equal(found["turned"], base.T)
    assert torch.equal(found["rows"], base[1:3])
    assert found["step"].item() == 7
    assert found["step"].shape == ()


def test_every_tensor_starts_at_a_multiple_of_its_size(tmp_path):
    path = tmp_path / "x"
    write_tensors(path, {"a": torch.ones(3, dtype=torch.uint8), "b": torch.ones(3), "c": torch.ones(1).double()})
    length = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + length])
    assert length % 8 == 0
    for entry, size in ((header["a"], 1), (header["b"], 4), (header["c"], 8)):
        assert entry["data_offsets"][0] % size == 0
    assert header["__metadata__"] == {"format": "pt"}


def test_writing_holds_one_tensor_at_a_time_and_copies_none(tmp_path, monkeypatch):
    pieces = []
    original = files.write_bytes
    monkeypatch.setattr(files, "write_bytes", lambda file, data: (pieces.append(len(data)), original(file, data))[1])
    write_tensors(tmp_path / "x", {str(i): torch.zeros(1000) for i in range(5)})
    assert pieces[1:] == [4000] * 5


def test_an_existing_file_is_never_written_over(tmp_path):
    (tmp_path / "x").write_text("precious")
    with pytest.raises(MachineError):
        write_tensors(tmp_path / "x", {})
    assert (tmp_path / "x").read_text() == "precious"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's memory counters")
def test_reading_maps_the_file_instead_of_copying_it(tmp_path):
    write_tensors(tmp_path / "x", {"big": torch.ones(16 << 20)})  # 64 MB
    before = anonymous_bytes()
    found = read_tensors(tmp_path / "x")
    assert found["big"].sum() == 16 << 20
    assert anonymous_bytes() - before < 16 << 20


def anonymous_bytes():
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["RssAnon"].split()[0]) * 1024


@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"{}", b"\xff" * 200, (1 << 40).to_bytes(8, "little") + b"{}"])
def test_what_is_no_safetensors_file_is_refused(tmp_path, content, lang):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(BundleError) as error:
        read_tensors(path)
    assert error.value.code == "E454"
    assert "model.safetensors" in str(error.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BundleError) as error:
        read_tensors(tmp_path / "model.safetensors")
    assert error.value.code == "E451"


def test_files_of_the_library_are_read(tmp_path):
    save_file({"a": torch.ones(2, 3)}, tmp_path / "x")
    assert torch.equal(read_tensors(tmp_path / "x")["a"], torch.ones(2, 3))


def test_everything_that_does_not_fit_is_told_at_once(tmp_path, lang):
    found = {"extra": torch.ones(1), "turned": torch.ones(3, 2), "packed": torch.ones(2, dtype=torch.int8)}
    wanted = {"gone": torch.Size([4]), "turned": torch.Size([2, 3]), "packed": torch.Size([2])}
    with pytest.raises(BundleError) as error:
        check_match(tmp_path / "model.safetensors", found, wanted)
    text = str(error.value)
    assert error.value.code == "E455"
    assert text.count("\n") == 4
    for part in ("gone", "extra", "3 x 2", "2 x 3", "packed", "int8"):
        assert part in text


def test_a_long_list_is_counted_not_printed():
    text = listed([f"line {i}" for i in range(50)], limit=3)
    assert text.count("\n") == 4
    assert "47" in text


def test_infinities_and_what_is_no_number_are_found(tmp_path, lang):
    bad = {"big": torch.tensor([1.0, float("-inf")]), "odd": torch.tensor(float("nan")).bfloat16()}
    good = {"fine": torch.tensor([1e38]), "ids": torch.tensor([1, 2]), "none": torch.zeros(0)}
    check_finite(tmp_path / "model.safetensors", good)
    with pytest.raises(BundleError) as error:
        check_finite(tmp_path / "model.safetensors", {**bad, **good})
    assert error.value.code == "E456"
    assert error.value.values["lines"].split() == ["-", "big", "-", "odd"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_bits_tell_the_finite_from_the_rest(dtype):
    """Every pattern of 16 bits, at the end of the number where sign and exponent stand, against torch's own word."""
    patterns = torch.arange(1 << 16).to(torch.int32).to(torch.int16)
    wide = torch.zeros(1 << 16, dtype.itemsize // 2, dtype=torch.int16)
    wide[:, -1] = patterns
    numbers = wide.view(dtype).flatten()
    sound = numbers.isfinite()
    assert is_finite(numbers[sound]) and is_finite(numbers[sound].view(2, -1).T)
    assert not any(is_finite(number) for number in numbers[~sound][::97])
    assert not is_finite(torch.cat((numbers[sound], numbers[~sound][-1:])))


def test_the_checksum_is_that_of_the_bytes(tmp_path):
    checksum = write_tensors(tmp_path / "x", {"a": torch.arange(10)})
    assert checksum == hashlib.sha256((tmp_path / "x").read_bytes()).hexdigest()
