"""`hanlin serve` in this process: a bundle behind the API, rows while it runs, signals to end it."""

from __future__ import annotations

import io
import os
import signal
import threading
from pathlib import Path

import httpx
import pytest

import hanlin
from hanlin.base.errors import BundleError, ConfigError, InputError
from hanlin.base.progress import Progress
from hanlin.bundle.bundle import annotate_bundle, load_bundle, save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.life.config import ServeJob
from hanlin.life.serve import open_server, page_info_of, serve, until_stopped
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import build_model
from hanlin.serve.server import listen
from hanlin.text.chat import Template
from hanlin.text.config import TokenizerConfig
from hanlin.text.tokenizer_train import train_tokenizer


def make_bundle(folder: Path, *, stage: str = "finetune", scores: dict | None = None) -> Path:
    texts = ["the cat sat on the mat. 猫坐在垫子上。", "hello, who are you? 你好，你是谁？"] * 20
    tokenizer = train_tokenizer(texts, TokenizerConfig(vocab_size=300))
    shape = ModelConfig(vocab_size=tokenizer.vocab_size, hidden_size=32, num_layers=1, num_heads=2, max_seq_len=128)
    return save_bundle(
        folder,
        model=build_model(shape, seed=1),
        tokenizer=tokenizer,
        template=Template.default(tokenizer.special),
        lineage=Lineage(stage, 1),
        scores=scores,
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("serve") / "cat-model")


def get(address: str, path: str) -> httpx.Response:
    return httpx.get(address + path, trust_env=False, timeout=10)


def ask(address: str, model: str) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 3}
    return httpx.post(f"{address}/v1/chat/completions", json=body, trust_env=False, timeout=10)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_rows_tell_how_it_goes_and_a_signal_ends_it(bundle: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    rows = iter(serve(str(bundle), port=0))
    ready = next(rows)
    assert ready["state"] == "ready" and ready["model"] == "cat-model"
    assert ask(ready["address"], "cat-model").status_code == 200
    os.kill(os.getpid(), signal.SIGTERM)
    assert next(rows) == {"state": "draining", "running": 0}
    assert next(rows) == {"state": "stopped", "signal": signal.SIGTERM, "answered": 1}
    assert list(rows) == []
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(httpx.ConnectError):
        get(ready["address"], "/live")


def test_it_can_be_ended_from_elsewhere(bundle: Path) -> None:
    server = open_server(ServeJob(model=str(bundle), port=0, name="cat"))
    threading.Timer(0.3, server.drain).start()
    states = [row["state"] for row in until_stopped(server, Progress("none"))]
    assert states == ["ready", "draining", "stopped"]


def test_rows_that_nobody_reads_on_end_it(bundle: Path) -> None:
    """`hanlin serve | head -1`: the pipe is closed, and with it the server."""
    rows = serve(str(bundle), port=0)
    address = next(rows)["address"]
    rows.close()  # type: ignore[attr-defined]
    with pytest.raises(httpx.ConnectError):
        get(address, "/live")


def test_inside_a_block_it_serves_and_then_no_more(bundle: Path) -> None:
    with open_server(ServeJob(model=str(bundle), port=0)) as server:
        assert get(server.address, "/ready").status_code == 200
    with pytest.raises(httpx.ConnectError):
        get(server.address, "/ready")


def test_in_python_it_is_a_block(bundle: Path) -> None:
    with hanlin.server(bundle, port=0, name="cat") as server:
        assert get(server.address, "/v1/models").json()["data"][0]["id"] == "cat"
    with pytest.raises(httpx.ConnectError):
        get(server.address, "/live")
    with pytest.raises(ConfigError, match="porrt"):
        hanlin.server(bundle, porrt=0)


def test_a_taken_port_is_told(bundle: Path, lang: str) -> None:
    told = io.StringIO()
    with listen("127.0.0.1", 0) as other:
        taken = other.getsockname()[1]
        server = open_server(ServeJob(model=str(bundle), port=taken), progress=Progress("plain", stream=told))
        with server:
            assert server.port != taken
            assert str(taken) in told.getvalue() and str(server.port) in told.getvalue()
            assert ("占用" in told.getvalue()) == (lang == "zh")


def test_two_at_once_do_not_meet(bundle: Path) -> None:
    first = open_server(ServeJob(model=str(bundle), port=0, name="one"))
    second = open_server(ServeJob(model=str(bundle), port=first.port, name="two"))
    with first, second:
        assert get(first.address, "/v1/models").json()["data"][0]["id"] == "one"
        assert get(second.address, "/v1/models").json()["data"][0]["id"] == "two"


def test_the_page_is_told_what_the_bundle_knows(bundle: Path, tmp_path: Path) -> None:
    said = {
        "suggestions": [{"skill": "greeting", "zh": "你好", "en": "Hello"}],
        "skills": [{"skill": "greeting", "zh": "问候", "en": "Greetings", "chance": 0, "before": None, "after": 0.95}],
    }
    page = {
        "suggestions": [{"zh": "你好", "en": "Hello"}],
        "skills": [{"name": "greeting", "zh": "问候", "en": "Greetings", "accuracy": 0.95}],
    }
    told = make_bundle(tmp_path / "told", scores={"demo": said})
    info = page_info_of(load_bundle(told))
    assert [one.model_dump() for one in info.suggestions] == page["suggestions"]
    assert [one.model_dump() for one in info.skills] == page["skills"]
    assert page_info_of(load_bundle(bundle)).skills == ()
    with open_server(ServeJob(model=str(told), port=0, history_turns=5)) as server:
        shown = get(server.address, "/v1/page").json()
        assert shown["model"] == "told" and shown["history_turns"] == 5 and shown["max_seq_len"] == 128
        assert shown["suggestions"] == page["suggestions"] and shown["skills"] == page["skills"]


def test_scores_added_later_reach_the_page(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "later")
    annotate_bundle(folder, scores={"demo": {"suggestions": [{"zh": "二", "en": "two"}]}})
    assert page_info_of(load_bundle(folder)).suggestions[0].en == "two"


def test_a_model_that_only_read_completes_and_does_not_chat(tmp_path: Path) -> None:
    raw = make_bundle(tmp_path / "raw", stage="pretrain")
    with open_server(ServeJob(model=str(raw), port=0)) as server:
        assert ask(server.address, "raw").json()["error"]["code"] == "E972"
        body = {"model": "raw", "prompt": "the cat", "max_tokens": 3}
        assert httpx.post(f"{server.address}/v1/completions", json=body, trust_env=False).status_code == 200


def test_what_cannot_be_served_leaves_no_port_behind(bundle: Path, tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    with pytest.raises(InputError):
        open_server(ServeJob(model="no-such-model", port=port))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "hanlin.json").write_text("{")
    with pytest.raises((BundleError, InputError)):
        open_server(ServeJob(model=str(broken), port=port))
    with open_server(ServeJob(model=str(bundle), port=port)) as server:
        assert server.port == port


def test_the_settings_are_those_of_server_engine_and_model() -> None:
    job = ServeJob(model="m", engine={"max_batch": 2}, host="0.0.0.0", api_key="k")  # type: ignore[arg-type]
    assert (job.engine.max_batch, job.port, job.history_turns) == (2, 8000, 3)
    with pytest.raises(ConfigError):
        ServeJob(host="0.0.0.0")
