"""Every kind of vocabulary keeps one promise: each text comes back, and none becomes a control token."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Core

from hanlin.base.errors import ConfigError
from hanlin.text.chat import Conversation, Message, Template
from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer import CONTROL, SpecialTokens, Tokenizer
from hanlin.text.tokenizer_train import train_tokenizer

from .conftest import CHINESE, CODE, ENGLISH, TEXTS

KINDS = ("bpe", "wordpiece", "unigram", "byte", "character")
SIZES = {"bpe": 360, "wordpiece": 640, "unigram": 400, "byte": 261, "character": 330}
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SPELLINGS = [
    *CONTROL.values(),
    "<0xE4>",
    "<0x0A>",
    "##",
    "##a",
    "#",
    "Ġ",
    "▁",
    "\0",
    "\r\n",
    "\u2028",
    "  ",
    "好",
    "𠮷",
    "😀",
]
HOSTILE = st.lists(st.sampled_from([*SPELLINGS, "<|", "|>", "im_end", "a", "The", "12"])).map("".join)
every_kind = pytest.mark.parametrize("kind", KINDS)


@functools.cache
def trained(kind: str) -> Tokenizer:
    return train_tokenizer(TEXTS, TokenizerConfig(kind=kind, vocab_size=SIZES[kind]), on_note=lambda note: None)


@every_kind
@given(text=ANY_TEXT | HOSTILE)
def test_every_text_comes_back_whole_and_without_a_control_token(kind: str, text: str) -> None:
    tokenizer = trained(kind)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert not set(range(5)) & set(ids)
    assert b"".join(tokenizer.piece_bytes(id) for id in ids) == text.encode()


@every_kind
@given(texts=st.lists(ANY_TEXT | HOSTILE, max_size=4))
def test_a_batch_is_encoded_as_its_texts_alone(kind: str, texts: list[str]) -> None:
    assert trained(kind).encode_batch(texts) == [trained(kind).encode(text) for text in texts]


@every_kind
def test_control_tokens_have_the_first_ids_and_every_byte_has_one(kind: str) -> None:
    tokenizer = trained(kind)
    assert tokenizer.special == SpecialTokens(0, 1, 2, 3, 4, CONTROL)
    assert tokenizer.encode_template("<|im_start|>user\n") == [3, *tokenizer.encode("user\n")]
    pieces = [tokenizer.piece_bytes(id) for id in range(tokenizer.vocab_size)]
    assert {bytes([byte]) for byte in range(256)} <= set(pieces)
    assert pieces[:5] == [b""] * 5
    assert tokenizer.vocab_size <= SIZES[kind]


@every_kind
@given(said=HOSTILE | ANY_TEXT)
def test_a_conversation_has_only_the_control_tokens_of_its_template(kind: str, said: str) -> None:
    tokenizer = trained(kind)
    template = Template.default(tokenizer.special)
    rendered = template.render(Conversation((Message("user", said), Message("assistant", said))), tokenizer=tokenizer)
    empty = template.render(Conversation((Message("user", "x"), Message("assistant", "x"))), tokenizer=tokenizer)
    control = [id for id in rendered.ids if id < 5]
    assert control == [id for id in empty.ids if id < 5]
    assert control.count(3) == 2


@every_kind
def test_saved_and_loaded_it_is_the_same(kind: str, tmp_path: Path) -> None:
    tokenizer = trained(kind)
    tokenizer.save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert loaded.fingerprint == tokenizer.fingerprint
    assert loaded.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)
    assert [loaded.piece_bytes(id) for id in range(300)] == [tokenizer.piece_bytes(id) for id in range(300)]


@every_kind
def test_another_process_learns_the_same(kind: str) -> None:
    """The library's Unigram trainer sums in any order: its scores differ in the last digits from run to run."""
    code = (
        "from hanlin.text.config import TokenizerConfig\n"
        "from hanlin.text.tokenizer_train import train_tokenizer\n"
        f"config = TokenizerConfig(kind={kind!r}, vocab_size={SIZES[kind]})\n"
        f"print(train_tokenizer({TEXTS[::-1]!r}, config, on_note=lambda note: None).fingerprint)"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == trained(kind).fingerprint


@pytest.mark.peer
@every_kind
def test_transformers_opens_it_and_gives_the_same_ids(kind: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = trained(kind)
    tokenizer.save(tmp_path)
    texts = [
        *TEXTS,
        "  two  spaces\n\n\tand tabs 12345 don't ## #a",
        "混合English文字123号，对吗？𠮷",
        "😀👨‍👩‍👧 <0xE4>",
    ]
    peer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert [peer.encode(text, add_special_tokens=False) for text in texts] == tokenizer.encode_batch(texts)
    assert [peer.decode(ids) for ids in tokenizer.encode_batch(texts)] == texts
    assert (peer.pad_token_id, peer.bos_token_id, peer.eos_token_id) == (0, 1, 2)


def pieces(kind: str, text: str) -> list[str]:
    tokenizer = trained(kind)
    core = json.loads(tokenizer._core.to_str())["model"]["vocab"]
    names = {id: piece for piece, id in core.items()} if isinstance(core, dict) else dict(enumerate(p for p, _ in core))
    return [names[id] for id in tokenizer.encode(text)]


def test_wordpiece_takes_the_longest_piece_first_and_marks_what_goes_on() -> None:
    """Wu et al. 2016, by a plain implementation of their rule."""
    vocab = set(json.loads(trained("wordpiece")._core.to_str())["model"]["vocab"])
    word, expected = "boating", []
    while word:
        mark = "##" if expected else ""
        longest = next(word[:n] for n in range(len(word), 0, -1) if mark + word[:n] in vocab)
        expected.append(mark + longest)
        word = word[len(longest) :]
    assert pieces("wordpiece", "boating") == expected
    assert len(expected) > 1
    assert pieces("wordpiece", "##a") == ["#", "#", "a"]


def test_unigram_takes_the_likeliest_pieces() -> None:
    """Kudo 2018: no other way to cut a word has a better sum of scores; all ways are tried."""
    scores = dict(json.loads(trained("unigram")._core.to_str())["model"]["vocab"])

    def best(word: str) -> float:
        return (
            max(
                (scores[word[:n]] + best(word[n:]) for n in range(1, len(word) + 1) if word[:n] in scores), default=-1e9
            )
            if word
            else 0.0
        )

    for word in (" never", "return", " little", "明月"):
        assert sum(scores[piece] for piece in pieces("unigram", word)) == pytest.approx(best(word))


def test_characters_and_bytes_are_what_they_say() -> None:
    assert pieces("character", "月好") == ["月", "<0xE5>", "<0xA5>", "<0xBD>"]
    assert len(trained("byte").encode(CHINESE)) == len(CHINESE.encode())
    assert trained("byte").encode("\0A") == [trained("byte").encode(letter)[0] for letter in "\0A"]


def test_characters_seen_once_can_be_left_to_their_bytes() -> None:
    config = TokenizerConfig(kind="character", vocab_size=400, min_frequency=2)
    tokenizer = train_tokenizer(["aab"], config, on_note=lambda note: None)
    assert [len(tokenizer.encode(letter)) for letter in "ab"] == [1, 1]
    assert tokenizer.vocab_size == 262


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
def test_no_piece_is_longer_than_allowed(kind: str) -> None:
    config = TokenizerConfig(kind=kind, vocab_size=560, max_token_bytes=6)
    tokenizer = train_tokenizer([(CHINESE + ENGLISH + CODE) * 3], config, on_note=lambda note: None)
    assert max(len(tokenizer.piece_bytes(id)) for id in range(tokenizer.vocab_size)) <= 6


@pytest.mark.parametrize("kind", ["wordpiece", "unigram", "character"])
def test_a_long_line_takes_linear_time(kind: str) -> None:
    """WordPiece looks at every piece of every length: were a line of base64 one word, that would be its square."""
    text = "A" * 200_000 + "好" * 50_000
    assert trained(kind).decode(trained(kind).encode(text)) == text


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("wordpiece", "vocab_size", 500),
        ("unigram", "vocab_size", 261),
        ("unigram", "min_frequency", 3),
        ("byte", "vocab_size", 300),
        ("byte", "digits", 3),
        ("character", "max_token_bytes", 8),
    ],
)
def test_settings_that_do_nothing_or_too_few_entries_are_refused(kind: str, field: str, value: int, lang: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TokenizerConfig(kind=kind, **{field: value})
    assert [problem.name for problem in caught.value.problems] == [field]
    assert kind in str(caught.value)


def test_the_least_vocabulary_of_each_kind_can_be_trained() -> None:
    for kind, least in (("bpe", 261), ("wordpiece", 517), ("unigram", 262), ("byte", 261), ("character", 261)):
        tokenizer = train_tokenizer(["ab"], TokenizerConfig(kind=kind, vocab_size=least))
        assert tokenizer.vocab_size == least
        assert tokenizer.decode(tokenizer.encode("春天 ok")) == "春天 ok"


def test_the_hidden_names_stand_in_no_file(tmp_path: Path) -> None:
    """The wall renames control tokens at random, in memory only."""
    trained("unigram").save(tmp_path)
    core = Core.from_file(str(tmp_path / "tokenizer.json"))
    assert [core.id_to_token(id) for id in range(5)] == list(CONTROL.values())
