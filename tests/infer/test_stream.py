"""What a reader sees while an answer grows."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.infer.stream import TextStream

FAMILY, FLAG, WAVE, HEART = "👨‍👩‍👧‍👦", "🇨🇳", "👋🏽", "❤️"
EMOJI = [FAMILY, FLAG, WAVE, HEART, "😀", "🏳️‍🌈", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]


class Pieces:
    """Each token is whatever bytes the test cut."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def piece_bytes(self, id: int) -> bytes:
        return self.pieces[id]


def stream(pieces: list[bytes], stop: tuple[str, ...] = ()) -> tuple[list[str], str, bool]:
    """What each push gave, what flush gave, and whether a stop string was met."""
    text = TextStream(Pieces(pieces), stop=stop)
    pushed = [text.push(id) for id in range(len(pieces))]
    return pushed, text.flush(), text.stopped


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """`data` in pieces, cut at `places`."""
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def test_a_chinese_character_of_three_tokens_comes_whole():
    assert stream([b"\xe4", b"\xbd", b"\xa0", b"\xe5\xa5\xbd"]) == (["", "", "你", "好"], "", False)


def test_an_emoji_waits_for_what_may_belong_to_it():
    pieces = ["👨".encode(), "‍".encode(), "👩".encode(), b"!"]
    assert stream(pieces)[0] == ["", "", "", "👨‍👩!"]
    assert stream(["👋".encode(), "🏽".encode(), b" hi"])[0] == ["", "", "👋🏽 hi"]
    assert stream(["🇨".encode(), "🇳".encode(), "🇨".encode()]) == (["", "🇨🇳", ""], "🇨", False)


def test_plain_text_is_never_held_back():
    for word in ("word", "1", "é", "字", "é", "。", "ß", "#"):
        assert stream([word.encode()])[0] == [word]


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ([b"a", b"\xe4\xbd"], (["a", ""], "�", False)),  # cut off at the end
        ([b"\xff", b"a"], (["�", "a"], "", False)),  # never valid
        ([b"\xe4", b"A"], (["", "�A"], "", False)),  # a beginning that nothing follows
    ],
)
def test_broken_bytes_become_one_mark_and_only_when_certain(pieces, told):
    assert stream(pieces) == told


def test_control_tokens_have_no_text():
    assert stream([b"", b"a", b""]) == (["", "a", ""], "", False)


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=20))
def test_the_pieces_joined_are_the_bytes_decoded(data, places):
    pushed, rest, _ = stream(cut(data, places))
    assert "".join(pushed) + rest == data.decode("utf-8", errors="replace")


texts = st.lists(st.sampled_from([*EMOJI, "字", "a", " ", "\n", "é"]), max_size=8).map("".join)


@given(texts, st.lists(st.integers(0, 300), max_size=40))
def test_no_piece_ends_inside_an_emoji(text, places):
    pushed, rest, _ = stream(cut(text.encode(), places))
    assert "".join(pushed) + rest == text
    inside = {at for found in re.finditer("|".join(EMOJI), text) for at in range(found.start() + 1, found.end())}
    shown = 0
    for piece in pushed:
        shown += len(piece)
        assert shown not in inside


def test_a_stop_string_is_found_across_tokens_and_cut_away():
    pieces = [b"one ", b"EN", b"D of", b" it"]
    assert stream(pieces, stop=("END",)) == (["one ", "", "", ""], "", True)


def test_a_beginning_of_a_stop_string_that_goes_on_otherwise_is_given_back():
    assert stream([b"a\n", b"\n", b"b"], stop=("\n\nUser:",)) == (["a", "", "\n\nb"], "", False)
    assert stream([b"a\n\nUse"], stop=("\n\nUser:",)) == (["a"], "\n\nUse", False)


def test_a_stop_string_inside_characters_of_many_bytes():
    data = "好的。停止吧".encode()
    assert stream([data[i : i + 1] for i in range(len(data))], stop=("停止",))[0].count("") > 10
    assert "".join(stream(cut(data, [4, 11]), stop=("停止",))[0]) == "好的。"


def test_of_overlapping_stop_strings_the_one_completed_first_counts():
    assert stream([b"abcd"], stop=("abcd", "bc")) == (["a"], "", True)
    assert stream([b"ab", b"cd"], stop=("abcd", "bc")) == (["", "a"], "", True)


def cut_by_letters(text: str, stops: tuple[str, ...]) -> str:
    """The definition, letter by letter: the text before the stop string that was completed first."""
    for end in range(1, len(text) + 1):
        ended = [stop for stop in stops if text[:end].endswith(stop)]
        if ended:
            return text[: end - max(map(len, ended))]
    return text


letters = st.text("abé字", max_size=30)


@given(letters, st.lists(st.text("abé字", min_size=1, max_size=4), max_size=3).map(tuple), st.lists(st.integers(0, 90)))
def test_stop_strings_do_not_depend_on_how_the_text_was_cut(text, stops, places):
    pushed, rest, stopped = stream(cut(text.encode(), places), stop=stops)
    wanted = cut_by_letters(text, stops)
    assert ("".join(pushed) + rest, stopped) == (wanted, wanted != text)


@given(st.lists(st.sampled_from([b"a", b"b", b"\xe5", b"\xad\x97"]), max_size=30))
def test_text_is_held_back_no_longer_than_a_stop_string(pieces):
    """A reader waits for at most one letter less than the longest stop string, and a character in the making."""
    text = TextStream(Pieces(pieces), stop=("aabba",))
    shown = ""
    for id in range(len(pieces)):
        shown += text.push(id)
        if text.stopped:
            return
        whole = b"".join(pieces[: id + 1]).decode("utf-8", errors="ignore")
        assert len(whole) - len(shown) <= 4 + 1
