"""POST /v1/embeddings: texts to vectors."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from starlette.responses import Response

from hanlin.base.errors import InputError
from hanlin.infer.embed import Embedder, Vectors
from hanlin.serve.body import read_record
from hanlin.serve.faults import Refusal
from hanlin.serve.replies import Embedding, EmbeddingList, EmbeddingUsage, ErrorReply
from hanlin.serve.schema import EmbeddingRequest
from hanlin.serve.service import Service, service_of

router = APIRouter()


@router.post("/v1/embeddings", response_model=EmbeddingList, responses={"4XX": {"model": ErrorReply}})
async def embeddings(request: Request) -> Response:
    """One vector per text."""
    service = service_of(request)
    parsed = await read_record(request, EmbeddingRequest, strict=service.config.strict)
    record = parsed.record
    service.check_model(record.model)
    service.need("embeddings")
    embedder = service.abilities.embedder
    assert embedder is not None, "it was asked for"
    if record.dimensions not in (None, embedder.width):
        raise Refusal("serve.dimensions", status=400, param="dimensions", width=embedder.width)
    vectors = await service.desk.call(lambda: embedded(service, embedder, record), request, param="input")
    data = [
        Embedding(index=place, embedding=written(vector, record.encoding_format))
        for place, vector in enumerate(vectors.values)
    ]
    usage = EmbeddingUsage(prompt_tokens=vectors.num_tokens, total_tokens=vectors.num_tokens)
    headers = {**parsed.headers(), **({"x-hanlin-cut": str(vectors.num_cut)} if vectors.num_cut else {})}
    whole = EmbeddingList(data=data, model=service.name, usage=usage)
    return Response(whole.model_dump_json(), headers=headers, media_type="application/json")


def embedded(service: Service, embedder: Embedder, record: EmbeddingRequest) -> Vectors:
    """The vectors of a request; ids are checked, texts are encoded."""
    texts = [one for one in record.input if isinstance(one, str)]
    size = service.tokenizer.vocab_size
    for ids in (one for one in record.input if not isinstance(one, str)):
        if (largest := max(ids)) >= size:
            raise InputError("infer.token_unknown", token_id=largest, place=ids.index(largest), vocab_size=size)
    encoded: list[Any] = service.tokenizer.encode_batch(texts) if texts else list(record.input)
    return embedder.embed_ids(encoded, overflow=record.overflow)


def written(vector: NDArray[np.float32], form: str) -> list[float] | str:
    """A vector as a request wants it: OpenAI's base64 is that of little-endian float32."""
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
    return [float(value) for value in vector]
