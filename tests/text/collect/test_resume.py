"""A collection that is cut and gone on with: nothing twice, nothing half-written; and one that is asked again later."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from tests.text.collect.conftest import QUICK, Gather, documents
from tests.text.collect.site import Asked, Reply, Site, page

from hanlin.base.errors import DiskFull, InputError, MachineError
from hanlin.base.files import FolderLock
from hanlin.text.collect.archive import CONTROL, Archive, Row
from hanlin.text.collect.collect import collect
from hanlin.text.collect.config import CollectConfig
from hanlin.text.readers import read_documents

NUM_PAGES = 12


def fill(site: Site, pause: float = 0.0) -> None:
    """A home page with many links, each answered after a pause."""

    def slow(asked: Asked) -> Reply:
        time.sleep(pause)
        return Reply(page(f"Page {asked.path}"))

    site.routes["/"] = Reply(page("Home", links=tuple(f"/{number}" for number in range(NUM_PAGES))))
    site.routes.update({f"/{number}": slow for number in range(NUM_PAGES)})


PROGRAM = """
import json, sys
from pathlib import Path
from hanlin.text.collect.collect import collect
from hanlin.text.collect.config import CollectConfig
settings = json.loads(sys.argv[1])
collect(CollectConfig(**settings), Path(sys.argv[2]))
"""


def start(settings: dict[str, object], out: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", PROGRAM, json.dumps(settings), str(out)], env=environment)


@pytest.mark.parametrize("kept_as", ["jsonl", "warc"])
def test_kill_at_random_and_go_on(site: Site, tmp_path: Path, kept_as: str) -> None:
    """After every kill what stands is whole; in the end it is what one run gives, and no page was kept twice."""
    fill(site, pause=0.05)
    settings = {"sources": [f"{site.root}/"], "kept_as": kept_as, "web": {**QUICK, "depth": 1}}
    out, dice = tmp_path / "out", random.Random(7)
    for _ in range(6):
        process = start(settings, out)
        while process.poll() is None and len(site.paths) < 3:
            time.sleep(0.02)
        time.sleep(dice.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
    made = collect(CollectConfig(**settings), out)
    assert made.figures["totals"]["kept"] == NUM_PAGES + 1
    kept = documents(made) if kept_as == "jsonl" else list(ArchiveIterator(io.BytesIO(made.path.read_bytes())))
    assert len(kept) == (NUM_PAGES + 1) * (1 if kept_as == "jsonl" else 2)
    journal = (out / CONTROL / "journal.jsonl").read_text().splitlines()
    places = [json.loads(line)["place"] for line in journal[1:]]
    assert len(places) == len(set(places)), "nothing is written down twice"
    # An answer that was on its way when the process died is all that can be asked for again.
    assert sum(site.count(f"/{number}") - 1 for number in range(NUM_PAGES)) <= 6
    assert site.count("/robots.txt") <= 6


def test_a_second_run_asks_nobody(site: Site, gather: Gather) -> None:
    fill(site)
    first = gather("/", web={"depth": 1})
    before = first.path.read_bytes()
    site.asked.clear()
    second = gather("/", web={"depth": 1})
    assert site.paths == []
    assert second.path.read_bytes() == before
    assert second.figures == first.figures


def test_what_was_torn_is_cut_off(site: Site, gather: Gather, tmp_path: Path) -> None:
    fill(site)
    whole = documents(gather("/", web={"depth": 1}))
    journal = tmp_path / "out" / CONTROL / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:6]) + lines[6][:20])  # a kill in the middle of a row
    made = gather("/", web={"depth": 1})
    assert [(row["id"], row["text"]) for row in documents(made)] == [(row["id"], row["text"]) for row in whole]


def test_only_what_changed_is_fetched_again(site: Site, gather: Gather) -> None:
    """Asked again with the conditions of RFC 9110, 13.1: 304 for what stayed, the new version for what did not."""

    def tagged(asked: Asked) -> Reply:
        seen = asked.headers.get("if-none-match")
        return Reply(status=304) if seen == '"1"' else Reply(page("Tagged"), headers={"ETag": '"1"'})

    site.routes["/tagged"] = tagged
    site.routes["/dated"] = Reply(page("Old"), headers={"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"})
    site.routes["/goes"] = Reply(page("Goes"))
    first = gather("/tagged", "/dated", "/goes", refresh=0)
    titles = [row["title"] for row in documents(first)]
    site.routes["/dated"] = Reply(page("New"))
    del site.routes["/goes"]
    second = gather("/tagged", "/dated", "/goes", refresh=0)
    assert titles == ["Tagged", "Old", "Goes"]
    assert sorted(row["title"] for row in documents(second)) == ["Goes", "New", "Tagged"], "the old version is gone"
    assert site.asked[-2].headers["if-modified-since"] == "Wed, 21 Oct 2015 07:28:00 GMT"
    assert second.path != first.path
    assert not first.path.exists()
    site.asked.clear()
    gather("/tagged", refresh=30)
    assert site.paths == [], "asked less than 30 days ago"


def test_a_feed_that_grows(site: Site, gather: Gather) -> None:
    def feed(*paths: str) -> Reply:
        items = "".join(f"<item><link>{site.root}{path}</link></item>" for path in paths)
        return Reply(f"<rss><channel>{items}</channel></rss>", kind="application/rss+xml")

    site.routes.update({"/a": Reply(page("A")), "/b": Reply(page("B")), "/rss": feed("/a")})
    gather("/rss")
    site.routes["/rss"] = feed("/b", "/a")
    assert gather("/rss").figures["totals"]["kept"] == 1
    assert gather("/rss", refresh=0).figures["totals"]["kept"] == 2


def test_sources_can_be_added(site: Site, gather: Gather) -> None:
    site.routes.update({"/a": Reply(page("A")), "/b": Reply(page("B"))})
    gather("/a")
    assert gather("/a", "/b").figures["totals"]["kept"] == 2
    assert site.count("/a") == 1


# ---------------------------------------------------------------- WARC


def test_warc_holds_the_page_as_it_came_and_what_is_known_of_it(site: Site, gather: Gather) -> None:
    body = page("Lighthouse", foot='<a href="https://creativecommons.org/licenses/by/4.0/">CC BY</a>')
    packed = gzip.compress(body.encode())
    headers = {"Content-Encoding": "gzip", "Set-Cookie": "who=you", "ETag": '"7"'}
    site.routes["/a"] = Reply(packed, headers=headers)
    made = gather("/a", kept_as="warc")
    data = made.path.read_bytes()
    assert made.path.name == "documents-1.warc.gz"
    records = []
    assert all(record.verify_block_digest() for record in ArchiveIterator(io.BytesIO(data), parse_http=False))
    for record in ArchiveIterator(io.BytesIO(data), parse_http=True):
        headers = dict(record.http_headers.items()) if record.http_headers else {}
        records.append((record.record_type, dict(record.headers.items()), headers, record.reader.read()))
    (kind, warc, http, content), (second, _, _, fields) = records
    assert (kind, second) == (WarcRecordType.response, WarcRecordType.metadata)
    assert warc["WARC-Target-URI"] == f"{site.root}/a"
    assert warc["Hanlin-Licence"] == "CC-BY-4.0"
    assert content == body.encode(), "stored unpacked, with a header that says so"
    assert http["Content-Length"] == str(len(body.encode()))
    assert http["ETag"] == '"7"'
    assert not [name for name in http if name.lower() in ("content-encoding", "set-cookie")]
    assert "licence: CC-BY-4.0" in fields.decode()
    assert data.count(b"\x1f\x8b\x08") == 2, "each record is a member of its own"


def test_a_collection_keeps_its_form(site: Site, gather: Gather, lang: str) -> None:
    site.routes["/a"] = Reply(page("A"))
    gather("/a")
    with pytest.raises(InputError) as caught:
        gather("/a", kept_as="warc")
    assert caught.value.code == "E232"
    assert "jsonl" in str(caught.value)


# ---------------------------------------------------------------- the folder


def test_two_cannot_collect_into_one_folder(site: Site, gather: Gather, tmp_path: Path) -> None:
    with FolderLock(tmp_path / "out" / CONTROL), pytest.raises(MachineError):
        gather("/a")


def test_a_full_disk_adds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(tmp_path, "jsonl")
    archive.add(Row("a", "kept", num_documents=1), [b'{"text": "whole"}\n'])

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hanlin.text.collect.archive.fsync", full)
    with pytest.raises(DiskFull):
        archive.add(Row("b", "kept", num_documents=1), [b'{"text": "half'])
    monkeypatch.undo()
    archive.add(Row("c", "kept", num_documents=1), [b'{"text": "more"}\n'])
    archive.close()
    assert archive.path.read_bytes() == b'{"text": "whole"}\n{"text": "more"}\n'
    again = Archive(tmp_path, "jsonl")
    assert list(again.rows) == ["a", "c"]
    again.close()


def test_the_readers_of_a_corpus_read_it(site: Site, gather: Gather) -> None:
    fill(site)
    made = gather("/", web={"depth": 1})
    found = list(read_documents([made.path], on_drop=lambda one: pytest.fail(str(one))))
    assert len(found) == NUM_PAGES + 1
    assert {document.meta["licence"] for document in found} == {"unknown"}
    assert found[0].meta["url"] == f"{site.root}/"
