"""The line rules of C4, and what they do to text that is no web page."""

from __future__ import annotations

import pytest

from hanlin.text.rules.lines import is_sentence, remove_lines


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("This line is kept.", True),
        ('She said "so it is"', True),
        ("Home | About | Contact", False),
        ("Read more...", False),
        ("Two words.", False),
        ("Please enable JavaScript to read this.", False),
        ("By this you accept our privacy policy.", False),
        ("x" * 1001 + " and more words.", False),
        ("这一行是一句话。", True),
        ("首页 | 关于 | 联系", False),
        ("他说：“好。”", True),
    ],
)
def test_a_line_is_a_sentence_or_not(line: str, kept: bool) -> None:
    assert is_sentence(line) is kept


def test_verse_lists_and_code_are_lost_which_is_why_no_preset_of_ours_asks_for_it() -> None:
    verse = "Shall I compare thee to a summer's day\nThou art more lovely and more temperate"
    text, removed = remove_lines(f"{verse}\n\n- eggs\n- milk\nreturn x\nThis alone is a sentence.")
    assert text == "This alone is a sentence."
    assert len(removed) == 5, "blank lines are no loss"
