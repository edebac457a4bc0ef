"""`hanlin export` from the keyboard and from Python."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

import hanlin
from hanlin.base.errors import ConfigError


def test_a_bundle_in_shards_opens_everywhere(folder: Path, tmp_path: Path, lang: str) -> None:
    made = hanlin.export(str(folder), out=tmp_path / "out", max_shard_size="20KB")
    assert made.path == tmp_path / "out" and len(made.report["files"]) > 1 and made.report["rounding"] is None
    assert all((made.path / name).stat().st_size for name in made.report["files"])
    assert str(made.path) in made.lines[0] and len(made.lines) == 1
    ids = torch.arange(9)[None]
    ours, before = (hanlin.load(path, device="cpu", exact=True).logits(ids) for path in (made.path, folder))
    theirs = transformers.AutoModelForCausalLM.from_pretrained(made.path)
    assert torch.equal(ours, before)
    with torch.inference_mode():
        assert torch.allclose(theirs(ids).logits, before, atol=1e-5)
    assert hanlin.load(made.path).tokenizer.encode("你好") == hanlin.load(folder).tokenizer.encode("你好")


def test_another_dtype_says_what_it_cost(folder: Path, tmp_path: Path, lang: str) -> None:
    made = hanlin.export(str(folder), out=tmp_path / "out", dtype="bfloat16")
    assert made.report["files"] == ["model.safetensors"]
    assert 1e-4 < made.report["rounding"] < 2**-8, "half a step of 8 bits at most"
    assert "bfloat16" in made.lines[1] and f"{made.report['rounding']:.2g}" in made.lines[1]


@pytest.mark.parametrize("size", ["0", "many", "-5GB"])
def test_a_size_that_is_none_is_refused(folder: Path, tmp_path: Path, size: str) -> None:
    with pytest.raises(ConfigError, match="max_shard_size"):
        hanlin.export(str(folder), out=tmp_path / "out", max_shard_size=size)
