"""The chat page and what it is told."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from hanlin.serve.page import PageBody
from hanlin.serve.service import service_of

router = APIRouter()


@router.get("/v1/page")
async def page(request: Request) -> PageBody:
    """What the page shows besides the conversation."""
    service = service_of(request)
    return PageBody(
        model=service.name,
        history_turns=service.config.history_turns,
        max_seq_len=service.max_seq_len,
        suggestions=list(service.page.suggestions),
        skills=list(service.page.skills),
        version=service.page.version,
    )


async def asset(request: Request) -> Response:
    """One built file of the page; registered by `build_app` for exactly the paths there are."""
    return service_of(request).assets[request.scope["path"]].response(request)
