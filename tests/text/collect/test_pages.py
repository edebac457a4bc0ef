"""What pages and listings say, page by page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlin.text.collect.fetch import Answer
from hanlin.text.collect.listings import Listing, listing_of
from hanlin.text.collect.markup import Markup
from hanlin.text.collect.outcome import Refused
from hanlin.text.collect.pages import Page

ROOT = "http://a.example/folder/page"


def answer(body: str | bytes, kind: str = "text/html", **headers: str) -> Answer:
    head = (("Content-Type", kind), *((name.replace("_", "-"), value) for name, value in headers.items()))
    return Answer(ROOT, 200, head if kind else head[1:], body.encode() if isinstance(body, str) else body)


def page(inside: str, head: str = "", **headers: str) -> Page:
    return Page(answer(f"<html><head>{head}</head><body>{inside}</body></html>", **headers))


def test_links_as_a_browser_reads_them() -> None:
    found = page(
        '<a href="b">1</a><a href="/c?x=1#y">2</a><a href="//other.example/d">3</a><a href="b">again</a>'
        '<a href="mailto:x@y.z">4</a><a href="javascript:go()">5</a><a>6</a><a rel="ugc nofollow" href="/no">7</a>'
    )
    assert list(found.links()) == ["http://a.example/folder/b", "http://a.example/c?x=1", "http://other.example/d"]


def test_the_base_of_a_page() -> None:
    assert list(page('<a href="b">1</a>', '<base href="/root/">').links()) == ["http://a.example/root/b"]


CHANGED = {"Last_Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}


@pytest.mark.parametrize(
    ("head", "inside", "headers", "day"),
    [
        ('<meta property="article:published_time" content="2020-01-02T03:04:05+08:00">', "", CHANGED, "2020-01-02"),
        ('<meta name="DC.date" content="2019-12-31">', '<time datetime="2018-01-01">x</time>', {}, "2019-12-31"),
        ("", '<time datetime="2018-01-01">x</time>', {}, "2018-01-01"),
        ("", "", CHANGED, "2015-10-21"),
        ('<meta name="date" content="soon">', "", {}, ""),
    ],
)  # fmt: skip
def test_the_day_of_a_page(head: str, inside: str, headers: dict[str, str], day: str) -> None:
    assert page(inside, head, **headers).date() == day


def test_titles_on_one_line() -> None:
    assert page("", "<title>\n  The\n lighthouse </title>").title() == "The lighthouse"
    assert page("").title() == ""


@pytest.mark.parametrize(
    ("head", "headers", "is_reserved"),
    [
        ('<meta name="tdm-reservation" content="1">', {}, True),
        ('<meta name="tdm-reservation" content="0">', {}, False),
        ("", {"TDM_Reservation": "1"}, True),
        ("", {"X_Robots_Tag": "noai, noimageai"}, True),
        ("", {"X_Robots_Tag": "noindex"}, False),
        ('<meta name="robots" content="NoAI">', {}, True),
        ('<meta name="description" content="noai">', {}, False),
    ],
)
def test_reserved_rights(head: str, headers: dict[str, str], is_reserved: bool) -> None:
    assert bool(page("", head, **headers).reserved()) is is_reserved


def test_plain_text_is_its_own_text() -> None:
    plain = Page(answer("守塔的老人。\n<b>not bold</b>", "text/plain; charset=utf-8"))
    assert plain.text() == "守塔的老人。\n<b>not bold</b>"
    assert (plain.title(), list(plain.links()), plain.licence()) == ("", [], "unknown")


def test_a_page_without_a_type_goes_by_its_looks() -> None:
    assert Page(answer("<!doctype html><HTML><body>x", "")).is_html
    assert not Page(answer("just words", "")).is_html


def test_what_is_no_text_has_none() -> None:
    assert not Page(answer(bytes(range(256)) * 20, "text/plain")).text().strip()


@pytest.mark.parametrize("charset", ["nonsense-8", "utf-8", "latin-1"])
def test_a_charset_that_nobody_knows(charset: str) -> None:
    assert "Müller" in Page(answer("<html><body>Müller", f"text/html; charset={charset}")).source


@given(st.text(max_size=300))
def test_no_page_breaks_the_look(source: str) -> None:
    found = Page(answer(source.encode("utf-8", "replace")))
    found.text(), found.title(), found.date(), found.licence(), found.reserved(), list(found.links())
    Markup(source).all("a[href]")


# ---------------------------------------------------------------- listings


def listing(body: str | bytes, kind: str = "text/xml") -> Listing | None:
    return listing_of(answer(body, kind), 100_000)


def addresses(found: Listing | None) -> list[str]:
    assert found is not None
    return [entry.address for entry in found.entries]


def test_rdf_feeds() -> None:
    body = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:cc="http://creativecommons.org/ns#">
    <channel rdf:about="x"><title>t</title><cc:license rdf:resource="http://creativecommons.org/licenses/by/2.0/"/></channel>
    <item><link>http://a.example/1</link><dc:date>2001-02-03</dc:date></item></rdf:RDF>"""
    found = listing(body, "application/rdf+xml")
    assert addresses(found) == ["http://a.example/1"]
    assert found is not None
    assert found.entries[0].hints == {"date": "2001-02-03", "licence": "CC-BY-2.0"}


def test_feeds_without_addresses_and_with_strange_ones() -> None:
    body = """<rss><channel><item><title>x</title></item><item><link>mailto:a@b.c</link></item>
    <item><guid isPermaLink="false">urn:1</guid></item><item><link/>
    <guid>/relative</guid></item></channel></rss>"""
    assert addresses(listing(body)) == ["http://a.example/relative"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_sitemaps_in_any_encoding_that_they_name(encoding: str) -> None:
    inside = "<url><loc>http://a.example/塔</loc><!-- 站点地图：每个页面一行 --></url>"
    body = f'<?xml version="1.0" encoding="{encoding}"?><urlset>{inside}</urlset>'
    assert addresses(listing(body.encode(encoding))) == ["http://a.example/%E5%A1%94"]


def test_a_page_that_speaks_of_feeds_is_a_page() -> None:
    assert listing("<html><body><p>Write &lt;rss&gt; first: <rss version='2.0'></body></html>", "text/html") is None
    assert listing("<html><body>An article</body></html>", "text/html") is None


def test_text_is_a_listing_only_where_every_line_is_an_address() -> None:
    assert addresses(listing("\ufeffhttp://a.example/1\r\nhttp://a.example/2\r\n", "text/plain")) == [
        "http://a.example/1", "http://a.example/2",
    ]  # fmt: skip
    assert listing("http://a.example/1 is a page", "text/plain") is None
    assert listing("", "text/plain") is None


@given(st.binary(max_size=200))
def test_no_bytes_break_the_look(body: bytes) -> None:
    try:
        listing_of(answer(body, "application/xml"), 1000)
    except Refused as refused:
        assert refused.reason in ("bad_xml", "bomb", "damaged", "cut")


@given(st.text(max_size=100))
def test_no_xml_breaks_the_look(inside: str) -> None:
    try:
        listing_of(answer(f"<rss><channel><item><link>{inside}</link></item></channel></rss>", "text/xml"), 10_000)
    except Refused as refused:
        assert refused.reason == "bad_xml"
