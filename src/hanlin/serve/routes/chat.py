"""POST /v1/chat/completions: a conversation in, its next turn out, whole or as it is written."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from hanlin.infer.request import Finish, Generation, Token
from hanlin.serve.body import read_record
from hanlin.serve.replies import (
    AnswerMessage,
    ChatChoice,
    ChatChunk,
    ChatCompletion,
    ChatLogprobs,
    ChunkChoice,
    Delta,
    ErrorReply,
    TokenLogprob,
    TopLogprob,
    Usage,
)
from hanlin.serve.schema import ChatRequest
from hanlin.serve.service import Service, gathered, new_id, orders, service_of, usage_of
from hanlin.serve.sse import EventStream

router = APIRouter()


@router.post("/v1/chat/completions", response_model=ChatCompletion, responses={"4XX": {"model": ErrorReply}})
async def chat(request: Request) -> Response:
    """Answer a conversation."""
    service = service_of(request)
    parsed = await read_record(request, ChatRequest, strict=service.config.strict)
    record, headers = parsed.record, parsed.headers()
    service.check_model(record.model)
    if not service.abilities.writes:
        service.need("chat")
    prompt_ids = await service.prompts.chat(record.messages)
    params = service.sampling(
        record,
        limit=record.token_limit,
        num_prompt_tokens=len(prompt_ids),
        logprobs=record.num_logprobs,
        param="messages",
    )
    answers = service.worker.submit(orders(prompt_ids, params, record.n), param="messages")
    script = ChatScript(service, record)
    if record.stream:
        return EventStream(answers, script, headers=headers)
    whole = script.whole(await gathered(answers, request))
    return Response(whole.model_dump_json(), headers=headers, media_type="application/json")


class ChatScript:
    """How answers to one conversation are written down: whole, or chunk by chunk under one id."""

    def __init__(self, service: Service, record: ChatRequest) -> None:
        self._service, self._record = service, record
        self._head: dict[str, Any] = {
            "id": new_id("chatcmpl"),
            "created": int(time.time()),
            "model": service.name,
            "system_fingerprint": service.fingerprint,
        }
        self._finishes: dict[int, Finish] = {}

    def whole(self, generations: Sequence[Generation]) -> ChatCompletion:
        """All answers in one response."""
        choices = [
            ChatChoice(
                index=place,
                message=AnswerMessage(content=one.text),
                logprobs=self._logprobs(one.tokens),
                finish_reason=one.finish_reason,
            )
            for place, one in enumerate(generations)
        ]
        usage = usage_of([one.finish for one in generations], num_tries=self._record.n)
        return ChatCompletion(object="chat.completion", choices=choices, usage=usage, **self._head)

    def first(self) -> Iterator[BaseModel]:
        """Every answer begins with its role."""
        for place in range(self._record.n):
            yield self._chunk(place, Delta(role="assistant", content=""))

    def token(self, place: int, token: Token) -> Iterator[BaseModel]:
        """The text that a token added; nothing where it added none and no figures are wanted."""
        logprobs = self._logprobs((token,))
        if token.text or (logprobs is not None and logprobs.content):
            yield self._chunk(place, Delta(content=token.text), logprobs=logprobs)

    def finish(self, place: int, finish: Finish) -> Iterator[BaseModel]:
        """Why an answer ended."""
        self._finishes[place] = finish
        yield self._chunk(place, Delta(), finish=finish)

    def last(self) -> Iterator[BaseModel]:
        """The count of tokens, where it was asked for."""
        if self._record.includes_usage:
            finishes = [self._finishes[place] for place in range(self._record.n)]
            yield self._event([], usage_of(finishes, num_tries=self._record.n))

    def _chunk(
        self, place: int, delta: Delta, *, logprobs: ChatLogprobs | None = None, finish: Finish | None = None
    ) -> ChatChunk:
        reason: Any = finish.reason if finish else None
        return self._event([ChunkChoice(index=place, delta=delta, logprobs=logprobs, finish_reason=reason)], None)

    def _event(self, choices: list[ChunkChoice], usage: Usage | None) -> ChatChunk:
        counted = {"usage": usage} if self._record.includes_usage else {}
        return ChatChunk(object="chat.completion.chunk", choices=choices, **self._head, **counted)

    def _logprobs(self, tokens: Sequence[Token]) -> ChatLogprobs | None:
        if self._record.num_logprobs is None:
            return None
        return ChatLogprobs(content=[self._figures(token) for token in tokens if self._bytes(token.token_id)])

    def _figures(self, token: Token) -> TokenLogprob:
        assert token.logprob is not None
        one = self._one(token.token_id, token.logprob)
        return TokenLogprob(**one, top_logprobs=[TopLogprob(**self._one(*other)) for other in token.top])

    def _one(self, token_id: int, logprob: float) -> dict[str, Any]:
        return {"token": self._service.token_text(token_id), "logprob": logprob, "bytes": self._bytes(token_id)}

    def _bytes(self, token_id: int) -> list[int]:
        return list(self._service.tokenizer.piece_bytes(token_id))
