"""Word vectors: what they learn from a text with a known structure, and what a folder of them holds."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import InputError, MissingExtra
from hanlin.text.vectors.config import VectorsConfig
from hanlin.text.vectors.table import WEIGHTS, WORDS, WordVectors, words_of
from hanlin.text.vectors.train import LONGEST, train_vectors

SMALL = {"width": 16, "min_count": 2, "epochs": 15, "window": 3, "subsample": 0.0}
FRUIT, TOOLS = ("apple", "pear", "plum", "peach"), ("hammer", "saw", "drill", "wrench")


def two_worlds(number: int = 600) -> list[tuple[str, str]]:
    """Sentences about fruit and sentences about tools: words of one world are exchangeable, those of two never meet."""
    dice = random.Random(3)
    texts = []
    for _ in range(number):
        words, frame = dice.choice(
            [(FRUIT, "we eat a ripe {} with the sweet {} today"), (TOOLS, "they hit nails by {} near an iron {} there")]
        )
        texts.append((frame.format(*dice.sample(words, 2)), "en"))
    return texts


def train(tmp_path: Path, texts: list[tuple[str, str]], **settings: object) -> WordVectors:
    return train_vectors(texts, VectorsConfig(**{**SMALL, **settings}), tmp_path / "spool")[0]


@pytest.mark.parametrize("algorithm", ["skipgram", "cbow"])
def test_words_of_one_world_are_neighbours(tmp_path: Path, algorithm: str) -> None:
    settings = {"learning_rate": 0.1} if algorithm == "cbow" else {}
    vectors = train(tmp_path, two_worlds(), algorithm=algorithm, **settings)
    for group in (FRUIT, TOOLS):
        for word in group:
            assert {near.word for near in vectors.neighbours(word, 3)} == set(group) - {word}


def test_the_same_settings_give_the_same_vectors(tmp_path: Path) -> None:
    one, two = (train(tmp_path, two_worlds(100), seed=5) for _ in range(2))
    assert one.words == two.words
    assert np.array_equal(one.vectors, two.vectors)
    assert not np.array_equal(one.vectors, train(tmp_path, two_worlds(100), seed=6).vectors)


def test_chinese_comes_in_words_and_rare_ones_are_counted(tmp_path: Path) -> None:
    texts = [("我们在北京大学学习自然语言处理。", "zh")] * 5 + [("一个罕见词出现一次。", "zh"), ("ภาษาไทย", "th")]
    vectors, read = train_vectors(texts, VectorsConfig(**SMALL), tmp_path / "spool")
    assert "北京大学" in vectors
    assert "。" not in vectors
    assert read.num_unspaced == 1
    assert read.num_rare == read.num_kinds - len(vectors.words) > 0
    assert read.num_words == 5 * len(words_of(texts[0][0])) + len(words_of(texts[5][0]))
    assert vectors.counts[vectors.words.index("北京大学")] == 5


def test_no_word_is_lost_behind_the_longest_sentence(tmp_path: Path) -> None:
    """gensim reads the first 10,000 words of a sentence and says nothing of the rest."""
    vectors, read = train_vectors(
        [("filler " * LONGEST + "apple pear " * 50, "en")], VectorsConfig(**{**SMALL, "epochs": 1}), tmp_path / "spool"
    )
    sentences = [json.loads(line) for line in (tmp_path / "spool").read_text().splitlines()]
    assert [len(words) for words in sentences] == [LONGEST, 100]
    assert read.num_words == LONGEST + 100
    assert set(vectors.words) == {"filler", "apple", "pear"}


def test_too_little_text_is_one_sentence(tmp_path: Path, lang: str) -> None:
    with pytest.raises(InputError) as caught:
        train(tmp_path, [("each word once", "en")])
    assert caught.value.code == "E288"


def test_without_gensim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    monkeypatch.setitem(sys.modules, "gensim", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as caught:
        train(tmp_path, two_worlds(10))
    assert (caught.value.code, caught.value.exit_code) == ("E289", 4)
    assert "hanlin[vectors]" in str(caught.value)


# ---------------------------------------------------------------- a table made by hand


def table() -> WordVectors:
    """king - man + woman = queen, as text books draw it."""
    words = ("king", "queen", "man", "woman", "boat")
    vectors = np.array([[1, 1, 0], [1, -1, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1]], np.float32)
    return WordVectors(words, vectors, np.array([10, 10, 40, 40, 900], np.int64))


def test_neighbours_by_cosine() -> None:
    near = table().neighbours("king", 10)
    assert [one.word for one in near][:1] == ["man"]
    assert near[0].similarity == pytest.approx(1 / np.sqrt(2), abs=1e-6)
    assert len(near) == 4, "the word itself is not its neighbour"


def test_analogies_leave_the_question_out() -> None:
    assert table().analogy("man", "king", "woman", 1)[0].word == "queen"
    assert len(table().analogy("man", "king", "woman", 10)) == 2


def test_means_and_what_common_words_weigh() -> None:
    vectors = table()
    assert np.allclose(vectors.mean("King, queen!"), [1, 0, 0])
    assert not vectors.mean("nothing known").any()
    share = 900 / 1000
    weights = np.array([1e-3 / (1e-3 + 0.01), 1e-3 / (1e-3 + share)])
    expected = (weights[:, None] * vectors.vectors[[0, 4]]).sum(0) / weights.sum()
    assert np.allclose(vectors.mean("king boat", is_smooth=True), expected, atol=1e-6)
    assert vectors.unknown_share(["king of spain"]) == pytest.approx(2 / 3)


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    table().save(tmp_path / "v", {"settings": {"width": 3}})
    again = WordVectors.load(tmp_path / "v")
    assert again.words == table().words
    assert np.array_equal(again.vectors, table().vectors)
    assert np.array_equal(again.counts, table().counts)
    assert again.info["settings"] == {"width": 3}
    assert sorted(path.name for path in (tmp_path / "v").iterdir()) == [WORDS, WEIGHTS]


@pytest.mark.parametrize("damage", ["none", "words", "weights", "short", "list"])
def test_what_is_no_table_is_refused(tmp_path: Path, damage: str, lang: str) -> None:
    folder = tmp_path / "v"
    if damage != "none":
        table().save(folder, {})
    if damage == "words":
        (folder / WORDS).write_text("{broken")
    if damage == "list":
        (folder / WORDS).write_text("[1]")
    if damage == "weights":
        data = bytearray((folder / WEIGHTS).read_bytes())
        data[-1] ^= 1
        (folder / WEIGHTS).write_bytes(data)
    if damage == "short":
        (folder / WORDS).write_text((folder / WORDS).read_text().replace('"king",', ""))
    with pytest.raises(InputError) as caught:
        WordVectors.load(folder)
    assert caught.value.code == "E233"


@given(st.text(max_size=80))
def test_every_text_has_a_mean(text: str) -> None:
    mean = table().mean(text)
    assert mean.shape == (3,)
    assert np.isfinite(mean).all()
