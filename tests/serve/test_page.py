"""The page's files and what it is told; the routes around it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.serve.conftest import MAX_SEQ_LEN, Live, fault

from hanlin.serve.guard import CONTENT_POLICY
from hanlin.serve.page import WEB, load_assets


def test_the_page_is_told_what_it_shows(live: Live) -> None:
    assert live.client.get("/v1/page").json() == {
        "model": "tiny",
        "history_turns": 3,
        "max_seq_len": MAX_SEQ_LEN,
        "suggestions": [{"zh": "三加四是多少？", "en": "What is three plus four?"}],
        "skills": [{"name": "sums", "zh": "加法", "en": "Sums", "accuracy": 0.97}],
        "version": "0.1.0",
    }


def test_the_models_are_one(live: Live) -> None:
    listed = live.client.get("/v1/models").json()
    (card,) = listed["data"]
    assert listed["object"] == "list" and card["id"] == "tiny" and card["object"] == "model"
    assert card["max_model_len"] == MAX_SEQ_LEN and isinstance(card["created"], int)
    assert live.client.get("/v1/models/tiny").json() == card
    fault(live.client.get("/v1/models/..%2f..%2fetc/passwd"), 404, "E973")
    fault(live.client.get("/v1/models/other"), 404, "E973")


def test_alive_and_ready(live: Live) -> None:
    assert live.client.get("/live").json() == {"status": "live"}
    assert live.client.get("/ready").json() == live.client.get("/health").json() == {"status": "ready"}


def test_the_page_is_served_under_a_strict_policy(serve: Callable[..., Any], built_page: Path) -> None:
    with serve() as live:
        index = live.client.get("/")
        assert index.status_code == 200 and index.headers["content-type"] == "text/html; charset=utf-8"
        assert index.text == (built_page / "index.html").read_text()
        assert index.headers["content-security-policy"] == CONTENT_POLICY
        assert index.headers["cache-control"] == "no-cache"
        assert live.server.has_page
        assert live.client.get("/index.html").text == index.text
        fault(live.client.post("/"), 405, "E975")


def test_files_of_the_page_are_packed_and_kept(serve: Callable[..., Any], built_page: Path) -> None:
    with serve() as live:
        script = (built_page / "assets" / "a-1.js").read_bytes()
        packed = live.client.get("/assets/a-1.js")
        assert packed.headers["content-encoding"] == "gzip" and packed.content == script
        assert packed.headers["content-type"] == "text/javascript; charset=utf-8"
        assert "immutable" in packed.headers["cache-control"]
        plain = live.client.get("/assets/a-1.js", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers and plain.content == script
        again = live.client.get("/assets/a-1.js", headers={"if-none-match": packed.headers["etag"]})
        assert again.status_code == 304 and again.content == b""
        assert live.client.get("/manifest.json").headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "path", ["/assets/../../app.py", "/assets/%2e%2e/index.html", "/assets//a-1.js", "/assets/", "/assets"]
)
def test_no_path_leads_out_of_the_page(serve: Callable[..., Any], built_page: Path, path: str) -> None:
    (built_page.parent / "app.py").write_text("secret")
    with serve() as live:
        answer = live.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 404") and b"secret" not in answer


def test_without_a_page_there_is_the_api(serve: Callable[..., Any], built_page: Path) -> None:
    with serve(page=False) as live:
        fault(live.client.get("/"), 404, "E974")
        assert not live.server.has_page
        assert live.client.get("/v1/page").status_code == 200
    (built_page / "index.html").unlink()
    assert load_assets(built_page) == {}


def test_packing_is_the_same_every_time(built_page: Path) -> None:
    first, second = load_assets(built_page), load_assets(built_page)
    assert first == second
    asset = first["/assets/a-1.js"]
    assert asset.packed is not None and gzip.decompress(asset.packed) == asset.data
    assert first["/"].packed is None, "too small to gain anything"


def test_the_built_page_is_whole() -> None:
    """Every file that index.html names is there."""
    assets = load_assets(WEB)
    if not assets:
        pytest.skip("the page is not built in this checkout")
    index = assets["/"].data.decode()
    names = [part.split('"')[0] for part in index.replace("'", '"').split('="')[1:]]
    wanted = [name.removeprefix(".") for name in names if name.startswith(("/", "./"))]
    assert wanted and [name for name in wanted if name not in assets] == []
    assert "http://" not in index and "https://" not in index


def test_the_api_describes_itself(live: Live) -> None:
    document = live.client.get("/openapi.json").json()
    body = document["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schemas = document["components"]["schemas"]
    assert body == {"$ref": "#/components/schemas/ChatRequest"}
    assert schemas["ChatRequest"]["properties"]["n"]["maximum"] == 128
    assert {"ChatCompletion", "Completion", "ModelList", "PageBody", "ErrorReply"} <= set(schemas)
    text = live.client.get("/openapi.json").text
    refs = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert refs - set(schemas) == set(), "every reference leads somewhere"
