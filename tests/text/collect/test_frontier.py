"""Which address comes next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.collect.fetch import Pace
from hanlin.text.collect.frontier import MOST_FAILURES, Frontier
from hanlin.text.collect.outcome import Errand


def errand(site: str, number: int = 0) -> Errand:
    return Errand(f"http://{site}.example/{number}", f"http://{site}.example/")


def popped(frontier: Frontier) -> list[str]:
    found = []
    while one := frontier.pop():
        found.append(one.address.removeprefix("http://").replace(".example/", ""))
    return found


def test_sites_take_turns_and_each_keeps_its_order() -> None:
    frontier = Frontier(Pace(0))
    for number in range(3):
        frontier.add(errand("a", number))
    frontier.add(errand("b", 0))
    assert len(frontier) == 4
    assert popped(frontier) == ["a0", "b0", "a1", "a2"]
    assert frontier.pop() is None


def test_a_site_that_must_wait_is_passed_over() -> None:
    pace = Pace(0)
    frontier = Frontier(pace)
    for site in "ab":
        frontier.add(errand(site))
    pace.hold("a.example", 50)
    assert popped(frontier) == ["b0", "a0"]


def test_an_address_is_seen_once() -> None:
    frontier = Frontier(Pace(0))
    assert frontier.is_new("http://a.example/")
    assert not frontier.is_new("http://a.example/")
    assert frontier.knows("http://a.example/")
    assert not frontier.knows("http://b.example/")


def test_what_is_asked_again_comes_first_and_is_counted() -> None:
    frontier = Frontier(Pace(0))
    for number in range(2):
        frontier.add(errand("a", number))
    first = frontier.pop()
    assert first is not None
    frontier.again(first, 0.0)
    again = frontier.pop()
    assert again is not None
    assert (again.address, again.num_tries) == (first.address, 1)


def test_a_site_that_fails_too_often_gives_up_its_queue() -> None:
    frontier = Frontier(Pace(0))
    for number in range(20):
        frontier.add(errand("a", number))
    frontier.add(errand("b"))
    for _ in range(MOST_FAILURES - 1):
        assert frontier.failed(errand("a")) == []
    frontier.answered(errand("a"))
    for _ in range(MOST_FAILURES - 1):
        assert frontier.failed(errand("a")) == [], "an answer in between forgives"
    assert len(frontier.failed(errand("a"))) == 20
    assert popped(frontier) == ["b0"]


def test_giving_up_returns_all() -> None:
    frontier = Frontier(Pace(0))
    for site in "abc":
        frontier.add(errand(site))
    assert len(frontier.rest()) == 3
    assert frontier.pop() is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=60))
def test_everything_that_goes_in_comes_out_once(pairs: list[tuple[str, int]]) -> None:
    frontier = Frontier(Pace(0))
    for site, number in pairs:
        one = errand(site, number)
        if frontier.is_new(one.address):
            frontier.add(one)
    assert sorted(popped(frontier)) == sorted({f"{site}{number}" for site, number in pairs})
