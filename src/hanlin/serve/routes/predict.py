"""POST /predict: labels of texts, by a model that was fine-tuned to give them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from hanlin.serve.body import read_record
from hanlin.serve.faults import Refusal
from hanlin.serve.replies import ErrorReply, PredictLimits, PredictReply
from hanlin.serve.schema import PredictRequest
from hanlin.serve.service import service_of

router = APIRouter()


@router.post("/predict", response_model=PredictReply, responses={"4XX": {"model": ErrorReply}})
async def predict(request: Request) -> Response:
    """The likeliest label of each text, and the probabilities of all."""
    service = service_of(request)
    parsed = await read_record(request, PredictRequest, strict=service.config.strict)
    record, most = parsed.record, service.config.max_texts
    if record.model is not None:
        service.check_model(record.model)
    service.need("classification")
    predictor = service.abilities.predictor
    assert predictor is not None, "it was asked for"
    if len(record.text) > most:
        raise Refusal("serve.many_texts", status=400, param="text", count=len(record.text), most=most)
    found = await service.desk.call(
        lambda: predictor.predict(record.text, overflow=record.overflow), request, param="text"
    )
    whole = PredictReply(
        predictions=found.probabilities.tolist(),
        labels=[one.label for one in found],
        confidence=[one.score for one in found],
        chosen=[list(one.labels) for one in found],
        classes=list(found.labels),
        cut=found.num_cut,
        split=found.num_split,
        limits=PredictLimits(texts=most, tokens=predictor.framer.max_tokens),
        model=service.name,
    )
    return Response(whole.model_dump_json(), headers=parsed.headers(), media_type="application/json")
