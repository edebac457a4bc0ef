"""Leftovers of HTML go; code, formulas and text about HTML keep every character."""

from __future__ import annotations

import pytest

from hanlin.text.rules.debris import remove_debris


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Fish&nbsp;&amp;&nbsp;chips", "Fish & chips"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ('<a href="/x" title="y">here</a> and <b>there</b>', "here and there"),
        ("他说&ldquo;好&rdquo;&#12290;", "他说“好”。"),
        ("&amp;lt;p&amp;gt; &amp;amp;nbsp;x", "<p>  x"),
        ("a <!-- nothing --> b", "a  b"),
        ("<DIV class=x>big</DIV>", "\nbig"),
    ],
)
def test_what_extraction_left_is_removed_or_read(text: str, clean: str) -> None:
    found, removed = remove_debris(text)
    assert found == clean
    assert removed


@pytest.mark.parametrize(
    "text",
    [
        "if a < b and b > c: pass", "vector<int> v; map<string, a>", "Use `<br>` and `&nbsp;` in HTML.", "R&D; AT&T",
        "```html\n<p>&nbsp;</p>\n```", "    <div>&amp;</div>", "\t<b>x</b>", "<Intro> and <DeepDive>", "1 < 2 & 3 > 2",
        "~~~\n<br>\n~~~", "x <- y", "<https://a.example/>", "x<sup>2</sup>", "&notanentity;",
    ],
)  # fmt: skip
def test_text_that_only_looks_like_it_stays(text: str) -> None:
    assert remove_debris(text) == (text, [])


def test_everything_removed_is_told() -> None:
    assert remove_debris("<p>a&amp;b</p>")[1] == ["<p>", "</p>", "&amp;"]


@pytest.mark.parametrize(
    "hostile", ["<a " * 200_000, "&amp;" * 200_000, "<!--" * 100_000, "`<b>" * 100_000, "&" * 400_000]
)
def test_hostile_texts_come_to_an_end(hostile: str) -> None:
    assert remove_debris(hostile)[0] is not None
