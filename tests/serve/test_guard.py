"""Who may ask: names, origins, keys; and what every response carries."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.serve.conftest import Live, fault, serving

from hanlin.serve.guard import CONTENT_POLICY, OPEN_PATHS

KEY = "sk-a-long-and-secret-key"


@pytest.fixture(scope="module")
def locked(model: Any, tokenizer: Any) -> Iterator[Live]:
    """A server that asks for a key."""
    with serving(model, tokenizer, api_key=KEY) as found:
        yield found


def head(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


# ---------------------------------------------------------------- every response


def test_every_response_has_an_id_and_closed_doors(live: Live) -> None:
    bad = live.client.get("/nowhere")
    for response in (live.client.get("/live"), live.client.get("/v1/models"), live.chat(stream=True), bad):
        assert response.headers["x-request-id"].startswith("req-")
        assert response.headers["content-security-policy"] == CONTENT_POLICY
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["x-frame-options"] == "DENY"
        assert "server" not in response.headers and "access-control-allow-origin" not in response.headers
    assert bad.headers["cache-control"] == "no-store"


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    parts = dict(part.strip().split(" ", 1) for part in CONTENT_POLICY.split(";"))
    assert parts["default-src"] == "'none'" and parts["script-src"] == "'self'" and parts["connect-src"] == "'self'"
    assert "unsafe" not in CONTENT_POLICY and "http" not in CONTENT_POLICY and "*" not in CONTENT_POLICY


@pytest.mark.parametrize(("given", "kept"), [("a-b_C9", True), ("x" * 64, True), ("x" * 65, False), ("a b", False)])
def test_a_callers_own_id_is_kept_where_it_is_harmless(live: Live, given: str, kept: bool) -> None:
    response = live.client.get("/live", headers={"x-request-id": given})
    assert (response.headers["x-request-id"] == given) == kept


# ---------------------------------------------------------------- routes


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1", "/v1/models/", "//v1/models", "/v1/%2e%2e/metrics", "/docs", "/redoc"]
)
def test_unknown_addresses_say_so_in_json(live: Live, path: str) -> None:
    answer = live.raw(head(f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close"))
    assert status(answer) == 404
    error = json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]
    assert error["type"] == "invalid_request_error" and error["code"] in ("E974", "model_not_found")


def test_wrong_methods_say_so_in_json(live: Live) -> None:
    response = live.client.get("/v1/chat/completions")
    fault(response, 405, "E975")
    assert response.headers["allow"] == "POST"
    fault(live.client.post("/v1/models"), 405, "E975")
    fault(live.client.options("/v1/chat/completions", headers={"origin": "http://localhost:5173"}), 405, "E975")
    fault(live.client.delete("/live"), 405, "E975")


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST", "127.0.0.2", "[::1]:{port}"])
def test_names_of_this_machine_are_answered(live: Live, host: str) -> None:
    line = f"Host: {host.format(port=live.port)}"
    assert status(live.raw(head("GET /live HTTP/1.1", line, "Connection: close"))) == 200


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Host: evil.example"], 421),
        (["Host: localhost.evil.example"], 421),
        (["Host: 10.0.0.7:8000"], 421),
        (["Host: localhost/v1/models?"], 400),
        (["Host: user@localhost"], 400),
        (["Host: "], 400),
        (["Host: localhost", "Host: localhost"], 400),
        ([], 400),
    ],
)
def test_names_of_others_are_not(live: Live, lines: list[str], expected: int) -> None:
    """A page whose name was bound to 127.0.0.1 reaches the port, but names its own host (DNS rebinding)."""
    answer = live.raw(head("GET /live HTTP/1.1", *lines, "Connection: close"))
    assert status(answer) == expected
    code = {421: "E978", 400: "E976"}[expected]
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]["code"] == code


def test_further_names_can_be_allowed(serve: Any) -> None:
    with serve(allowed_hosts=["models.example"]) as found:
        assert found.client.get("/live", headers={"host": "models.example"}).status_code == 200
        fault(found.client.get("/live", headers={"host": "other.example"}), 421, "E978")


def test_open_to_others_every_name_is_answered_but_the_key_is_needed(serve: Any) -> None:
    with serve(host="0.0.0.0", api_key=KEY) as found:
        assert found.server.address.startswith("http://127.0.0.1:")
        assert found.client.get("/live", headers={"host": "models.example"}).status_code == 200
        fault(found.client.get("/v1/models", headers={"host": "models.example"}), 401, "E980")
        same = {"authorization": f"Bearer {KEY}", "host": "a.example:80", "origin": "https://a.example"}
        assert found.client.get("/v1/models", headers=same).status_code == 200
        assert found.client.get("/v1/models", headers={**same, "host": "a.example"}).status_code == 200
        fault(found.client.get("/v1/models", headers={**same, "origin": "https://b.example"}), 403, "E979")


# ---------------------------------------------------------------- origins


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost.evil.example", "http://a\\@localhost", "file://"]
)
def test_pages_of_strangers_may_not_ask(live: Live, origin: str) -> None:
    fault(live.chat_with({"origin": origin}), 403, "E979")


def test_pages_of_this_machine_may(live: Live) -> None:
    """The page itself, and a development server on another port that passes requests on."""
    for origin in (live.server.address, "http://localhost:5173", "http://[::1]:5173"):
        assert live.chat_with({"origin": origin}).status_code == 200


# ---------------------------------------------------------------- keys


def given_keys() -> list[dict[str, str]]:
    wrong = ["x", KEY.upper(), KEY[:-1], KEY + "x", "' OR 1=1", "x" * 60_000]
    return [
        {},
        *({"authorization": f"Bearer {key}"} for key in wrong),
        {"authorization": KEY},
        {"authorization": f"Basic {KEY}"},
        {"x-api-key": KEY},
        {"api-key": KEY},
    ]


@pytest.mark.parametrize("headers", given_keys(), ids=lambda headers: str(headers)[:40])
def test_without_the_key_nothing_is_answered(locked: Live, headers: dict[str, str]) -> None:
    error = fault(locked.client.get("/v1/models", headers=headers), 401, "E980")
    assert error["code"] == "invalid_api_key" and KEY not in error["message"]


def test_a_key_in_the_address_or_twice_is_none(locked: Live) -> None:
    fault(locked.client.get(f"/v1/models?api_key={KEY}"), 401, "E980")
    line = f"Authorization: Bearer {KEY}"
    assert (
        status(locked.raw(head("GET /v1/models HTTP/1.1", "Host: localhost", line, line, "Connection: close"))) == 401
    )


def test_with_the_key_everything_is(locked: Live) -> None:
    response = locked.client.get("/v1/models", headers={"authorization": f"bearer {KEY}"})
    assert response.status_code == 200


def test_every_route_but_the_open_ones_needs_the_key(locked: Live) -> None:
    """The list is the application's own, so that a route added later is closed until somebody opens it."""
    app = locked.server.app
    described = {path.replace("{model}", "tiny") for path in app.openapi()["paths"]}
    assert len(described) >= 8
    plain = {route.path for route in app.routes if hasattr(route, "path")}
    opened = OPEN_PATHS | set(app.state.service.assets)  # the page itself, so that it can ask for the key
    for path, method in itertools.product(described | plain, ("GET", "POST")):
        if path not in opened:
            fault(locked.client.request(method, path), 401, "E980")
    for path in ("/nowhere", "/v1/nowhere", "//live", "/live/", "/live/../v1/models"):
        assert status(locked.raw(head(f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close"))) == 401
    assert all(locked.client.get(path).status_code == 200 for path in OPEN_PATHS)


def test_the_pages_files_are_open_and_its_data_is_not(serve: Any, built_page: Path) -> None:
    with serve(api_key=KEY) as found:
        assert found.client.get("/").status_code == 200
        assert found.client.get("/assets/a-1.js").status_code == 200
        fault(found.client.get("/v1/page"), 401, "E980")
        fault(found.client.get("/assets/other.js"), 401, "E980")


# ---------------------------------------------------------------- HTTP that smuggles


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: +5"],
        ["Content-Length: -1"],
        ["Transfer-Encoding: chunked, chunked"],
        ["X: a\0b"],
        ["X" * 1_000_000 + ": a"],
    ],
    ids=lambda lines: str(lines)[:50],
)
def test_heads_with_two_meanings_are_refused(live: Live, lines: list[str]) -> None:
    answer = live.raw(head("POST /v1/completions HTTP/1.1", "Host: localhost", *lines, body=b"0\r\n\r\nG"))
    assert 400 <= status(answer) < 500
    assert b"connection: close" in answer.lower()
    assert live.client.get("/live").status_code == 200


def test_a_folded_header_is_one_header(live: Live) -> None:
    """RFC 9112, 5.2: a server refuses the fold or reads it as a space; it must not take it for a second header."""
    answer = live.raw(head("GET /live HTTP/1.1", "Host: localhost", "X: a", " Host: other", "Connection: close"))
    assert status(answer) == 200


def test_headers_have_a_number(live: Live) -> None:
    lines = [f"X-{number}: a" for number in range(200)]
    answer = live.raw(head("GET /live HTTP/1.1", "Host: localhost", *lines, "Connection: close"))
    assert status(answer) == 431 and b"E977" in answer


def test_what_is_no_http_gets_json(live: Live) -> None:
    answer = live.raw(b"HELLO\r\n\r\n")
    assert status(answer) == 400 and b'"code": "E976"' in answer
