"""Words: two sides of a split that never meet, the same everywhere, put into templates as they are meant."""

from __future__ import annotations

import pytest

from hanlin.recipe.world.words import HELD_OUT_SHARE, LANGUAGES, Words, data, fill, is_held_out


def test_entries_stand_on_lines_or_between_bars() -> None:
    assert data("words")["zh"]["colour"]["held_out"][:2] == ["紫色", "金色"]
    assert "Tom" in data("words")["en"]["name"]["taught"]
    assert "\n" in data("layouts")["en"]["layout"]["taught"][1]
    assert "" in data("layouts")["en"]["polite"]["taught"]


def test_slots_are_filled_and_capital_slots_begin_with_a_capital() -> None:
    assert fill("{Who} saw {who}: {it}", who="aunt May", it=3) == "Aunt May saw aunt May: 3"


def test_a_combination_is_on_the_same_side_everywhere() -> None:
    """By hash: a list in another order, another machine or another release must not move a case."""
    assert [is_held_out(3, 5), is_held_out("red", "cat"), is_held_out(0, 0)] == [False, True, False]
    share = sum(is_held_out(a, b) for a in range(100) for b in range(100)) / 10_000
    assert abs(share - HELD_OUT_SHARE) < 0.02


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_list_has_entries_of_its_own_on_both_sides(lang: str) -> None:
    for kind, lists in data("words")[lang].items():
        taught, held_out = set(lists["taught"]), set(lists.get("held_out", ()))
        assert taught and "" not in taught | held_out, kind
        assert len(taught) + len(held_out) == len(lists["taught"]) + len(lists.get("held_out", ())), kind


@pytest.mark.parametrize("lang", LANGUAGES)
def test_made_up_names_are_many_and_none_is_held_out(lang: str) -> None:
    words = Words(lang, held_out=False, seed=3)
    names = {words.name() for _ in range(3000)}
    assert len(names) > 800
    assert not names & set(data("words")[lang]["name"]["held_out"])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_held_out_side_draws_only_what_is_held_out(lang: str) -> None:
    words = Words(lang, held_out=True, seed=3)
    for kind in ("name", "city", "job", "animal", "food", "hobby"):
        assert {words.word(kind) for _ in range(100)} <= set(data("words")[lang][kind]["held_out"]), kind
    assert all(number <= 20 or number % 7 == 3 for number in (int(words.number()) for _ in range(100)))


def test_the_same_seed_says_the_same() -> None:
    first, second = Words("en", held_out=False, seed=1), Words("en", held_out=False, seed=1)
    assert [first.name() for _ in range(50)] == [second.name() for _ in range(50)]


def test_a_colour_goes_between_the_count_and_the_thing() -> None:
    zh, en = Words("zh", held_out=False, seed=5), Words("en", held_out=False, seed=5)
    coloured = {thing for thing in (zh.thing() for _ in range(300)) if "色的" in thing}
    assert coloured and all(thing[0] in "一两三" for thing in coloured)
    orange = [thing for thing in (en.thing() for _ in range(3000)) if "orange" in thing]
    assert orange and not any(thing.startswith("a orange") for thing in orange)


def test_doubled_marks_are_left_out() -> None:
    words = Words("en", held_out=False, seed=2)
    asked = [words.asked("Who is it?", "Tom ran.") for _ in range(200)]
    assert len(set(asked)) > 30
    assert not any("?:" in question or ".:" in question for question in asked)
