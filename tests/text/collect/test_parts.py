"""The parts alone: addresses, licences, dates, pauses, packed bytes."""

from __future__ import annotations

import gzip
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.base.errors import ConfigError
from hanlin.text.collect.addresses import are_neighbours, is_public, normalised, origin_of
from hanlin.text.collect.config import CollectConfig
from hanlin.text.collect.dates import day_of, moment_of_seconds
from hanlin.text.collect.fetch import Pace, is_wanted, seconds_of, unpacked
from hanlin.text.collect.licences import licence_of_address, licence_of_card, licence_of_words, page_licence
from hanlin.text.collect.local import licence_of_card_text
from hanlin.text.collect.markup import Markup
from hanlin.text.collect.outcome import Refused, Trouble
from hanlin.text.collect.robots import RobotsFile, Rules


@pytest.mark.parametrize(
    ("address", "spelling"),
    [
        ("HTTP://Example.ORG:80", "http://example.org/"),
        ("https://example.org:443/a/../b/./c#part", "https://example.org/b/c"),
        ("http://例子.测试/路", "http://xn--fsqu00a.xn--0zwm56d/%E8%B7%AF"),
        (" http://example.org/a b ", "http://example.org/a%20b"),
        ("//example.org/x", "https://example.org/x"),
        ("?page=2", "https://base.example/folder/page?page=2"),
        ("other", "https://base.example/folder/other"),
        ("mailto:a@b.c", None),
        ("javascript:void(0)", None),
        ("ftp://example.org/", None),
        ("http://user:word@example.org/", None),
        ("http://[broken", None),
        ("http://exa mple.org/", None),
        ("http://example.org/" + "a" * 3000, None),
    ],
)
def test_one_spelling_for_each_address(address: str, spelling: str | None) -> None:
    assert normalised(address, "https://base.example/folder/page") == spelling


@given(st.text(max_size=60))
def test_no_text_breaks_an_address(text: str) -> None:
    once = normalised(text, "http://base.example/")
    assert once is None or normalised(once) == once


def test_sites_and_origins() -> None:
    assert are_neighbours("http://www.example.org/a", "https://example.org/b")
    assert not are_neighbours("http://example.org/", "http://example.org.evil.example/")
    assert not are_neighbours("http://a.example.org/", "http://b.example.org/")
    assert origin_of("https://example.org:8443/a?b") == "https://example.org:8443"


@pytest.mark.parametrize(
    "place",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1"],
)  # fmt: skip
def test_addresses_of_the_local_network(place: str) -> None:
    assert not is_public(place)


@pytest.mark.parametrize("place", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_public_network(place: str) -> None:
    assert is_public(place)


# ---------------------------------------------------------------- licences and dates


@pytest.mark.parametrize(
    ("address", "licence"),
    [
        ("https://creativecommons.org/licenses/by-sa/4.0/", "CC-BY-SA-4.0"),
        ("http://www.creativecommons.org/licenses/by-nc-nd/3.0/deed.zh", "CC-BY-NC-ND-3.0"),
        ("https://creativecommons.org/licenses/by/2.0/fr/", "CC-BY-2.0-FR"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "CC-PDM-1.0"),
        ("https://www.gnu.org/licenses/fdl-1.3.html", "GFDL-1.3"),
        ("https://www.gnu.org/copyleft/fdl.html", "GFDL-1.3"),
        ("https://www.apache.org/licenses/LICENSE-2.0", "Apache-2.0"),
        ("https://opensource.org/licenses/MIT", "MIT"),
        ("https://opendatacommons.org/licenses/odbl/", "ODbL-1.0"),
        ("https://creativecommons.org/about", ""),
        ("https://example.org/terms", ""),
    ],
)
def test_licences_by_their_address(address: str, licence: str) -> None:
    assert licence_of_address(address) == licence


@pytest.mark.parametrize(
    ("words", "licence"),
    [
        ("Text under CC BY-SA 4.0 unless noted", "CC-BY-SA-4.0"),
        ("CC0", "CC0-1.0"),
        ("All rights  reserved", "All rights reserved"),
    ],
)
def test_licences_in_words(words: str, licence: str) -> None:
    assert licence_of_words(words) == licence


@pytest.mark.parametrize(
    ("card", "licence"),
    [("mit", "MIT"), ("cc-by-nc-sa-4.0", "CC-BY-NC-SA-4.0"), (["mit", "apache-2.0"], "MIT AND Apache-2.0"),
     (None, "unknown"), ("other", "unknown"), ("gpl-3.0", "gpl-3.0")],
)  # fmt: skip
def test_licences_of_cards(card: object, licence: str) -> None:
    assert licence_of_card(card) == licence


@pytest.mark.parametrize(
    ("head", "licence"),
    [("license: mit", "MIT"), ("license:\n- cc-by-4.0\n- mit\nother: x", "CC-BY-4.0 AND MIT"),
     ("license: [mit]", "MIT"), ("language: zh", ""), ('license: "apache-2.0"', "Apache-2.0")],
)  # fmt: skip
def test_the_head_of_a_card(head: str, licence: str) -> None:
    assert licence_of_card_text(f"---\n{head}\n---\n# Card\nlicense: no\n") == licence


BY = '<a href="https://creativecommons.org/licenses/by/4.0/">x</a>'
NC = '<a href="https://creativecommons.org/licenses/by-nc/4.0/">x</a>'


@pytest.mark.parametrize(
    ("page", "licence"),
    [
        (BY, "CC-BY-4.0"),
        (BY + NC, "unknown"),
        (BY + NC.replace("<a ", '<a rel="license" '), "CC-BY-NC-4.0"),
        ('<link rel="license" href="https://example.org/ours">' + BY, "https://example.org/ours"),
        ('<meta name="dcterms.license" content="https://creativecommons.org/publicdomain/zero/1.0/">', "CC0-1.0"),
        (
            '<script type="application/ld+json">{"@graph": [{"license": "https://opensource.org/licenses/MIT"}]}</script>',
            "MIT",
        ),
        ('<script type="application/ld+json">{broken</script>' + BY, "CC-BY-4.0"),
        ("<p>nothing</p>", "unknown"),
    ],
)
def test_the_licence_of_a_page(page: str, licence: str) -> None:
    assert page_licence(Markup(f"<html><body>{page}</body></html>")) == licence


def test_the_licence_in_a_header() -> None:
    header = '<https://example.org/a>; rel="next", <https://creativecommons.org/licenses/by/4.0/>; rel="license"'
    assert page_licence(Markup("<p>x</p>"), header) == "CC-BY-4.0"


@pytest.mark.parametrize(
    ("text", "day"),
    [("2024-05-06T07:08:09Z", "2024-05-06"), ("Sat, 07 Sep 2002 00:00:01 GMT", "2002-09-07"),
     ("2024年5月6日", "2024-05-06"), ("2024/5/6 10:00", "2024-05-06"), ("yesterday", ""), ("2024-13-40", ""), ("", "")],
)  # fmt: skip
def test_days(text: str, day: str) -> None:
    assert day_of(text) == day


def test_seconds_and_milliseconds() -> None:
    assert (
        moment_of_seconds(1704103260) == moment_of_seconds("1704103260000") == datetime(2024, 1, 1, 10, 1, tzinfo=UTC)
    )
    assert moment_of_seconds("soon") is None
    assert moment_of_seconds(1e30) is None


# ---------------------------------------------------------------- requests


def test_retry_after_as_seconds_and_as_a_date() -> None:
    assert seconds_of("120") == 120
    then = seconds_of(format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True))
    assert then is not None
    assert 85 < then <= 90
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert seconds_of("soon") is None
    assert seconds_of("") is None


