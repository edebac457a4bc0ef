"""Whole collections from a local site: what is asked, what is kept, what is refused and why."""

from __future__ import annotations

import gzip
import time
import zlib
from typing import IO

import pytest
from tests.text.collect.conftest import Gather, documents
from tests.text.collect.site import SENTENCE, Asked, Reply, Site, page

from hanlin.base.errors import NetworkError
from hanlin.text.collect.fetch import PRODUCT


def reasons(collection: object) -> dict[str, int]:
    return dict(collection.figures["reasons"])  # type: ignore[attr-defined]


def test_a_page_is_kept_with_source_date_and_licence(site: Site, gather: Gather) -> None:
    licence = '<a rel="license" href="https://creativecommons.org/licenses/by-sa/4.0/">CC</a>'
    site.routes["/a"] = Reply(
        page("Lighthouse", foot=licence), headers={"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    )
    made = gather("/a")
    (row,) = documents(made)
    assert SENTENCE.strip() in row["text"]
    assert (row["id"], row["url"], row["title"]) == (f"{site.root}/a", f"{site.root}/a", "Lighthouse")
    assert (row["licence"], row["date"]) == ("CC-BY-SA-4.0", "2015-10-21")
    assert made.figures["licences"] == {"CC-BY-SA-4.0": 1}
    assert site.paths == ["/robots.txt", "/a"]


def test_we_say_who_we_are(site: Site, gather: Gather) -> None:
    site.routes["/a"] = Reply(page("A"))
    gather("/a", contact="mailto:somebody@example.org")
    agent = site.asked[-1].headers["user-agent"]
    assert agent.startswith("Hanlin/")
    assert "+mailto:somebody@example.org" in agent
    assert PRODUCT in agent
    assert "cookie" not in site.asked[-1].headers


# ---------------------------------------------------------------- robots.txt


ROBOTS = """
User-agent: *
Disallow: /

User-agent: Hanlin
Disallow: /private
Allow: /private/open
Disallow: /*.pdf$
"""


def test_robots_are_heard_our_own_group_and_the_longest_rule(site: Site, gather: Gather) -> None:
    site.routes["/robots.txt"] = Reply(ROBOTS, kind="text/plain")
    for path in ("/free", "/private/closed", "/private/open/a", "/x.pdf", "/x.pdf?page=1"):
        site.routes[path] = Reply(page(path))
    made = gather("/free", "/private/closed", "/private/open/a", "/x.pdf", "/x.pdf?page=1")
    assert sorted(site.paths) == ["/free", "/private/open/a", "/robots.txt", "/x.pdf?page=1"]
    assert reasons(made) == {"robots": 2}
    assert made.figures["examples"]["robots"] == [f"{site.root}/private/closed", f"{site.root}/x.pdf"]


@pytest.mark.parametrize(("status", "kept"), [(404, 1), (403, 1), (410, 1), (500, 0), (503, 0)])
def test_missing_robots_allow_all_and_failing_ones_nothing(site: Site, gather: Gather, status: int, kept: int) -> None:
    """RFC 9309, 2.3.1.3 and 2.3.1.4."""
    site.routes["/robots.txt"] = Reply("Disallow: /", status)
    site.routes["/a"] = Reply(page("A"))
    made = gather("/a", web={"retries": 1})
    assert made.figures["totals"].get("kept", 0) == kept
    assert reasons(made) == ({} if kept else {"robots_unreachable": 1})
    assert site.count("/a") == kept


def test_robots_that_recover_are_heard_in_the_next_run(site: Site, gather: Gather) -> None:
    site.routes["/robots.txt"] = Reply("", 503)
    site.routes["/a"] = Reply(page("A"))
    assert gather("/a", web={"retries": 0}).figures["totals"]["failed"] == 1
    site.routes["/robots.txt"] = Reply("User-agent: *\nAllow: /", kind="text/plain")
    assert gather("/a").figures["totals"]["kept"] == 1


def test_the_delay_of_a_site_is_kept_and_an_endless_one_refused(site: Site, gather: Gather) -> None:
    site.routes["/robots.txt"] = Reply("User-agent: *\nCrawl-delay: 0.2", kind="text/plain")
    for path in ("/a", "/b", "/c"):
        site.routes[path] = Reply(page(path))
    began = time.monotonic()
    gather("/a", "/b", "/c")
    assert time.monotonic() - began >= 0.4
    site.routes["/robots.txt"] = Reply("User-agent: *\nCrawl-delay: 100000", kind="text/plain")
    assert site.count("/robots.txt") == 1


def test_a_site_that_wants_endless_pauses_is_refused(site: Site, gather: Gather) -> None:
    site.routes["/robots.txt"] = Reply("User-agent: *\nCrawl-delay: 100000", kind="text/plain")
    assert reasons(gather("/a")) == {"crawl_delay": 1}


# ---------------------------------------------------------------- sitemaps, feeds, links


def sitemap(*addresses: str, root: str = "urlset", item: str = "url") -> str:
    rows = "".join(f"<{item}><loc>{one}</loc><lastmod>2024-05-06T07:08:09Z</lastmod></{item}>" for one in addresses)
    return f'<?xml version="1.0"?><{root} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</{root}>'


def test_a_sitemap_index_with_packed_sitemaps(site: Site, gather: Gather) -> None:
    index = sitemap(f"{site.root}/one.xml.gz", f"{site.root}/two.txt", root="sitemapindex", item="sitemap")
    site.routes["/sitemap.xml"] = Reply(index, kind="application/xml")
    packed = gzip.compress(sitemap(f"{site.root}/a", f"{site.root}/b").encode())
    site.routes["/one.xml.gz"] = Reply(packed, kind="application/x-gzip")
    site.routes["/two.txt"] = Reply(f"{site.root}/c\n{site.root}/a\n", kind="text/plain")
    for path in ("/a", "/b", "/c"):
        site.routes[path] = Reply(page(path))
    made = gather("/sitemap.xml")
    assert {row["url"].removeprefix(site.root): row.get("date") for row in documents(made)} == {
        "/a": "2024-05-06", "/b": "2024-05-06", "/c": None,
    }  # fmt: skip
    assert site.count("/a") == 1
    assert made.figures["totals"] == {
        "asked": 6,
        "followed": 3,
        "kept": 3,
        "documents": 3,
        "bytes": made.figures["totals"]["bytes"],
    }


def test_sitemaps_that_robots_name_are_taken_on_request(site: Site, gather: Gather) -> None:
    site.routes["/robots.txt"] = Reply(f"User-agent: *\nAllow: /\nSitemap: {site.root}/map.xml\n", kind="text/plain")
    site.routes["/map.xml"] = Reply(sitemap(f"{site.root}/b"), kind="text/xml")
    site.routes.update({"/": Reply(page("Home")), "/b": Reply(page("B"))})
    assert gather("/").figures["totals"]["kept"] == 1
    assert gather("/", web={"sitemaps": True}, refresh=0).figures["totals"]["kept"] == 2


RSS = """<?xml version="1.0"?>
<rss version="2.0" xmlns:cc="http://backend.userland.com/creativeCommonsRssModule"><channel><title>News</title>
<cc:license>http://www.creativecommons.org/licenses/by-nc/3.0/</cc:license>
<item><link>{root}/a</link><pubDate>Sat, 07 Sep 2002 00:00:01 GMT</pubDate></item>
<item><guid>{root}/b</guid></item>
<item><link>http://elsewhere.example/c</link></item></channel></rss>"""

ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>
<entry><link rel="self" href="/api/1"/><link rel="alternate" href="/a"/><published>2003-12-13T18:30:02Z</published>
<link rel="license" href="https://creativecommons.org/publicdomain/zero/1.0/"/></entry></feed>"""


def test_feeds_lead_to_their_pages_and_lend_them_licence_and_date(site: Site, gather: Gather) -> None:
    site.routes["/rss"] = Reply(RSS.format(root=site.root), kind="application/rss+xml")
    for path in ("/a", "/b"):
        site.routes[path] = Reply(page(path))
    made = gather("/rss")
    rows = {row["url"].removeprefix(site.root): row for row in documents(made)}
    assert rows["/a"]["date"] == "2002-09-07"
    assert {row["licence"] for row in rows.values()} == {"CC-BY-NC-3.0"}
    assert set(rows) == {"/a", "/b"}
    assert made.figures["lost"] == {"other_site": 1}


def test_an_atom_feed(site: Site, gather: Gather) -> None:
    site.routes["/atom"] = Reply(ATOM, kind="application/atom+xml")
    site.routes["/a"] = Reply(page("A"))
    (row,) = documents(gather("/atom"))
    assert (row["date"], row["licence"]) == ("2003-12-13", "CC0-1.0")
    assert "/api/1" not in site.paths


@pytest.mark.parametrize("body", ["<rss><channel>", '<!DOCTYPE a [<!ENTITY b "bbbb">]><rss>&b;</rss>'])
def test_broken_xml_and_xml_with_entities_is_refused(site: Site, gather: Gather, body: str) -> None:
    site.routes["/rss"] = Reply(f'<?xml version="1.0"?>{body}', kind="text/xml")
    assert reasons(gather("/rss")) == {"bad_xml": 1}


def test_links_are_followed_as_deep_as_asked_and_not_to_other_sites(site: Site, gather: Gather) -> None:
    site.routes["/"] = Reply(page("Home", links=("/one", "/one#part", "http://elsewhere.example/", "mailto:a@b.c")))
    site.routes["/one"] = Reply(page("One", links=("/two", "/")))
    site.routes["/two"] = Reply(page("Two", links=("/three",)))
    site.routes["/three"] = Reply(page("Three"))
    made = gather("/", web={"depth": 2})
    assert site.paths == ["/robots.txt", "/", "/one", "/two"]
    assert made.figures["lost"] == {"other_site": 1}


def test_wider_settings_are_heard_in_a_collection_that_stands(site: Site, gather: Gather) -> None:
    """A page that was asked for without its links answered for good: `--web.depth 1` did nothing, and said nothing."""
    site.routes["/robots.txt"] = Reply(f"User-agent: *\nSitemap: {site.root}/map.txt")
    site.routes["/map.txt"] = Reply(f"{site.root}/hidden\n", headers={"content-type": "text/plain"})
    site.routes["/"] = Reply(page("Home", links=("/one",)), headers={"last-modified": "Sun, 22 Nov 2026 08:00:00 GMT"})
    for name in ("/one", "/hidden"):
        site.routes[name] = Reply(page(name))
    kept = [len(documents(gather("/", web=web))) for web in ({}, {"depth": 1}, {"depth": 1, "sitemaps": True})]
    assert kept == [1, 2, 3]
    assert (site.count("/"), site.count("/one")) == (3, 1)
    gather("/", web={"depth": 1, "sitemaps": True})
    gather("/")
    assert site.count("/") == 3, "as wide as before, or less: nobody is asked again"


def test_a_narrower_depth_goes_no_further_with_what_was_found(site: Site, gather: Gather) -> None:
    """Cut after the first page, then asked for that page alone: its links were followed all the same."""
    site.routes["/"] = Reply(page("Home", links=("/one",)))
    site.routes["/one"] = Reply(page("One"))
    gather("/", web={"depth": 1, "max_pages": 1})
    assert gather("/").figures["totals"]["kept"] == 1 and site.count("/one") == 0
    assert gather("/", web={"depth": 1}).figures["totals"]["kept"] == 2


def test_what_a_setting_refused_is_asked_when_the_setting_is_another(site: Site, gather: Gather) -> None:
    site.routes["/a"] = Reply(page("A", foot="x" * 4000))
    assert reasons(gather("/a", web={"private_addresses": False})) == {"private_address": 1}
    assert reasons(gather("/a", web={"max_bytes": 2000})) == {"too_large": 1}
    assert reasons(gather("/a", web={"max_bytes": 2000})) == {"too_large": 1} and site.count("/a") == 1
    assert len(documents(gather("/a"))) == 1 and site.count("/a") == 2


def test_nofollow_is_heard(site: Site, gather: Gather) -> None:
    site.routes["/"] = Reply(page("Home", links=("/one",), head='<meta name="robots" content="nofollow">'))
    site.routes["/b"] = Reply(page("B", foot='<a rel="nofollow" href="/two">x</a>'))
    gather("/", "/b", web={"depth": 1})
    assert site.paths == ["/robots.txt", "/", "/b"]


def test_pages_that_reserve_their_rights_are_left(site: Site, gather: Gather) -> None:
    site.routes["/a"] = Reply(page("A"), headers={"tdm-reservation": "1"})
    site.routes["/b"] = Reply(page("B", head='<meta name="robots" content="noai, noimageai">'))
    site.routes["/c"] = Reply(page("C", head='<meta name="tdm-reservation" content="0">'))
    made = gather("/a", "/b", "/c")
    assert reasons(made) == {"reserved": 2}
    assert [row["url"] for row in documents(made)] == [f"{site.root}/c"]


def test_no_more_pages_than_asked_and_the_next_run_goes_on(site: Site, gather: Gather) -> None:
    links = tuple(f"/{number}" for number in range(6))
    site.routes["/"] = Reply(page("Home", links=links))
    for link in links:
        site.routes[link] = Reply(page(link))
    made = gather("/", web={"depth": 1, "max_pages": 3})
    assert made.figures["totals"]["kept"] == 3
    assert reasons(made) == {"enough": 4}
    assert gather("/", web={"depth": 1}).figures["totals"]["kept"] == 7
    assert all(site.count(link) == 1 for link in links)


# ---------------------------------------------------------------- what sites do wrong


def test_a_busy_site_is_asked_again_after_the_pause_it_asks_for(site: Site, gather: Gather) -> None:
    def busy(asked: Asked) -> Reply:
        return Reply("later", 429, {"Retry-After": "1"}) if asked.number == 1 else Reply(page("A"))

    site.routes["/a"] = busy
    began = time.monotonic()
    assert gather("/a").figures["totals"]["kept"] == 1
    assert time.monotonic() - began >= 1
    assert site.count("/a") == 2


def test_failures_are_tried_so_often_and_then_left_to_the_next_run(site: Site, gather: Gather) -> None:
    site.routes["/a"] = Reply("broken", 503)
    assert reasons(gather("/a", web={"retries": 2})) == {"busy": 1}
    assert site.count("/a") == 3
    site.routes["/a"] = Reply(page("A"))
    made = gather("/a")
    assert (made.figures["totals"]["kept"], reasons(made)) == (1, {})


def test_nobody_waits_for_a_day(site: Site, gather: Gather) -> None:
    site.routes["/a"] = Reply("later", 503, {"Retry-After": "86400"})
    assert reasons(gather("/a")) == {"busy": 1}
    assert site.count("/a") == 1


def test_a_site_that_only_fails_is_left_alone(site: Site, gather: Gather) -> None:
    links = tuple(f"/{number}" for number in range(30))
    site.routes["/"] = Reply(page("Home", links=links))
    site.routes.update({link: Reply("broken", 500) for link in links})
    made = gather("/", web={"depth": 1, "retries": 0})
    assert reasons(made) == {"server_error": 30}
    assert len(site.paths) == 2 + 8


def test_redirects_are_followed_within_bounds(site: Site, gather: Gather) -> None:
    site.routes["/a"] = Reply(status=301, headers={"Location": "/b"})
    site.routes["/b"] = Reply(page("B"))
    site.routes["/circle"] = Reply(status=302, headers={"Location": "/circle"})
    for number in range(10):
        site.routes[f"/long{number}"] = Reply(status=307, headers={"Location": f"/long{number + 1}"})
    site.routes["/out"] = Reply(status=308, headers={"Location": "http://elsewhere.example/"})
    site.routes["/mail"] = Reply(status=302, headers={"Location": "mailto:a@b.c"})
    made = gather("/a", "/b", "/circle", "/long0", "/out", "/mail")
    assert reasons(made) == {"redirects": 2, "duplicate": 1, "other_site": 1, "bad_address": 1}
    assert site.count("/b") == 1
    assert site.count("/circle") == 1


def test_a_redirect_is_no_way_around_robots(site: Site, gather: Gather) -> None:
    site.routes["/robots.txt"] = Reply("User-agent: *\nDisallow: /secret", kind="text/plain")
    site.routes["/a"] = Reply(status=301, headers={"Location": "/secret"})
    assert reasons(gather("/a")) == {"robots": 1}
    assert "/secret" not in site.paths


def test_an_endless_body_ends(site: Site, gather: Gather) -> None:
    def endless(file: IO[bytes]) -> None:
        for _ in range(10_000):
            file.write(b"<p>and so on</p>" * 4096)

    site.routes["/a"] = Reply(stream=endless)
    site.routes["/b"] = Reply("x", headers={"Content-Length": "99999999999"})
    made = gather("/a", "/b", web={"max_bytes": 100_000})
    assert reasons(made) == {"too_large": 2}


def test_a_bomb_is_not_unpacked(site: Site, gather: Gather) -> None:
    bomb = zlib.compressobj(9, wbits=31)
    data = bomb.compress(bytes(50_000_000)) + bomb.flush()
    site.routes["/a"] = Reply(data, headers={"Content-Encoding": "gzip"})
    site.routes["/sitemap.xml.gz"] = Reply(data, kind="application/gzip")
    made = gather("/a", "/sitemap.xml.gz", web={"max_bytes": 1_000_000})
    assert reasons(made) == {"bomb": 2}


def test_packed_pages_are_unpacked_and_damaged_ones_refused(site: Site, gather: Gather) -> None:
    whole = gzip.compress(page("Packed").encode())
    site.routes["/a"] = Reply(whole, headers={"Content-Encoding": "gzip"})
    site.routes["/b"] = Reply(b"no gzip at all", headers={"Content-Encoding": "gzip"})
    site.routes["/c"] = Reply(whole[:-40], headers={"Content-Encoding": "gzip"})
    site.routes["/d"] = Reply(b"x", headers={"Content-Encoding": "zstd"})
    made = gather("/a", "/b", "/c", "/d", web={"retries": 0})
    assert documents(made)[0]["title"] == "Packed"
    assert reasons(made) == {"damaged": 1, "cut": 1, "packing": 1}


def test_a_cut_body_is_no_page(site: Site, gather: Gather) -> None:
    site.routes["/a"] = Reply("<html>half", headers={"Content-Length": "5000", "Connection": "close"})
    assert reasons(gather("/a", web={"retries": 0, "timeout": 0.5})) in ({"cut": 1}, {"too_slow": 1})


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "utf-8"])
def test_the_bytes_count_more_than_the_charset_that_is_said(site: Site, gather: Gather, encoding: str) -> None:
    text = "守塔的老人每夜數著駛過的船隻，把它們一一記在他的本子裡，風雨也不停歇。" * 6
    site.routes["/a"] = Reply(page("燈塔", text=text).encode(encoding), kind="text/html; charset=iso-8859-1")
    (row,) = documents(gather("/a"))
    assert text[:30] in row["text"]
    assert row["title"] == "燈塔"


def test_other_types_are_refused_before_they_are_read(site: Site, gather: Gather) -> None:
    site.routes["/a.mp4"] = Reply(b"\0" * 5_000_000, kind="video/mp4")
    site.routes["/b"] = Reply("<html><body></body></html>")
    site.routes["/c.txt"] = Reply(SENTENCE, kind="text/plain")
    made = gather("/a.mp4", "/b", "/c.txt")
    assert reasons(made) == {"type": 1, "no_text": 1}
    assert [row["text"] for row in documents(made)] == [SENTENCE]


def test_a_missing_page_is_told(site: Site, gather: Gather) -> None:
    made = gather("/gone")
    assert reasons(made) == {"status": 1}
    assert made.figures["examples"]["status"] == [f"{site.root}/gone HTTP 404"]


def test_addresses_that_are_none(gather: Gather) -> None:
    made = gather("http://", "http://[broken/", "http://user:secret@example.org/", "https://example.org/" + "a" * 3000)
    assert reasons(made) == {"bad_address": 4}


# ---------------------------------------------------------------- the network


def test_off_line_is_one_sentence(gather: Gather, lang: str) -> None:
    began = time.monotonic()
    with pytest.raises(NetworkError) as caught:
        gather("http://127.0.0.1:9/", "http://127.0.0.1:9/b", web={"backoff": 30})
    assert caught.value.code == "E230"
    assert caught.value.exit_code == 5
    assert ("off-line" if lang == "en" else "离线") in str(caught.value)
    assert time.monotonic() - began < 5, "who is off-line need not wait to hear it"


def test_one_dead_site_is_not_the_network(site: Site, gather: Gather) -> None:
    site.routes["/a"] = Reply(page("A"))
    made = gather("/a", "http://127.0.0.1:9/", web={"retries": 1})
    assert made.figures["totals"]["kept"] == 1
    assert reasons(made) == {"unreachable": 1}


def test_the_local_network_is_not_asked_unless_told(site: Site, gather: Gather) -> None:
    site.routes["/a"] = Reply(page("A"))
    made = gather(
        "/a", "http://[::1]/", "http://2130706433/", "http://169.254.169.254/latest", web={"private_addresses": False}
    )
    assert reasons(made) == {"private_address": 4}
    assert site.paths == []


def test_a_page_cannot_send_us_to_the_local_network(
    site: Site, gather: Gather, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that stood for a public address when it was checked must not stand for another when it is used."""
    port = site.root.rpartition(":")[2]
    asked: list[str] = []

    def look_up(host: str, port: int, *more: object, **named: object) -> list[tuple[object, ...]]:
        if host == "127.0.0.1":
            return [(2, 1, 6, "", (host, port))]
        asked.append(host)
        place = "127.0.0.1" if host == "public.example" else "10.0.0.1"
        return [(2, 1, 6, "", (place, port))]

    monkeypatch.setattr("hanlin.text.collect.addresses.socket.getaddrinfo", look_up)
    monkeypatch.setattr("hanlin.text.collect.addresses.is_public", lambda place: place == "127.0.0.1")
    site.routes["/a"] = Reply(status=302, headers={"Location": "http://inner.example/"})
    made = gather(f"http://public.example:{port}/a", web={"private_addresses": False, "same_site": False})
    assert reasons(made) == {"private_address": 1}
    assert made.figures["examples"]["private_address"][0].endswith("inner.example = 10.0.0.1")
    assert site.asked[-1].headers["host"] == f"public.example:{port}", "we connect to the number and name the host"
