"""Encoding, decoding and the wall between user text and control tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers

from hanlin.base.errors import InputError
from hanlin.text.tokenizer import CONTROL, SpecialTokens, Tokenizer

from .conftest import ENGLISH, TEXTS

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
HOSTILE = st.lists(st.sampled_from([*CONTROL.values(), "<|", "|>", "im_end", " ", "好", "\n", "a"])).map("".join)


@given(text=ANY_TEXT | HOSTILE)
def test_every_text_comes_back_whole_and_without_a_control_token(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert not {0, 1, 2, 3, 4} & set(ids)
    assert b"".join(tokenizer.piece_bytes(id) for id in ids) == text.encode()


@given(texts=st.lists(ANY_TEXT | HOSTILE, max_size=5))
def test_a_batch_is_encoded_as_its_texts_alone(tokenizer: Tokenizer, texts: list[str]) -> None:
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]


def test_control_tokens_have_the_first_ids(tokenizer: Tokenizer) -> None:
    assert tokenizer.special == SpecialTokens(0, 1, 2, 3, 4, CONTROL)
    assert tokenizer.encode_template("<|im_start|>user\n") == [3, *tokenizer.encode("user\n")]
    assert tokenizer.encode("<|im_start|>user\n")[0] > 4


def test_all_bytes_are_in_the_vocabulary(tokenizer: Tokenizer) -> None:
    assert {tokenizer.piece_bytes(id) for id in range(5, 261)} == {bytes([byte]) for byte in range(256)}
    assert [tokenizer.piece_bytes(id) for id in (*range(5), tokenizer.vocab_size, 10**9, -1)] == [b""] * 8


def test_decode_shows_control_tokens_only_when_asked(tokenizer: Tokenizer) -> None:
    ids = [1, *tokenizer.encode("好"), 2]
    assert tokenizer.decode(ids) == "好"
    assert tokenizer.decode(ids, skip_special=False) == "<|bos|>好<|eos|>"
    assert tokenizer.decode(tokenizer.encode("好")[:1] if len(tokenizer.encode("好")) > 1 else [5 + 0xE4]) == "\ufffd"


@pytest.mark.parametrize("half", ["\ud83d", "\ude00"])
def test_a_lone_surrogate_is_named_with_its_place(tokenizer: Tokenizer, lang: str, half: str) -> None:
    for encode in (tokenizer.encode, tokenizer.encode_template, lambda text: tokenizer.encode_batch(["fine", text])):
        with pytest.raises(InputError) as caught:
            encode(f"ab{half}c")
        assert caught.value.code == "E220"
        assert caught.value.values == {"place": 2, "character": f"U+{ord(half):04X}"}
        assert "U+D" in str(caught.value)


def test_saved_and_loaded_it_is_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert loaded.special == tokenizer.special
    assert loaded.fingerprint == tokenizer.fingerprint
    assert loaded.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again" / "tokenizer.json").read_bytes() == (tmp_path / "tokenizer.json").read_bytes()


def test_the_fingerprint_follows_the_vocabulary(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    state = json.loads(path.read_text("utf-8"))
    state["model"]["merges"].pop()
    path.write_text(json.dumps(state), "utf-8")
    assert Tokenizer.load(tmp_path).fingerprint != tokenizer.fingerprint


def test_a_folder_without_tokenizer_and_a_damaged_one(tmp_path: Path, lang: str) -> None:
    with pytest.raises(InputError) as caught:
        Tokenizer.load(tmp_path)
    assert (caught.value.code, caught.value.values["path"]) == ("E221", tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer.json").write_text('{"model":')
    with pytest.raises(InputError) as caught:
        Tokenizer.load(tmp_path)
    assert caught.value.code == "E222"
    assert str(tmp_path) in str(caught.value)


def test_a_foreign_tokenizer_without_an_end_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        Tokenizer(tokenizers.Tokenizer(models.BPE()))
    assert caught.value.code == "E223"


def foreign(*added: AddedToken, vocab: dict[str, int] | None = None) -> tokenizers.Tokenizer:
    core = tokenizers.Tokenizer(models.BPE(vocab=vocab or {"a": 0, "b": 1}, merges=[]))
    core.decoder = decoders.ByteLevel()
    core.add_tokens(list(added))
    return core


def test_missing_control_tokens_have_stand_ins() -> None:
    end = AddedToken("<|endoftext|>", special=True)
    special = Tokenizer(foreign(end), {"eos_token": {"content": "<|endoftext|>"}, "bos_token": None}).special
    assert (special.pad, special.bos, special.eos, special.im_start, special.im_end) == (2, 2, 2, 2, 2)


def test_foreign_markers_are_control_tokens_and_plain_additions_are_not() -> None:
    """Some publishers add <think> without marking it special; runs of spaces are added tokens as well, but plain."""
    added = AddedToken("<|endoftext|>", special=True), AddedToken("<think>", special=False), AddedToken("   ")
    tokenizer = Tokenizer(foreign(*added), {"eos_token": "<|endoftext|>"})
    assert tokenizer.encode_template("a<think>b   a") == [0, 3, 1, 4, 0]
    assert tokenizer.encode("a<think>b   a") == [0, 1, 4, 0]
    assert tokenizer.piece_bytes(3) == b""


def test_a_unigram_vocabulary_cannot_spell_its_control_tokens() -> None:
    """SentencePiece vocabularies list "</s>" among the pieces, where plain text could match it."""
    pieces = [("<unk>", 0.0), ("</s>", 0.0), *((character, -1.0) for character in "</s>")]
    core = tokenizers.Tokenizer(models.Unigram(pieces, 0))
    core.add_special_tokens(["<unk>", "</s>"])
    tokenizer = Tokenizer(core, {"eos_token": "</s>"})
    assert tokenizer.encode_template("</s>") == [1]
    assert tokenizer.encode("</s>") == [2, 3, 4, 5]


def test_sentencepiece_bytes() -> None:
    core = foreign(AddedToken("</s>", special=True), vocab={"▁a": 0, "<0xE4>": 1})
    core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    core.normalizer = normalizers.Replace(" ", "▁")
    tokenizer = Tokenizer(core, {"eos_token": "</s>"})
    assert [tokenizer.piece_bytes(id) for id in range(3)] == [b" a", b"\xe4", b""]


def test_a_foreign_configuration_is_kept(tmp_path: Path) -> None:
    end = AddedToken("</s>", special=True)
    Tokenizer(foreign(end), {"eos_token": "</s>", "model_max_length": 7}).save(tmp_path)
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["model_max_length"] == 7
    assert Tokenizer.load(tmp_path).special.eos == 2


def test_length_settings_of_a_foreign_file_do_not_cut_text(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    core = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    core.enable_truncation(2)
    core.enable_padding(length=99)
    core.save(str(tmp_path / "tokenizer.json"))
    assert Tokenizer.load(tmp_path).encode(ENGLISH) == tokenizer.encode(ENGLISH)


@pytest.mark.peer
@pytest.mark.parametrize("model_type", [None, "llama", "qwen3", "gpt2"])
def test_transformers_gives_the_same_ids(tokenizer: Tokenizer, tmp_path: Path, model_type: str | None) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer.save(tmp_path)
    if model_type:
        (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    texts = [*TEXTS, "  two  spaces\n\n\tand tabs 12345 don't", "混合English文字123号，对吗？", "😀👨‍👩‍👧"]
    for cls in (transformers.AutoTokenizer, transformers.PreTrainedTokenizerFast):
        peer = cls.from_pretrained(tmp_path)
        assert [peer.encode(text, add_special_tokens=False) for text in texts] == tokenizer.encode_batch(texts)
        assert [peer.decode(ids) for ids in tokenizer.encode_batch(texts)] == texts
        assert (peer.pad_token_id, peer.bos_token_id, peer.eos_token_id) == (0, 1, 2)
        assert peer.convert_tokens_to_ids("<|im_end|>") == 4


@pytest.mark.peer
def test_naughty_strings_come_back(tokenizer: Tokenizer, test_data: Path) -> None:
    rows = (test_data / "wordlists" / "naughty-strings.jsonl").read_text("utf-8").split("\n")
    texts = [json.loads(row)["text"] for row in rows if row]
    assert len(texts) > 500
    assert [tokenizer.decode(ids) for ids in tokenizer.encode_batch(texts)] == texts
