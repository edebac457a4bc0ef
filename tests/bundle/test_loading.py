"""How weights get from their files into a model: where they lie if they can, in whose dtype, and the same numbers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.bundle.parity import write

from hanlin.bundle import stored
from hanlin.bundle.bundle import load_bundle, save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.bundle.stored import map_tensors
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES
from hanlin.model.transformer import Transformer, build_model

IDS = torch.arange(6)[None]
SIZES = {"vocab_size": 40, "hidden_size": 16, "num_layers": 2, "num_heads": 2, "ffn_size": 24, "max_seq_len": 16}


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """A folder of a family, its numbers of a dtype, its names sorted as transformers writes them."""

    def made(family: str = "llama", dtype: torch.dtype = torch.float32, **sizes: int) -> Path:
        config = ModelConfig(**{**FAMILIES[family].preset, **SIZES, **sizes}, family=family)
        write(tmp_path / family, build_model(config, seed=1), config)
        path = tmp_path / family / "model.safetensors"
        save_file({name: tensor.to(dtype) for name, tensor in load_file(path).items()}, path)
        return tmp_path / family

    return made


def dtypes(model: Transformer) -> set[torch.dtype]:
    return {parameter.dtype for parameter in model.parameters() if parameter.dim() > 1}


def in_file(tensor: torch.Tensor, path: Path) -> bool:
    """Whether a tensor lies in a mapping of a file (Linux says which)."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        start, _, end = line.split()[0].partition("-")
        if str(path) in line and int(start, 16) <= tensor.data_ptr() < int(end, 16):
            return True
    return False


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads Linux's table of mappings")
def test_matrices_stay_in_the_file_unless_they_are_put_together_from_parts_that_lie_apart(folder) -> None:
    path = folder() / "model.safetensors"
    model = load_bundle(path.parent, masters=False).model
    block = model.stack.blocks[0]
    assert in_file(model.embeddings.tokens.weight, path) and in_file(block.mlp.down.weight, path)
    assert in_file(block.mlp.gate_up.weight, path), "gate and up are neighbours"
    assert not in_file(block.attention.qkv.weight, path), "o stands between k, q and v"
    trained = load_bundle(path.parent).model
    assert not any(in_file(parameter, path) for parameter in trained.parameters()), "what is written to is our own"
    assert torch.equal(trained(IDS), model(IDS))


@pytest.mark.parametrize("family", ["llama", "gpt2", "glm", "chatglm2"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_every_family_and_dtype_gives_the_numbers_of_the_file(folder, family, dtype, monkeypatch) -> None:
    """As it lies, copied, turned, in another order, cast, in pieces of a few rows."""
    monkeypatch.setattr(stored, "PIECE", 100)
    path = folder(family, dtype)
    for compute in (torch.float32, torch.bfloat16):
        masters = load_bundle(path, compute_dtype=compute).model
        held = load_bundle(path, compute_dtype=compute, masters=False).model
        assert dtypes(masters) == {torch.float32}
        assert dtypes(held) == {dtype if dtype == compute else torch.float32}
        assert torch.equal(masters(IDS), held(IDS)), "half precision is held where it would be narrowed to anyway"


def test_a_model_that_is_held_in_half_precision_is_saved_with_its_numbers(folder, tmp_path, tokenizer) -> None:
    source = folder("llama", torch.bfloat16, vocab_size=300)
    held = load_bundle(source, compute_dtype=torch.bfloat16, masters=False).model
    save_bundle(tmp_path / "again", model=held, tokenizer=tokenizer, lineage=Lineage("pretrain", 1))
    again = load_bundle(tmp_path / "again", compute_dtype=torch.bfloat16, masters=False).model
    assert torch.equal(again(IDS), held(IDS))
    assert json.loads((tmp_path / "again" / "config.json").read_text())["dtype"] == "bfloat16"


def test_a_header_that_was_not_padded_is_read_all_the_same(tmp_path: Path) -> None:
    table = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]} }'
    assert (8 + len(table)) % 4
    (tmp_path / "x").write_bytes(len(table).to_bytes(8, "little") + table + torch.tensor([1.5, -2.0]).numpy().tobytes())
    (found,) = map_tensors(tmp_path / "x").values()
    assert found.look(slice(0, 2)).tolist() == [1.5, -2.0]


def test_what_a_running_model_lies_in_can_be_replaced_by_a_new_folder(folder, tmp_path: Path) -> None:
    """Our commands replace folders by renaming; the old file lives on as long as somebody maps it."""
    path = folder()
    model = load_bundle(path, masters=False).model
    before = model(IDS)
    shutil.rmtree(path)
    assert torch.equal(model(IDS), before)
