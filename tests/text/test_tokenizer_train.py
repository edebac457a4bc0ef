"""What a trained vocabulary promises: the same from the same text, nothing silent, Chinese as dear as English."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers

from hanlin.base.errors import ConfigError, InputError
from hanlin.text.config import TokenizerConfig
from hanlin.text.document import Document
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.tokenizer_train import Fertility, characters_per_token, even_sample, train_tokenizer

from .conftest import CHINESE, ENGLISH, TEXTS

SMALL = TokenizerConfig(vocab_size=330)


def tokens(tokenizer: Tokenizer, text: str) -> list[str]:
    return [tokenizer.piece_bytes(id).decode("utf-8", "replace") for id in tokenizer.encode(text)]


def test_equal_texts_in_any_order_give_equal_vocabularies() -> None:
    first, again, other = (train_tokenizer(t, SMALL) for t in (TEXTS, TEXTS[::-1], [ENGLISH, *TEXTS]))
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_another_process_learns_the_same() -> None:
    code = (
        "from hanlin.text.config import TokenizerConfig\n"
        "from hanlin.text.tokenizer_train import train_tokenizer\n"
        f"print(train_tokenizer({TEXTS!r}, TokenizerConfig(vocab_size=330)).fingerprint)"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == train_tokenizer(TEXTS, SMALL).fingerprint


def test_the_size_asked_for_is_the_size_given() -> None:
    assert train_tokenizer(TEXTS, SMALL).vocab_size == 330
    assert train_tokenizer(["a"], TokenizerConfig(vocab_size=261)).vocab_size == 261


def test_a_vocabulary_the_text_cannot_fill_is_said(lang: str) -> None:
    notes: list[str] = []
    tokenizer = train_tokenizer(["abab" * 3], TokenizerConfig(), on_note=notes.append)
    assert len(notes) == 1
    assert all(str(size) in notes[0] for size in (6400, tokenizer.vocab_size))
    assert 261 < tokenizer.vocab_size < 300
    with pytest.warns(UserWarning, match="6400"):
        train_tokenizer(["abab" * 3], TokenizerConfig())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_tokenizer(TEXTS, SMALL)


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_no_text_at_all_is_an_error(texts: list[str], lang: str) -> None:
    with pytest.raises(InputError) as caught:
        train_tokenizer(texts, SMALL)
    assert caught.value.code == "E224"
    assert str(caught.value)


def test_a_lone_surrogate_among_the_texts_is_an_error() -> None:
    with pytest.raises(InputError) as caught:
        train_tokenizer([ENGLISH, "a\ud800"], SMALL)
    assert caught.value.code == "E220"


@pytest.mark.parametrize(("field", "value"), [("vocab_size", 260), ("digits", 0), ("digits", 4), ("sample_chars", 1)])
def test_settings_out_of_range_are_refused(field: str, value: int) -> None:
    with pytest.raises(ConfigError) as caught:
        TokenizerConfig(**{field: value})
    assert [problem.name for problem in caught.value.problems] == [field]


def test_han_and_latin_and_digits_never_share_a_token() -> None:
    text = "用Python3处理2024年的数据\n"
    tokenizer = train_tokenizer([text * 50], TokenizerConfig(vocab_size=400), on_note=lambda note: None)
    assert tokens(tokenizer, text) == ["用", "Python", "3", "处理", "2", "0", "2", "4", "年的数据", "\n"]


@pytest.mark.parametrize(("digits", "expected"), [(1, "1|2|3|4|5"), (2, "12|34|5"), (3, "123|45")])
def test_digits_stand_in_groups(digits: int, expected: str) -> None:
    config = TokenizerConfig(vocab_size=300, digits=digits)
    tokenizer = train_tokenizer(["12345\n" * 50], config, on_note=lambda note: None)
    assert tokens(tokenizer, "12345") == expected.split("|")


def test_one_digit_per_token_is_what_a_split_by_three_gives_as_well(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """llama.cpp knows the split with groups of three: without merges between digits the ids are equal."""
    tokenizer.save(tmp_path)
    core = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    splits = list(core.pre_tokenizer)[1:]
    core.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"), *splits])
    for text in ("1234567 and 89", "第123回", "x１２３y"):
        assert core.encode(text).ids == tokenizer.encode(text)


def test_no_token_is_longer_than_allowed() -> None:
    config = TokenizerConfig(vocab_size=300, max_token_bytes=6)
    tokenizer = train_tokenizer(["ab" * 40 + "\n", "ab" * 40 + "\n\n"], config, on_note=lambda note: None)
    assert max(len(tokenizer.piece_bytes(id)) for id in range(tokenizer.vocab_size)) <= 6


def test_of_too_much_text_an_even_sample_is_learned_from() -> None:
    texts = [f"{word} " * 40 for word in ("alpha", "beta", "gamma", "delta", "omega", "sigma", "theta", "kappa")]
    config = TokenizerConfig(vocab_size=400, sample_chars=1000)
    few, again = (train_tokenizer(t, config, on_note=lambda note: None) for t in (texts, texts[::-1]))
    every = train_tokenizer(texts, TokenizerConfig(vocab_size=400), on_note=lambda note: None)
    assert few.fingerprint == again.fingerprint
    assert 261 < few.vocab_size < every.vocab_size


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_it_learned_from_every_text_comes_back(text: str) -> None:
    tokenizer = train_tokenizer([text or " "], TokenizerConfig(vocab_size=280), on_note=lambda note: None)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_characters_per_token_by_language(tokenizer: Tokenizer) -> None:
    documents = [Document(text, "", "", lang) for text, lang in ((CHINESE, "zh"), (ENGLISH, "en"), (CHINESE, "zh"))]
    measured = characters_per_token(tokenizer, documents)
    num_tokens = 2 * len(tokenizer.encode(CHINESE))
    assert list(measured) == ["en", "zh"]
    assert measured["zh"] == Fertility(2 * len(CHINESE), 2 * len(CHINESE.encode()), num_tokens)
    assert measured["zh"].characters_per_token == pytest.approx(2 * len(CHINESE) / num_tokens)
    assert measured["en"].bytes_per_token == pytest.approx(len(ENGLISH) / len(tokenizer.encode(ENGLISH)))
    assert characters_per_token(tokenizer, [Document("", "", "", "other")])["other"].characters_per_token == 0


def test_an_even_sample_takes_every_language_from_all_of_the_corpus() -> None:
    documents = [Document(f"text {number}", str(number), "s", "zh" if number < 900 else "en") for number in range(1000)]
    sample = even_sample(documents, 20)
    numbers = [int(document.id) for document in sample]
    assert [document.lang for document in sample] == ["en"] * 20 + ["zh"] * 20
    assert max(numbers[20:]) > 600 and min(numbers[20:]) < 300
    assert {document.id for document in even_sample(reversed(documents), 20)} == {str(number) for number in numbers}
    assert len(even_sample([*documents[:3], *documents[:3]], 20)) == 6
