"""Which model is served."""

from __future__ import annotations

from fastapi import APIRouter, Request

from hanlin.serve.replies import ModelCard, ModelList
from hanlin.serve.service import Service, service_of

router = APIRouter()


@router.get("/v1/models")
async def list_models(request: Request) -> ModelList:
    """The one model there is."""
    return ModelList(data=[_card(service_of(request))])


@router.get("/v1/models/{model:path}")
async def model(request: Request, model: str) -> ModelCard:
    """One model by its name; 404 for any other."""
    service = service_of(request)
    service.check_model(model)
    return _card(service)


def _card(service: Service) -> ModelCard:
    return ModelCard(
        id=service.name, created=service.created, max_model_len=service.max_seq_len, capabilities=service.able
    )
