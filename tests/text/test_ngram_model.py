"""N-gram models in files: the same answers as the equations, as nltk and as KenLM, and refusals with numbers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from hanlin.base.errors import InputError, MachineError
from hanlin.text.document import Document
from hanlin.text.ngram_model import NgramModel, Score, train_ngram_model, training_bytes
from hanlin.text.tokenizer import Tokenizer

LINES = [
    "the little boat went out to sea",
    "the little cat sat on the mat",
    "床前明月光疑是地上霜",
    "举头望明月低头思故乡",
    "the cat saw the sea and the boat",
]


def documents(texts: list[str] = LINES) -> list[Document]:
    return [Document(text, str(n), "s", "zh" if ord(text[0]) > 0x4E00 else "en") for n, text in enumerate(texts)]


def model(order: int = 3, texts: list[str] = LINES) -> NgramModel:
    return train_ngram_model(lambda: documents(texts), order=order)


def test_scores_add_up_to_what_the_counts_say() -> None:
    trained = model()
    (ids,) = trained.units.encode(["the cat"])
    score = trained.score("the cat")
    assert score.bits == pytest.approx(-trained.counts.log2prob(ids).sum())
    assert (score.units, score.characters, score.bytes) == (8, 7, 7), "seven characters and the end"
    assert score.perplexity == pytest.approx(2 ** (score.bits / 8))
    assert score.bits_per_byte == pytest.approx(score.bits / 7)


def test_bytes_are_those_of_utf8() -> None:
    score = model().score("明月")
    assert (score.characters, score.bytes) == (2, 6)
    assert score.bits_per_character == pytest.approx(3 * score.bits_per_byte)


def test_an_unknown_character_costs_what_is_left_of_unicode() -> None:
    trained = model()
    (ids,) = trained.units.encode(["𠀀"])
    expected = -trained.counts.log2prob(ids).sum() + math.log2(0x110000 - 0x800 - len(trained.units.arrays()["codes"]))
    assert trained.score("𠀀").bits == pytest.approx(expected)


def test_all_texts_of_one_character_share_one() -> None:
    """Known characters, unknown ones and the empty text: what follows the beginning adds up to 1."""
    trained = model()
    known = [chr(code) for code in trained.units.arrays()["codes"]]
    history = trained.units.encode([""])[0][:1]
    first = [2 ** trained.counts.log2prob([*history, id])[-1] for id in range(trained.units.vocab_size)]
    assert sum(first) == pytest.approx(1, abs=1e-5)
    assert len(first) == len(known) + 3


def test_many_texts_together_score_as_alone() -> None:
    trained = model()
    together = list(trained.scores([*LINES, "", "𠀀"]))
    assert together == [trained.score(text) for text in [*LINES, "", "𠀀"]]


def test_scores_add() -> None:
    trained = model()
    one, other = trained.score("the cat"), trained.score("明月")
    assert one + other == Score(one.bits + other.bits, one.units + other.units, 9, 13)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_a_file_gives_the_same_scores(tmp_path: Path, order: int) -> None:
    trained = model(order)
    trained.save(tmp_path / "m.ngram")
    again = NgramModel.load(tmp_path / "m.ngram")
    assert list(again.scores(LINES)) == list(trained.scores(LINES))
    assert again.origin == trained.origin
    assert again.counts.num_ngrams == trained.counts.num_ngrams
    assert again.languages == {"zh", "en"}


def test_a_file_with_a_vocabulary_needs_no_other(tmp_path: Path, tokenizer: Tokenizer) -> None:
    trained = train_ngram_model(documents, order=3, tokenizer=tokenizer)
    trained.save(tmp_path / "m.ngram")
    again = NgramModel.load(tmp_path / "m.ngram")
    assert list(again.scores(LINES)) == list(trained.scores(LINES))
    assert again.score("the").units == len(tokenizer.encode("the")) + 1


def test_the_same_text_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        model().save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_an_even_share_is_taken_of_more_than_may_be(tmp_path: Path) -> None:
    texts = [f"document number {number}, {number * 7919 % 1000}" for number in range(2000)]
    size = sum(len(text) for text in texts)
    trained = train_ngram_model(lambda: documents(texts), order=2, most_bytes=size // 4)
    assert trained.origin.share == pytest.approx(0.25, abs=0.001)
    assert sum(trained.origin.documents.values()) == pytest.approx(500, abs=60)
    assert train_ngram_model(lambda: documents(texts), order=2, most_bytes=size).origin.share == 1


def test_what_does_not_fit_is_refused_with_the_bytes_it_needs(lang: str) -> None:
    units = sum(len(text) + 2 for text in LINES)
    needed = training_bytes(units, 3)
    assert train_ngram_model(documents, order=3, memory=needed)
    with pytest.raises(MachineError) as caught:
        train_ngram_model(documents, order=3, memory=needed - 1)
    assert caught.value.code == "E257"
    assert caught.value.values["units"] == units
    assert caught.value.values["needed"] == pytest.approx(needed / 1e9)


def test_memory_stays_under_what_was_said() -> None:
    """Text in which nearly every 5-gram is different, the worst there is."""
    import tracemalloc

    rng = np.random.default_rng(1)
    texts = ["".join(map(chr, rng.integers(0x4E00, 0x5200, 20_000))) for _ in range(10)]
    read = [Document(text, str(n), "s", "zh") for n, text in enumerate(texts)]
    tracemalloc.start()
    train_ngram_model(lambda: read, order=5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < training_bytes(200_000, 5) + 20e6, "20 MB for counting characters, whatever the text"


def test_nothing_to_read_is_said() -> None:
    with pytest.raises(InputError) as caught:
        train_ngram_model(list, order=2)
    assert caught.value.code == "E228"


def test_languages_hardly_read_are_not_known() -> None:
    texts = [f"number {n}" for n in range(200)] + ["床前明月光"]
    assert model(2, texts).languages == {"en"}


def test_nltk_agrees_where_both_smooth_alike() -> None:
    """nltk's Kneser-Ney has one discount and no uniform floor; ours has three and one below the single tokens.

    In this text every bigram and trigram occurs once, so that all discounts are 0.5; nltk is told our single tokens.
    Documents begin differently in both, so histories are taken from their middles.
    """
    lm = pytest.importorskip("nltk.lm", reason="nltk is the oracle: pip install nltk")
    texts = ["abcdefgh", "hgfedcba"]
    trained = model(3, texts)
    theirs = lm.KneserNeyInterpolated(3, discount=0.5)
    theirs.fit([_grams(["<s>", *text, "</s>"]) for text in texts], [*"abcdefgh", "</s>", "<s>"])
    theirs.estimator.unigram_score = lambda word: _chance(trained, word, "")
    for history in ("bc", "cd", "gf", "ed", "c", "f"):
        for word in "abcdefgh":
            expected = theirs.score(word, list(history))
            assert _chance(trained, word, history) == pytest.approx(expected, rel=1e-5), (history, word)


def _grams(words: list[str]) -> list[tuple[str, ...]]:
    """All n-grams up to three, single words without the begin mark, which is never foretold."""
    grams = [tuple(words[at : at + n]) for n in (1, 2, 3) for at in range(len(words) - n + 1)]
    return [gram for gram in grams if gram != ("<s>",)]


def _chance(trained: NgramModel, word: str, history: str) -> float:
    """The probability of a character after others that are no beginning of a document."""
    ids = trained.units.encode([history + word])[0][1:-1].tolist()
    # A history of one more unit than the order holds keeps the ids from standing at the beginning; an unknown one
    # was never seen before anything, so nothing is known of longer histories.
    return float(2 ** trained.counts.log2prob([2, 2, *ids])[-1])
