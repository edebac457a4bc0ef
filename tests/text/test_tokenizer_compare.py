"""Figures of vocabularies against closed forms, and against what another implementation counts."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors

from hanlin.base.errors import InputError
from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.tokenizer_compare import (
    entropy,
    measure,
    megabytes_per_second,
    open_vocabulary,
    premiums,
    together,
)
from hanlin.text.tokenizer_train import train_tokenizer

from .conftest import CHINESE, ENGLISH, TEXTS


@pytest.fixture
def folder(tokenizer: Tokenizer, tmp_path: Path) -> Path:
    tokenizer.save(tmp_path / "bpe")
    return tmp_path


def bert(path: Path) -> Path:
    """A vocabulary as BERT has it: lower case, no accents, no white space, [UNK]; and no end of text."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cafe", "##s", ","]
    core = tokenizers.Tokenizer(models.WordPiece({w: n for n, w in enumerate(words)}, unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer(lowercase=True)
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.decoder = decoders.WordPiece()
    core.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    core.add_special_tokens([AddedToken(word, special=True) for word in words[:4]])
    path.mkdir()
    core.save(str(path / "tokenizer.json"))
    return path


def test_every_count_is_that_of_the_tokenizer_itself(folder: Path, tokenizer: Tokenizer) -> None:
    texts = [("zh", CHINESE), ("en", ENGLISH), ("zh", CHINESE * 2)]
    held = measure([open_vocabulary(folder / "bpe")], texts)["bpe"]
    figures = held["zh"].figures()
    num_tokens = 3 * len(tokenizer.encode(CHINESE))
    assert (figures["texts"], figures["characters"], figures["bytes"]) == (
        2,
        3 * len(CHINESE),
        3 * len(CHINESE.encode()),
    )
    assert figures["tokens"] == num_tokens
    assert figures["bytes_per_token"] == pytest.approx(3 * len(CHINESE.encode()) / num_tokens)
    assert (figures["changed"], figures["unknown_rate"]) == (0, 0)
    assert held["en"].figures()["tokens_per_word"] == pytest.approx(
        len(tokenizer.encode(ENGLISH)) / len(ENGLISH.split())
    )
    whole = together(held).figures()
    assert whole["tokens"] == num_tokens + len(tokenizer.encode(ENGLISH))


def test_bytes_cost_exactly_what_bytes_cost(tmp_path: Path) -> None:
    """A vocabulary of bytes leaves everything to the model: its share is one."""
    train_tokenizer(TEXTS, TokenizerConfig(kind="byte")).save(tmp_path / "byte")
    figures = measure([open_vocabulary(tmp_path / "byte")], [("en", ENGLISH * 50)])["byte"]["en"].figures()
    counts = Counter(ENGLISH.encode())
    plain = -sum(n / len(ENGLISH) * math.log2(n / len(ENGLISH)) for n in counts.values())
    assert figures["bits_per_byte"] == pytest.approx(plain, rel=0.01)
    assert figures["share_of_bytes"] == pytest.approx(1)
    assert figures["bytes_per_token"] == 1


@pytest.mark.parametrize(("counts", "bits"), [([7], 0), ([500_000] * 2, 1), ([250_000] * 4 + [0], 2), ([], 0)])
def test_entropy_by_hand(counts: list[int], bits: float) -> None:
    assert entropy(np.array(counts, np.int64)) == pytest.approx(bits, abs=1e-4)


def test_the_correction_brings_little_text_near_the_truth() -> None:
    """300 draws from 64 equally likely symbols: 6 bits. Without the correction it would seem 0.15 less."""
    draw = np.random.default_rng(0)
    counts = [np.bincount(draw.integers(64, size=300), minlength=64) for _ in range(200)]
    plain = [-sum(n / 300 * math.log2(n / 300) for n in one if n) for one in counts]
    assert np.mean(plain) < 5.87
    assert np.mean([entropy(one) for one in counts]) == pytest.approx(6, abs=0.02)


def test_what_a_vocabulary_loses_is_counted_and_shown(folder: Path) -> None:
    vocabularies = [open_vocabulary(folder / "bpe"), open_vocabulary(bert(folder / "bert"))]
    found = measure(vocabularies, [("en", "The  Cafés, xyz"), ("en", "the cafe")])
    lossy = found["bert"]["en"]
    assert (lossy.num_unknown, lossy.num_tokens) == (1, 7)
    assert lossy.num_changed == 1
    assert "'The  Cafés" in lossy.example and "the cafes" in lossy.example
    assert found["bpe"]["en"].num_changed == 0
    assert (vocabularies[1].kind, vocabularies[1].normaliser) == ("WordPiece", "BertNormalizer")
    assert (vocabularies[0].kind, vocabularies[0].normaliser) == ("BPE ByteLevel", "")


def test_control_tokens_in_the_text_are_text(folder: Path) -> None:
    """The count of a page about chat templates must not depend on what the page is about."""
    held = measure([open_vocabulary(folder / "bpe")], [("en", "<|im_end|>")])["bpe"]["en"]
    assert held.num_tokens > 1 and held.num_changed == 0


def test_a_language_without_spaces_has_no_words(folder: Path) -> None:
    held = measure([open_vocabulary(folder / "bpe")], [("ja", "これは"), ("en", "this is")])["bpe"]
    assert held["ja"].figures()["tokens_per_word"] is None
    assert together(held).figures()["tokens_per_word"] is None


def test_premiums_are_tokens_for_the_same_text(folder: Path) -> None:
    held = measure([open_vocabulary(folder / "bpe")], [("en", "a b c d "), ("zh", "甲乙")])["bpe"]
    assert premiums(held, "en") == {"en": 1, "zh": pytest.approx(held["zh"].num_tokens / held["en"].num_tokens)}


def test_two_translations_into_one_language_do_not_count_twice(folder: Path) -> None:
    """Portuguese seemed twice as dear as Spanish: the declarations hold one text of Brazil and one of Portugal."""
    texts = [("en", "one two three "), ("pt", "um dois três "), ("pt", "um dois três ")]
    held = measure([open_vocabulary(folder / "bpe")], texts)["bpe"]
    assert premiums(held, "en")["pt"] == pytest.approx(held["pt"].num_tokens / 2 / held["en"].num_tokens)


def test_speed_is_the_median_of_rounds_in_turns(folder: Path) -> None:
    first, second = open_vocabulary(folder / "bpe"), open_vocabulary(folder / "bpe" / "tokenizer.json").named("again")
    assert second.path.name == "tokenizer.json"
    ticks = iter(itertools.accumulate([1, 2, 0, 4, 0, 3, 0, 5, 0, 9, 0, 6]))
    speeds = megabytes_per_second([first, second], ["a" * 1_000_000], clock=lambda: next(ticks))
    assert speeds == {"bpe": pytest.approx(1 / 3), "again": pytest.approx(1 / 5)}


def test_what_is_no_tokenizer_is_named(tmp_path: Path, lang: str) -> None:
    with pytest.raises(InputError) as caught:
        open_vocabulary(tmp_path)
    assert caught.value.code == "E221"
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": 1}))
    with pytest.raises(InputError) as caught:
        open_vocabulary(tmp_path / "tokenizer.json")
    assert caught.value.code == "E222"


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_can_be_measured(tokenizer: Tokenizer, text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    if not path.exists():
        tokenizer.save(path)
    held = measure([open_vocabulary(path)], [("und", text)])["any"]["und"]
    assert held.num_changed == 0
    assert held.num_bytes == len(text.encode())
    assert all(value is None or value == value for value in held.figures().values())
