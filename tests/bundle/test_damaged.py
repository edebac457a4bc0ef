"""Folders that went wrong on their way or were made to harm: each is refused in one clear sentence."""

from __future__ import annotations

import json
import random
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from tests.bundle.parity import write

from hanlin.base.errors import BundleError, HanlinError, InputError
from hanlin.bundle.bundle import load_bundle, save_bundle
from hanlin.bundle.header import read_header
from hanlin.bundle.lineage import Lineage
from hanlin.life.load import load
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import FAMILIES, choose_family, in_manner
from hanlin.model.transformer import build_model

INDEX = "model.safetensors.index.json"
FUZZED = ("llama", "gpt2", "bert", "t5", "mixtral", "gemma2")


def tiny(family: str) -> ModelConfig:
    sizes: dict[str, Any] = {"vocab_size": 40, "hidden_size": 16, "num_layers": 2, "num_heads": 2, "ffn_size": 24}
    fields = {**FAMILIES[family].preset, **sizes, "max_seq_len": 16, "family": family}
    if "experts" in fields.get("mlp", {}):
        fields["mlp"] = {**fields["mlp"], "experts": {"number": 2, "chosen": 1}}
    return ModelConfig(**in_manner(fields, sizes))


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A sound folder of a family, made once."""
    home = tmp_path_factory.mktemp("whole")

    def made(family: str) -> Path:
        if not (home / family).is_dir():
            config = tiny(family)
            write(home / family, build_model(config, seed=1), config)
        return home / family

    return made


@pytest.fixture
def folder(whole: Callable[[str], Path], tmp_path: Path) -> Path:
    """A copy of a small LLaMA to spoil."""
    return Path(shutil.copytree(whole("llama"), tmp_path / "llama"))


def refused(folder: Path, **options: Any) -> BundleError:
    with pytest.raises(BundleError) as caught:
        load_bundle(folder, **options)
    assert str(folder) in str(caught.value)
    return caught.value


def edit(folder: Path, **settings: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


def rewrite_header(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the table of a safetensors file, its bytes left as they are."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    table = json.loads(data[8 : 8 + length])
    change(table)
    text = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def shard(folder: Path) -> dict[str, str]:
    """Split the weights in two, with an index."""
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, held in shards.items():
        save_file({name: tensors[name] for name in held}, folder / file)
    (folder / "model.safetensors").unlink()
    found = {name: file for file, held in shards.items() for name in held}
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": found}))
    return found


# config.json ---------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*(token|分词)")
def test_a_later_transformers_is_no_reason_and_unknown_settings_are_warned_of(folder: Path, lang: None) -> None:
    edit(folder, transformers_version="99.0.0", flux_capacitor=1.21)
    with pytest.warns(UserWarning, match="flux_capacitor"):
        model = load(folder, exact=True)
    assert model.config.hidden_size == 16


def test_a_setting_that_is_missing_is_named(folder: Path) -> None:
    edit(folder, num_attention_heads=None)
    error = refused(folder)
    assert error.code == "E472" and "num_heads = none" in str(error)


def test_a_folder_without_a_tokenizer_still_gives_logits(folder: Path, lang: None) -> None:
    with pytest.warns(UserWarning, match="token"):
        model = load(folder, exact=True)
    assert model.logits([[1, 2, 3]]).shape == (1, 3, 40)
    with pytest.raises(InputError) as caught:
        model.generate("a")
    assert caught.value.code == "E854"


def test_a_broken_tokenizer_is_one_that_is_not_there(folder: Path) -> None:
    (folder / "tokenizer.json").write_text('{"version": "1.0", "model": {"type": "BPE", "vocab": [1]}}')
    bundle = load_bundle(folder)
    assert bundle.tokenizer is None and "E" not in bundle.info.family
    assert "tokenizer.json" in bundle.info.notes[-1]


@pytest.mark.parametrize(
    ("settings", "code", "named"),
    [
        ({"num_attention_heads": 7}, "E472", "num_heads"),
        ({"num_hidden_layers": -1}, "E472", "num_layers"),
        ({"num_hidden_layers": 10**12}, "E472", "num_layers"),
        ({"num_hidden_layers": 900}, "E473", "900"),
        ({"vocab_size": 9_000_000}, "E455", "9000000 x 16"),
        ({"hidden_size": "sixteen"}, "E472", "hidden_size = 'sixteen' "),
        ({"tie_word_embeddings": "false"}, "E472", "tie_word_embeddings"),
        ({"hidden_size": [16]}, "E472", "hidden_size"),
        ({"rope_parameters": "yes"}, "E472", "rope_parameters"),
        ({"rms_norm_eps": 1e300}, "E472", "norm.eps"),
        ({"hidden_act": "cubic"}, "E472", "cubic"),
        ({"model_type": "lama"}, "E322", "llama"),
        ({"model_type": 3}, "E322", "3"),
        ({"quantization_config": {"quant_method": "gptq"}}, "E474", "gptq"),
    ],
    ids=str,
)
def test_nonsense_in_the_config_is_named(folder: Path, settings: dict[str, Any], code: str, named: str) -> None:
    edit(folder, **settings)
    error = refused(folder)
    assert error.code == code
    assert named in str(error)


def test_a_config_without_a_family_says_what_is_missing(folder: Path) -> None:
    settings = json.loads((folder / "config.json").read_text())
    del settings["model_type"]
    (folder / "config.json").write_text(json.dumps(settings))
    assert refused(folder).code == "E475"


@pytest.mark.parametrize(
    "text", ['{"model_type": "llama", "model_type": "gpt2"}', "[" * 100_000, '{"a": 1' + "0" * 5000 + "}"]
)
def test_json_of_which_programs_would_differ_or_die_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(InputError) as caught:
        load_bundle(folder)
    assert caught.value.code == "E118" and "config.json" in str(caught.value)


def test_a_bundle_of_a_later_hanlin_says_so(tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model(ModelConfig(vocab_size=300, hidden_size=16, num_layers=1, num_heads=2, max_seq_len=16), seed=1)
    monkeypatch.setattr("hanlin.bundle.manifest.FORMAT", 7)
    save_bundle(tmp_path / "b", model=model, tokenizer=tokenizer, lineage=Lineage("pretrain", 1))
    monkeypatch.undo()
    error = refused(tmp_path / "b")
    assert error.code == "E470" and "7" in str(error)


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ((), "E460"),
        (("adapter_config.json", "adapter_model.safetensors"), "E469"),
        (("model-q4_k_m.gguf",), "E471"),
        (("config.json", "adapter_config.json"), "E469"),
    ],
)
def test_an_empty_folder_and_those_of_another_world_are_told_apart(
    tmp_path: Path, names: tuple[str, ...], code: str
) -> None:
    for name in names:
        (tmp_path / name).write_text("{}")
    assert refused(tmp_path).code == code


# safetensors ---------------------------------------------------------------------------------------------------------


def bombs() -> Iterator[tuple[str, bytes]]:
    table = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    yield "length", struct.pack("<Q", 1 << 60) + b"{}"
    yield "length", struct.pack("<Q", 90_000_000) + b"{}"
    yield "short", b"abc"
    yield "json", packed(b"[1")
    yield "json", packed(b"\xff\xfe")
    yield "json", packed(b"[" * 90_000)
    yield "json", packed(b'{"a": {}, "a": {}}')
    yield "entry", packed(b'{"a": 1}')
    yield "entry", packed(json.dumps({"a": {"dtype": "F32", "shape": [2]}}).encode(), 8)
    yield "entry", packed(json.dumps({"a": {**table["a"], "shape": [-2]}}).encode(), 8)
    yield "entry", packed(json.dumps({"a": {**table["a"], "shape": [True]}}).encode(), 8)
    yield "dtype", packed(json.dumps({"a": {**table["a"], "dtype": "F31"}}).encode(), 8)
    yield "dtype", packed(json.dumps({"a": {**table["a"], "dtype": ["F32"]}}).encode(), 8)
    yield "span", packed(json.dumps({"a": {**table["a"], "shape": [10**9, 10**9]}}).encode(), 8)
    yield "span", packed(json.dumps({"a": {**table["a"], "data_offsets": [8, 0]}}).encode(), 8)
    yield "cut", packed(json.dumps(table).encode(), 7)
    yield "rest", packed(json.dumps(table).encode(), 9)
    yield "overlap", packed(json.dumps({**table, "b": table["a"]}).encode(), 8)
    yield "gap", packed(json.dumps({**table, "b": {**table["a"], "data_offsets": [16, 24]}}).encode(), 24)
    yield "pickle", b"PK\x03\x04" + b"\0" * 60
    yield "lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
    yield "gguf", b"GGUF" + b"\0" * 60
    yield "page", b"<!doctype html><html>404</html>"


def packed(header: bytes, num_bytes: int = 0) -> bytes:
    return struct.pack("<Q", len(header)) + header + b"\0" * num_bytes


@pytest.mark.parametrize(("reason", "content"), list(bombs()), ids=lambda part: part if isinstance(part, str) else "")
def test_a_header_is_believed_only_when_all_of_it_is_true(tmp_path: Path, reason: str, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(BundleError) as caught:
        read_header(path)
    assert caught.value.code == "E454"
    assert "model.safetensors" in str(caught.value) and "\n" not in str(caught.value)
    if content.count(b'"a"') < 2:  # of two names the library believes the last; of everything else we are of one mind
        with pytest.raises(SafetensorError):
            safe_open(path, framework="pt").__enter__()


def test_nan_is_found_wherever_its_tensor_ends_up(folder: Path) -> None:
    """One that is taken as it lies, one that is copied, one that is a vector."""
    tensors = load_file(folder / "model.safetensors")
    spoiled = ("model.layers.1.mlp.down_proj.weight", "model.layers.0.self_attn.k_proj.weight", "model.norm.weight")
    for name in spoiled:
        tensors[name].view(-1)[-1] = float("nan")
    save_file(tensors, folder / "model.safetensors")
    for masters in (True, False):
        error = refused(folder, masters=masters)
        assert error.code == "E456"
        assert all(name in str(error) for name in spoiled)


def test_a_shard_that_holds_what_the_index_does_not_know_is_named(folder: Path) -> None:
    found = shard(folder)
    assert torch.isfinite(load_bundle(folder).model(torch.arange(4)[None])).all()
    index = json.loads((folder / INDEX).read_text())
    del index["weight_map"]["model.norm.weight"]
    index["weight_map"]["model.extra.weight"] = found["model.norm.weight"]
    (folder / INDEX).write_text(json.dumps(index))
    error = refused(folder)
    assert error.code == "E466"
    assert "model.norm.weight" in str(error) and "model.extra.weight" in str(error)


def test_an_index_with_a_key_twice_is_refused(folder: Path) -> None:
    shard(folder)
    text = (folder / INDEX).read_text()
    (folder / INDEX).write_text(text.replace('"weight_map"', '"weight_map": {}, "weight_map"'))
    with pytest.raises(InputError) as caught:
        load_bundle(folder)
    assert caught.value.code == "E118" and INDEX in str(caught.value)


def test_a_vocabulary_smaller_than_the_tokenizers_is_refused(folder: Path, tokenizer: Any) -> None:
    tokenizer.save(folder)
    error = refused(folder)
    assert error.code == "E458" and "261" in str(error) and "40" in str(error)


# Anything at all -----------------------------------------------------------------------------------------------------


def spoil_config(path: Path, dice: random.Random) -> None:
    settings = json.loads(path.read_text())
    for _ in range(dice.randint(1, 3)):
        name = dice.choice(sorted(settings))
        odd = [
            None,
            True,
            -1,
            0,
            1.5,
            10**30,
            "",
            "x",
            [],
            {},
            [1],
            {"a": 1},
            1e308,
            settings[dice.choice(sorted(settings))],
        ]
        settings[name] = dice.choice(odd)
        if dice.random() < 0.3:
            del settings[name]
        if not settings:
            break
    path.write_text(json.dumps(settings))


def spoil_header(path: Path, dice: random.Random) -> None:
    def change(table: dict[str, Any]) -> None:
        name = dice.choice(sorted(set(table) - {"__metadata__"}))
        key = dice.choice(["dtype", "shape", "data_offsets"])
        odd = [
            None,
            -1,
            "F64",
            "I8",
            [],
            [0, 1 << 70],
            [1, 1],
            {},
            table[dice.choice(sorted(set(table) - {"__metadata__"}))][key],
        ]
        dice.choice([lambda: table.pop(name), lambda: table[name].__setitem__(key, dice.choice(odd)),
                     lambda: table.__setitem__("new", table[name])])()  # fmt: skip

    rewrite_header(path, change)


def spoil_bytes(path: Path, dice: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(dice.randint(1, 4)):
        data[dice.randrange(min(len(data), 4000))] = dice.randrange(256)
    path.write_bytes(data[: dice.randrange(len(data))] if dice.random() < 0.3 else data)


def variants(number: int, seed: int, whole: Callable[[str], Path], home: Path) -> Iterator[Path]:
    """Folders with one or two things wrong with each."""
    dice = random.Random(seed)
    for at in range(number):
        folder = Path(shutil.copytree(whole(dice.choice(FUZZED)), home / str(at)))
        config, weights = folder / "config.json", folder / "model.safetensors"
        for spoil, path in dice.sample(
            [(spoil_config, config), (spoil_header, weights), (spoil_bytes, weights), (spoil_bytes, config)], k=1
        ):
            spoil(path, dice)
        yield folder
        shutil.rmtree(folder)


def outcome(folder: Path) -> str:
    """ "" where a folder opens and computes, else the code of the sentence. Anything but a sentence is our mistake."""
    try:
        model = load_bundle(folder, masters=False).model
        assert model is not None
    except HanlinError as error:
        first = str(error).partition("\n")[0]
        assert first and error.code, f"{error.key} is no sentence"
        return error.code
    return ""


def test_whatever_stands_in_a_folder_a_sentence_comes_back(whole: Callable[[str], Path], tmp_path: Path) -> None:
    found = [outcome(folder) for folder in variants(120, 20261122, whole, tmp_path)]
    assert len(set(found)) > 5, "the dice reach many kinds of damage"
    assert found.count("") < 80


def test_every_fuzzed_family_opens_whole(whole: Callable[[str], Path]) -> None:
    assert [outcome(whole(family)) for family in FUZZED] == [""] * len(FUZZED)
    assert choose_family(tiny("t5")).name == "t5"
