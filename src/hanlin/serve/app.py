"""The HTTP application around a live engine. Which model, which file, which port is the caller's affair."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hanlin.serve.abilities import Abilities
from hanlin.serve.config import ServeConfig
from hanlin.serve.desk import Desk
from hanlin.serve.faults import fault_of
from hanlin.serve.guard import Guard
from hanlin.serve.page import PageInfo, load_assets
from hanlin.serve.prompts import Prompts
from hanlin.serve.routes import chat, completions, embeddings, health, models, page, predict
from hanlin.serve.schema import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    EngineCompletionRequest,
    PredictRequest,
    Record,
)
from hanlin.serve.service import Service
from hanlin.serve.worker import SilentWriter, Worker, Writer
from hanlin.text.chat import Template
from hanlin.text.tokenizer import Tokenizer

_ROUTERS = tuple(one.router for one in (health, models, chat, completions, embeddings, predict, page))
_BODIES: dict[str, type[Record]] = {
    "/v1/chat/completions": ChatRequest,
    "/v1/completions": CompletionRequest,
    "/v1/embeddings": EmbeddingRequest,
    "/predict": PredictRequest,
    "/v1/engines/{model}/completions": EngineCompletionRequest,
}


def build_app(
    engine: Writer | None,
    tokenizer: Tokenizer,
    template: Template | None,
    *,
    name: str,
    config: ServeConfig,
    fingerprint: str = "",
    page_info: PageInfo | None = None,
    abilities: Abilities | None = None,
    max_seq_len: int = 0,
) -> FastAPI:
    """The server's application. template: None for a model that only continues texts; engine: None for one that writes
    none, whose `max_seq_len` then is told. abilities: what it can do besides.

    The engine's thread begins with the application's lifespan and ends with it.
    """
    abilities = replace(abilities or Abilities(), writes=engine is not None)
    engine = engine or SilentWriter(max_seq_len)
    worker, most = Worker(engine, config), engine.max_seq_len
    return _routed(
        Service(
            name=name,
            max_seq_len=most,
            fingerprint=f"fp_{fingerprint[:12] or 'unknown'}",
            tokenizer=tokenizer,
            prompts=Prompts(tokenizer, template, max_seq_len=most, framed=abilities.reads_first),
            worker=worker,
            desk=Desk(worker, config),
            abilities=abilities,
            config=config,
            page=page_info or PageInfo(),
            assets=load_assets() if config.page and abilities.writes else {},
        )
    )


def _routed(service: Service) -> FastAPI:
    # No documentation pages: they load scripts from elsewhere. /openapi.json is there for tools.
    app = FastAPI(title="Hanlin", lifespan=_lifespan, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.service = service
    for router in _ROUTERS:
        app.include_router(router)
    for path in service.assets:
        app.add_route(path, page.asset, methods=["GET"], include_in_schema=False)
    app.add_middleware(Guard, config=service.config, assets=service.assets)
    app.add_exception_handler(HTTPException, _routing_error)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    service.worker.start()
    yield
    service.worker.stop()
    service.desk.close()


async def _routing_error(request: Request, error: Exception) -> Response:
    return fault_of(error).response()


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, with the bodies that our own reader checks."""
    document: dict[str, Any] = FastAPI.openapi(app)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    _, defined = models_json_schema(
        [(cls, "validation") for cls in _BODIES.values()], ref_template="#/components/schemas/{model}"
    )
    schemas.update(defined["$defs"])
    for path, cls in _BODIES.items():
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{cls.__name__}"}}}
        document["paths"][path]["post"]["requestBody"] = {"required": True, "content": content}
    return document