@given(st.lists(st.binary(max_size=200), max_size=4), st.integers(1, 50))
def test_gzip_in_any_pieces_and_members(members: list[bytes], size: int) -> None:
    packed = b"".join(map(gzip.compress, members))
    chunks = [packed[start : start + size] for start in range(0, len(packed), size)]
    if packed:
        assert unpacked(chunks, 10_000) == b"".join(members)
    whole = b"".join(members)
    if len(whole) > 1:
        with pytest.raises(Refused) as caught:
            unpacked(chunks, len(whole) - 1)
        assert caught.value.reason == "bomb"


def test_gzip_without_its_end_is_trouble() -> None:
    with pytest.raises(Trouble):
        unpacked([gzip.compress(b"a" * 1000)[:-8]], 10_000)


def test_sites_wait_for_themselves_alone() -> None:
    pace = Pace(0.05)
    began = time.monotonic()
    for site in ("a", "b", "a"):
        pace.take_turn(site)
    assert 0.05 <= time.monotonic() - began < 0.15
    pace.slow_down("a", 0.01)
    pace.hold("b", 100)
    assert pace.wait_of("b") > 99
    assert pace.wait_of("c") == 0


def test_types_with_a_star() -> None:
    assert is_wanted("text/html", ("text/*",))
    assert not is_wanted("image/png", ("text/*", "image/jpeg"))


def test_text_cannot_hold_pictures(lang: str) -> None:
    with pytest.raises(ConfigError):
        CollectConfig(sources=["a"], web={"types": ["text/html", "application/pdf"]})
    CollectConfig(sources=["a"], kept_as="warc", web={"types": ["text/html", "application/pdf"]})


# ---------------------------------------------------------------- robots.txt, by the examples of RFC 9309


EXAMPLE = """
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: hanlin
Disallow: /example/page.html

User-Agent: HANLIN
Disallow: /example/page/
Crawl-delay: 3
"""


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/example/page.html", False),
        ("/example/page.htm", True),
        ("/example/page/x", False),
        ("/example/", True),
        ("/a.gif", True),
    ],
)
def test_groups_are_joined_and_ours_alone_counts(path: str, allowed: bool) -> None:
    rules = Rules(RobotsFile(EXAMPLE))
    assert rules.allow(f"http://example.org{path}") is allowed
    assert rules.delay == 3


@pytest.mark.parametrize(
    ("rule", "path", "allowed"),
    [
        ("Disallow: /example/page/disallowed.gif\nAllow: /example/page/", "/example/page/disallowed.gif", False),
        ("Allow: /a\nDisallow: /a", "/a", True),
        ("Disallow: /foo/bar?baz=http://foo.bar", "/foo/bar?baz=http://foo.bar", False),
        ("Disallow: /foo/bar/%E3%83%84", "/foo/bar/ツ", False),
        ("Disallow: /foo/bar/ツ", "/foo/bar/%E3%83%84", False),
        ("Disallow: /path/file-with-a-%2A.html", "/path/file-with-a-*.html", False),
        ("Disallow: /this/*/exactly", "/this/path/exactly", False),
        ("Disallow:", "/anything", True),
        ("# nothing", "/anything", True),
        ("\ufeffDisallow: /", "/anything", True),
    ],
)
def test_rules_of_the_rfc(rule: str, path: str, allowed: bool) -> None:
    """Sections 2.2.2 and 2.2.3, and appendix A."""
    assert Rules(RobotsFile(f"User-agent: *\n{rule}\n")).allow(f"http://example.org{path}") is allowed
