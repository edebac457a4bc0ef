"""`hanlin serve`: a model behind an OpenAI-compatible API and a chat page, until a signal ends it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import queue
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from hanlin.base.errors import Interrupted
from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.bundle.bundle import Bundle, start_token
from hanlin.infer.config import SamplingParams
from hanlin.infer.engine import Engine
from hanlin.infer.infill import filler_for
from hanlin.infer.predict import Predictor
from hanlin.life.config import ServeJob
from hanlin.life.load import Model
from hanlin.life.open import open_bundle
from hanlin.life.places import name_of
from hanlin.life.settings import Given, settled
from hanlin.life.skills import SCORES
from hanlin.life.talk import answers
from hanlin.serve.abilities import Abilities
from hanlin.serve.app import build_app
from hanlin.serve.page import PageInfo, Skill, Suggestion
from hanlin.serve.server import Server, listen

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
Row = Mapping[str, Any]


def serve(config: Given[ServeJob] = None, *, progress: Progress | None = None, **settings: Any) -> Iterator[Row]:
    """Serve a model; the rows say when it is ready, when it drains and when it has stopped.

    The first signal lets running answers finish, a second one ends at once. Raises InputError, BundleError,
    MachineError where nothing can be served, Interrupted after a second signal.
    """
    job, progress = settled(ServeJob, config, settings, first="model").value, progress or Progress("none")
    return until_stopped(open_server(job, progress=progress), progress)


def server(model: str | Path = "", *, progress: Progress | None = None, **settings: Any) -> Server:
    """A model behind the API and the page, in this process: `with hanlin.server("demo") as server: server.address`.

    It answers inside the block and lets running answers finish at its end. model: what `hanlin serve` takes; settings:
    the fields of ServeJob. Raises InputError, BundleError, MachineError, ConfigError.
    """
    return open_server(ServeJob(model=str(model), **settings), progress=progress)


def open_server(job: ServeJob, *, page_info: PageInfo | None = None, progress: Progress | None = None) -> Server:
    """A server for a model, its port taken, not yet started. Raises InputError, BundleError, MachineError."""
    progress = progress or Progress("none")
    listener = listen(job.host, job.port)
    try:
        bundle = open_bundle(job.model, device=job.device, pickles=job.pickles)
        writes = bundle.config.arch != "encoder" and bundle.config.head.kind != "none"
        app = build_app(
            warm_engine(bundle, job) if writes else None,
            bundle.tokenizer,  # type: ignore[arg-type]  # open_bundle refuses a bundle without one
            bundle.template if writes and answers(bundle) else None,
            name=job.name or name_of(bundle.path),
            config=job,
            fingerprint=bundle.info.fingerprint,
            page_info=page_info or page_info_of(bundle),
            abilities=abilities_of(Model(bundle)),
            max_seq_len=bundle.config.max_seq_len,
        )
    except BaseException:
        listener.close()
        raise
    server = Server(app, listener=listener, config=job)
    if job.port not in (0, server.port):
        progress.note(say("life.port_taken", wanted=job.port, port=server.port))
    return server


def warm_engine(bundle: Bundle, job: ServeJob) -> Engine:
    """An engine that has written a token: what is made on first use is there before the first question."""
    assert bundle.tokenizer is not None
    engine = Engine(bundle.model, bundle.tokenizer, config=job.engine, start=start_token(bundle.path))
    engine.generate([bundle.tokenizer.special.bos], SamplingParams(max_tokens=1))
    return engine


def abilities_of(model: Model) -> Abilities:
    """What a model can be asked at the API beside chat and completions."""
    arch, head = model.config.arch, model.config.head
    labels = head.task.kind == "sequence" and head.task.problem != "value"
    return Abilities(
        embedder=model.embedder,
        filler=filler_for(model.tokenizer, arch),
        scorer=model.scorer if arch == "decoder" and head.kind != "none" else None,
        predictor=Predictor(model.model, model.tokenizer) if labels else None,
        reads_first=arch in ("encoder_decoder", "prefix"),
    )


def page_info_of(bundle: Bundle) -> PageInfo:
    """What a bundle itself says of its skills and of what to try: `{"skills": [{"skill", "zh", "en", "after"}],
    "suggestions": [{"zh", "en"}]}` among its scores. Nothing where it says nothing."""
    said = bundle.scores.get(SCORES, {})
    return PageInfo(
        suggestions=tuple(Suggestion(zh=row["zh"], en=row["en"]) for row in said.get("suggestions", ())),
        skills=tuple(
            Skill(name=row["skill"], zh=row["zh"], en=row["en"], accuracy=row.get("after"))
            for row in said.get("skills", ())
        ),
        version=_version(),
    )


def _version() -> str:
    try:
        return importlib.metadata.version("hanlin")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return ""


def until_stopped(server: Server, progress: Progress) -> Iterator[Row]:
    """Serve until a signal comes (where this is the main thread), the server is drained from elsewhere, or nobody asks
    for another row."""
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()
    with _caught(signals), _log_lines(progress), contextlib.ExitStack() as last:
        last.callback(_cut, server)  # where nobody asks for further rows, nobody is served any more
        server.start()
        progress.note(say("life.serving", model=server.model_name, address=server.address))
        yield {"state": "ready", "address": server.address, "model": server.model_name, "page": server.has_page}
        signum = _first_signal(server, signals)
        running = server.worker.num_waited_for
        server.drain()
        if running:
            progress.note(say("life.draining", running=running))
        yield {"state": "draining", "running": running}
        _finish(server, signals)
    progress.note(say("life.stopped", answered=server.worker.num_answered))
    yield {"state": "stopped", "signal": signum, "answered": server.worker.num_answered}


def _first_signal(server: Server, signals: queue.SimpleQueue[int]) -> int | None:
    while not server.wait(0):
        with contextlib.suppress(queue.Empty):
            return signals.get(timeout=0.2)
    return None


def _cut(server: Server) -> None:
    if not server.wait(0):
        server.stop()
        server.wait()


def _finish(server: Server, signals: queue.SimpleQueue[int]) -> None:
    """Wait for the drained server; a second signal ends it at once."""
    while not server.wait(0.05):
        if not signals.empty():
            _cut(server)
            raise Interrupted("life.serve_cut", signum=signals.get())


@contextlib.contextmanager
def _caught(signals: queue.SimpleQueue[int]) -> Iterator[None]:
    """Signals go into the queue inside the block; elsewhere than in the main thread they cannot be caught."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def put(signum: int, frame: FrameType | None) -> None:
        signals.put(signum)

    before = {signum: signal.signal(signum, put) for signum in _SIGNALS}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextlib.contextmanager
def _log_lines(progress: Progress) -> Iterator[None]:
    """One line per request on stderr, unless silence was asked for."""
    log, handler = logging.getLogger("hanlin.serve"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    handler.setLevel(logging.WARNING if progress.mode == "none" else logging.INFO)
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
