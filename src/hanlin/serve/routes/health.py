"""Is it alive, is it ready: for whoever watches over the process. Open without a key."""

from __future__ import annotations

from fastapi import APIRouter, Request

from hanlin.serve.replies import Status
from hanlin.serve.service import service_of

router = APIRouter()


@router.get("/live")
async def live() -> Status:
    """The process answers."""
    return Status(status="live")


@router.get("/ready")
@router.get("/health", include_in_schema=False)
async def ready(request: Request) -> Status:
    """New work would be done. 503 while draining, or where the engine hangs."""
    service_of(request).worker.check_ready()
    return Status(status="ready")
