"""A model written for other programs: shards as transformers makes them, opened there and here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tests.bundle.conftest import tiny

from hanlin.base.errors import BundleError, InputError
from hanlin.bundle.bundle import load_bundle, read_info, save_bundle
from hanlin.bundle.export import export_folder, split
from hanlin.bundle.lineage import Lineage
from hanlin.bundle.sentence import read_sentence
from hanlin.model.transformer import build_model
from hanlin.text.tokenizer import Tokenizer

IDS = torch.arange(6)[None]
INDEX = "model.safetensors.index.json"


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder as transformers writes it."""
    config = transformers.LlamaConfig(
        vocab_size=40,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=16,
        tie_word_embeddings=False,
    )
    torch.manual_seed(1)
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path / "theirs")
    return tmp_path / "theirs"


@pytest.fixture
def own(tmp_path: Path, tokenizer: Tokenizer) -> Path:
    model = build_model(tiny(family="llama"), seed=1)
    scores = {"loss": 1.5}
    return save_bundle(
        tmp_path / "own",
        model=model,
        tokenizer=tokenizer,
        lineage=Lineage("pretrain", 7),
        scores=scores,
        pooling="mean",
    )


def numbers(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor for path in folder.glob("*.safetensors") for name, tensor in load_file(path).items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("size", [1, 2_000, 5_000, 10**9])
def test_shards_open_in_transformers_and_here_with_the_same_numbers(foreign: Path, tmp_path: Path, size: int) -> None:
    made = export_folder(foreign, tmp_path / "out", max_shard_size=size)
    held = {path.name: path.stat().st_size for path in made.path.glob("*.safetensors")}
    assert held.keys() == made.shards.keys() and (len(held) == 1) == (size == 10**9)
    assert same(numbers(made.path), numbers(foreign))
    theirs, before = (transformers.LlamaForCausalLM.from_pretrained(path) for path in (made.path, foreign))
    with torch.inference_mode():
        assert torch.equal(theirs(IDS).logits, before(IDS).logits)
        assert torch.equal(load_bundle(made.path).model(IDS), load_bundle(foreign).model(IDS))


@pytest.mark.parametrize("size", [1, 2_000, 5_000])
def test_the_index_is_that_of_transformers(foreign: Path, tmp_path: Path, size: int) -> None:
    """The same tensors in files of the same names, where they are asked for in the same order; the same sums."""
    export_folder(foreign, tmp_path / "ours", max_shard_size=size)
    model = transformers.LlamaForCausalLM.from_pretrained(foreign)
    model.save_pretrained(tmp_path / "theirs", max_shard_size=size)
    ours, theirs = (json.loads((tmp_path / who / INDEX).read_text()) for who in ("ours", "theirs"))
    assert ours["metadata"] == theirs["metadata"]
    assert ours["weight_map"].keys() == theirs["weight_map"].keys()


def test_no_shard_is_larger_than_asked_for_unless_a_single_tensor_is() -> None:
    shapes = {name: torch.empty(size, device="meta") for name, size in {"a": 10, "b": 10, "c": 99, "d": 1}.items()}
    assert list(split(shapes, 80).values()) == [["a", "b"], ["c"], ["d"]]
    assert list(split(shapes, 10**6)) == ["model.safetensors"]
    assert list(split(shapes, 80))[1] == "model-00002-of-00003.safetensors"


def test_a_bundle_stays_one_and_its_life_goes_on(own: Path, tmp_path: Path) -> None:
    made = export_folder(own, tmp_path / "out", max_shard_size=5_000)
    before, after = read_info(own), read_info(made.path, verify=True)
    assert set(made.shards) | {INDEX, "1_Pooling/config.json", "tokenizer.json"} <= after.checksums.keys()
    assert after.scores == before.scores and after.lineage is not None
    assert (after.lineage.stage, [one.stage for one in after.lineage.earlier]) == ("export", ["pretrain"])
    assert after.lineage.parents == {"model": before.fingerprint} and read_sentence(made.path) == read_sentence(own)
    assert torch.equal(load_bundle(made.path).model(IDS), load_bundle(own).model(IDS))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_another_dtype_is_rounded_once_and_says_what_that_cost(foreign: Path, tmp_path: Path, dtype) -> None:
    made = export_folder(foreign, tmp_path / "out", max_shard_size=5_000, dtype=dtype)
    before, after = numbers(foreign), numbers(made.path)
    assert same(after, {name: tensor.to(dtype) for name, tensor in before.items()})
    whole, wrong = (
        torch.cat([tensor.flatten() for tensor in held]).double()
        for held in (before.values(), [before[name].double() - after[name].double() for name in before])
    )
    assert made.rounding == pytest.approx(float(wrong.norm() / whole.norm()), rel=1e-6)
    config = json.loads((made.path / "config.json").read_text())
    assert config["dtype"] == str(dtype).removeprefix("torch.")
    assert transformers.LlamaForCausalLM.from_pretrained(made.path, dtype="auto").dtype == dtype


def spoil(folder: Path, value: float) -> str:
    """Put a number into a weight; return its name."""
    tensors = load_file(folder / "model.safetensors")
    name = "model.layers.0.mlp.up_proj.weight"
    tensors[name][3, 3] = value
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return name


def test_numbers_that_a_dtype_cannot_hold_are_refused(foreign: Path, tmp_path: Path, lang: str) -> None:
    name = spoil(foreign, 1e6)
    with pytest.raises(BundleError) as caught:
        export_folder(foreign, tmp_path / "out", max_shard_size=10**9, dtype=torch.float16)
    assert caught.value.code == "E481" and name in str(caught.value) and "bfloat16" in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert export_folder(foreign, tmp_path / "out", max_shard_size=10**9, dtype=torch.bfloat16).rounding


def test_what_is_no_number_and_what_is_not_what_was_saved_are_refused(foreign: Path, own: Path, tmp_path: Path) -> None:
    spoil(foreign, float("nan"))
    with (own / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x00")
    for source, code in ((foreign, "E456"), (own, "E452")):
        with pytest.raises(BundleError) as caught:
            export_folder(source, tmp_path / "out", max_shard_size=10**9)
        assert caught.value.code == code and not (tmp_path / "out").exists()


def test_a_folder_of_the_users_is_not_replaced(foreign: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("five years of work")
    with pytest.raises(InputError) as caught:
        export_folder(foreign, tmp_path / "out", max_shard_size=10**9)
    assert caught.value.code == "E117" and (tmp_path / "out" / "thesis.txt").is_file()


def test_pickles_are_left_behind(foreign: Path, tmp_path: Path) -> None:
    tensors = {**load_file(foreign / "model.safetensors"), "model.rotary_emb.inv_freq": torch.tensor(2.0)}
    (foreign / "model.safetensors").unlink()
    torch.save(tensors, foreign / "pytorch_model.bin")
    made = export_folder(foreign, tmp_path / "out", max_shard_size=5_000, pickles=True)
    assert not list(made.path.glob("*.bin")) and same(numbers(made.path), tensors)
