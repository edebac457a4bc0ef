"""Words: two sides of a split that never meet, the same everywhere, put into templates as they are meant."""

from __future__ import annotations

import pytest

from hanlin.recipe.world.made_up import kept_out, stems
from hanlin.recipe.world.tables import LANGUAGES, data, fill
from hanlin.recipe.world.words import HELD_OUT_SHARE, Words, is_held_out


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


@pytest.mark.parametrize("kind", ["name", "city", "spot", "thing", "job", "animal", "food", "hobby"])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_taught_fillers_are_many_and_none_holds_one_that_is_held_out(lang: str, kind: str) -> None:
    """From a list one learns the list; only what is new every time has to be copied."""
    words = Words(lang, held_out=False, seed=3)
    found = [words.word(kind) for _ in range(3000)]
    assert len(set(found)) > 1500
    listed = set(data("words")[lang][kind]["taught"])
    assert 0.2 < sum(filler in listed for filler in found) / 3000 < 0.5 or kind in ("thing", "spot")
    assert not [filler for filler in found if kept_out(lang).search(filler)]


def test_what_is_kept_out_is_found_wherever_it_stands() -> None:
    assert kept_out("zh").search("一个金鱼店")
    assert kept_out("en").search("New Oslo")
    assert not kept_out("en").search("New York")
    assert not {"violin", "oslo"} & set(stems("en"))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_held_out_side_draws_only_what_is_held_out(lang: str) -> None:
    words = Words(lang, held_out=True, seed=3)
    for kind in ("name", "city", "job", "animal", "food", "hobby"):
        assert {words.word(kind) for _ in range(100)} <= set(data("words")[lang][kind]["held_out"]), kind
    assert all(number <= 20 or number % 7 == 3 for number in (int(words.word("number")) for _ in range(100)))


def test_the_same_seed_says_the_same() -> None:
    first, second = Words("en", held_out=False, seed=1), Words("en", held_out=False, seed=1)
    assert [first.word("name") for _ in range(50)] == [second.word("name") for _ in range(50)]


def test_a_colour_goes_between_the_count_and_the_thing() -> None:
    zh, en = Words("zh", held_out=True, seed=5), Words("en", held_out=True, seed=5)
    coloured = {thing for thing in (zh.word("thing") for _ in range(300)) if "色的" in thing}
    assert coloured and all(thing[0] in "一两三" for thing in coloured)
    purple = [thing for thing in (en.word("thing") for _ in range(3000)) if "purple" in thing]
    assert purple and all(thing.startswith(("a ", "some ", "a dark", "a light")) for thing in purple)
    assert not [thing for thing in purple if thing.startswith("an purple")]


def test_doubled_marks_are_left_out() -> None:
    words = Words("en", held_out=False, seed=2)
    asked = [words.asked("Who is it?", "Tom ran.") for _ in range(200)]
    assert len(set(asked)) > 30
    assert not any("?:" in question or ".:" in question for question in asked)
