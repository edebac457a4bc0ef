"""`hanlin tokenizer train`: what stands at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

import hanlin
from hanlin.base.errors import InputError


def test_the_folder_of_a_model_is_not_replaced(tmp_path: Path) -> None:
    """A model's folder holds a tokenizer too, so that its own mark would have given the weights away."""
    (tmp_path / "a.txt").write_text("one two three\n\nfour five six\n")
    model = tmp_path / "model"
    model.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (model / name).write_text(name)
    with pytest.raises(InputError) as caught:
        hanlin.train_tokenizer(data=(tmp_path / "a.txt",), out=model, vocab_size=300)
    assert caught.value.code == "E898" and str(model) in str(caught.value)
    assert sorted(file.name for file in model.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]


def test_an_older_vocabulary_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one two three\n\nfour five six\n")
    made = [
        hanlin.train_tokenizer(data=(tmp_path / "a.txt",), out=tmp_path / "t", vocab_size=size) for size in (290, 300)
    ]
    assert made[0].path == made[1].path
    assert hanlin.Tokenizer.load(made[1].path).vocab_size <= 300
