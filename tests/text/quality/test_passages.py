"""Long texts in passages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.quality.passages import passages_of, spread


@given(text=st.text(alphabet="ab .\n。", max_size=300), size=st.integers(5, 60))
def test_nothing_but_blanks_is_lost_and_nothing_is_longer(text: str, size: int) -> None:
    found = passages_of(text, size)
    assert found and ("".join("".join(found).split()) == "".join(text.split()) or found == [text])
    assert all(len(passage) <= size for passage in found) or found == [text]


def test_a_short_text_is_one_passage() -> None:
    assert passages_of("床前明月光。", 500) == ["床前明月光。"]
    assert passages_of("", 500) == [""], "a text without anything is judged too"


def test_passages_end_where_sentences_do() -> None:
    assert passages_of("One two three. Four five six. Seven.", 20) == ["One two three. ", "Four five six. ", "Seven."]


def test_of_many_an_even_part_is_taken() -> None:
    assert spread([str(number) for number in range(100)], 4) == ["0", "25", "50", "75"]
    assert spread(["a", "b"], 4) == ["a", "b"]
