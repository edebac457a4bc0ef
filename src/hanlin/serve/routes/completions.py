"""POST /v1/completions: texts to continue, under today's path and under that of older clients."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from hanlin.infer.infill import Task
from hanlin.infer.request import Finish, Generation, Token
from hanlin.infer.score import Score
from hanlin.serve.body import Parsed, read_record
from hanlin.serve.logprobs import Lines, joined, known
from hanlin.serve.replies import Completion, CompletionChoice, CompletionLogprobs, ErrorReply, Usage
from hanlin.serve.schema import CompletionRequest, EngineCompletionRequest
from hanlin.serve.service import Service, gathered, new_id, orders, service_of, usage_of
from hanlin.serve.sse import EventStream
from hanlin.serve.worker import Order

router = APIRouter()
_ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": ErrorReply}}


@router.post("/v1/completions", response_model=Completion, responses=_ERRORS)
async def completions(request: Request) -> Response:
    """Continue texts."""
    service = service_of(request)
    parsed = await read_record(request, CompletionRequest, strict=service.config.strict)
    service.check_model(parsed.record.model)
    return await _complete(service, request, parsed)


@router.post("/v1/engines/{model:path}/completions", response_model=Completion, responses=_ERRORS)
async def engine_completions(request: Request, model: str) -> Response:
    """The same where clients of before 2023 look for it: the model in the path."""
    service = service_of(request)
    service.check_model(model)
    parsed = await read_record(request, EngineCompletionRequest, strict=service.config.strict)
    return await _complete(service, request, parsed)


async def _complete(service: Service, request: Request, parsed: Parsed[Any]) -> Response:
    record: EngineCompletionRequest = parsed.record
    service.need("completions")
    tasks = await _tasks(service, record)
    ordered = [order for task in tasks for order in _orders(service, record, task)]
    prompts = [task.prompt for task in tasks]
    script = CompletionScript(service, record, prompts, await _echoed(service, request, record, prompts))
    answers = service.worker.submit(ordered, param="prompt")
    if record.stream:
        return EventStream(answers, script, headers=parsed.headers())
    whole = script.whole(await gathered(answers, request))
    return Response(whole.model_dump_json(), headers=parsed.headers(), media_type="application/json")


async def _tasks(service: Service, record: EngineCompletionRequest) -> list[Task]:
    """Prompts to go on from, or gaps to fill."""
    if not record.suffix:
        return [Task(tuple(ids)) for ids in await service.prompts.completion(record.prompt)]
    service.need("infilling", param="suffix")
    assert service.abilities.filler is not None, "it was asked for"
    prompts = [prompt for prompt in record.prompt if isinstance(prompt, str)]
    return await service.prompts.infilling(service.abilities.filler, prompts, record.suffix)


async def _echoed(
    service: Service, request: Request, record: EngineCompletionRequest, prompts: Sequence[Sequence[int]]
) -> list[Score]:
    """What the model thinks of the prompts, where they are echoed with log-probabilities; else nothing."""
    if not record.echo or record.logprobs is None:
        return []
    service.need("scoring", param="echo")
    scorer, top = service.abilities.scorer, record.logprobs
    assert scorer is not None, "it was asked for"
    return await service.desk.call(lambda: scorer.score_ids(prompts, top=top), request, param="prompt")


def _orders(service: Service, record: EngineCompletionRequest, task: Task) -> list[Order]:
    is_contest = record.num_tries > record.n  # which answer is likeliest takes log-probabilities to say
    params = service.sampling(
        record,
        limit=record.max_tokens,
        num_prompt_tokens=len(task.prompt),
        logprobs=(record.logprobs or 0) if is_contest else record.logprobs,
        param="prompt",
        stop_ids=task.stop_ids,
    )
    return orders(task.prompt, params, record.num_tries, blank=task.blank)


class CompletionScript:
    """How continuations are written down: whole, or chunk by chunk under one id. echoed: scores of the prompts."""

    def __init__(
        self,
        service: Service,
        record: EngineCompletionRequest,
        prompts: Sequence[Sequence[int]],
        echoed: Sequence[Score] = (),
    ) -> None:
        self._service, self._record, self._prompts = service, record, prompts
        self._lines = Lines(service.tokenizer, shows_all=bool(echoed))
        self._echoed = [self._lines.prompt(ids, one) for ids, one in zip(prompts, echoed, strict=False)]
        self._head: dict[str, Any] = {
            "id": new_id("cmpl"),
            "object": "text_completion",
            "created": int(time.time()),
            "model": service.name,
            "system_fingerprint": service.fingerprint,
        }
        self._finishes: dict[int, Finish] = {}
        self._written = [0] * (len(prompts) * record.n)  # characters, by answer

    def whole(self, generations: Sequence[Generation]) -> Completion:
        """All continuations in one response, those of the first prompt first."""
        tries = self._record.num_tries
        groups = [generations[place : place + tries] for place in range(0, len(generations), tries)]
        chosen = [one for group in groups for one in likeliest(group, self._record.n)]
        choices = [self._choice(place, one) for place, one in enumerate(chosen)]
        usage = usage_of([one.finish for one in generations], num_tries=tries)
        return Completion(choices=choices, usage=usage, **self._head)

    def first(self) -> Iterator[BaseModel]:
        """The prompt, where it is to be echoed."""
        for place in range(len(self._written)):
            if self._record.echo:
                text = self._echo(place)
                yield self._chunk(place, text, logprobs=self._echoed_logprobs(place))
                self._written[place] = len(text)

    def token(self, place: int, token: Token) -> Iterator[BaseModel]:
        """The text that a token added; nothing where it added none and no figures are wanted."""
        logprobs = self._logprobs((token,), self._written[place])
        self._written[place] += len(token.text)
        if token.text or (logprobs is not None and logprobs.tokens):
            yield self._chunk(place, token.text, logprobs=logprobs)

    def finish(self, place: int, finish: Finish) -> Iterator[BaseModel]:
        """Why a continuation ended."""
        self._finishes[place] = finish
        yield self._chunk(place, "", finish=finish)

    def last(self) -> Iterator[BaseModel]:
        """The count of tokens, where it was asked for."""
        if self._record.includes_usage:
            finishes = [self._finishes[place] for place in range(len(self._written))]
            yield self._event([], usage_of(finishes, num_tries=self._record.n))

    def _choice(self, place: int, one: Generation) -> CompletionChoice:
        before = self._echo(place) if self._record.echo else ""
        logprobs = self._logprobs(one.tokens, len(before))
        if (echoed := self._echoed_logprobs(place)) is not None and logprobs is not None:
            logprobs = joined(echoed, logprobs)
        text, reason = before + one.text, one.finish_reason
        return CompletionChoice(index=place, text=text, logprobs=logprobs, finish_reason=reason)

    def _echoed_logprobs(self, place: int) -> CompletionLogprobs | None:
        return self._echoed[place // self._record.n] if self._echoed else None

    def _echo(self, place: int) -> str:
        """The prompt as it was given; ids as the text they stand for."""
        number = place // self._record.n
        given = self._record.prompt[number]
        return given if isinstance(given, str) else self._service.tokenizer.decode(self._prompts[number])

    def _chunk(
        self, place: int, text: str, *, logprobs: CompletionLogprobs | None = None, finish: Finish | None = None
    ) -> Completion:
        reason: Any = finish.reason if finish else None
        return self._event([CompletionChoice(index=place, text=text, logprobs=logprobs, finish_reason=reason)], None)

    def _event(self, choices: list[CompletionChoice], usage: Usage | None) -> Completion:
        counted = {"usage": usage} if self._record.includes_usage else {}
        return Completion(choices=choices, **self._head, **counted)

    def _logprobs(self, tokens: Sequence[Token], offset: int) -> CompletionLogprobs | None:
        return None if self._record.logprobs is None else self._lines.answer(tokens, offset)


def likeliest(group: Sequence[Generation], count: int) -> list[Generation]:
    """The `count` answers with the highest log-probability per token, or all in order where so many are wanted."""
    return list(group) if len(group) == count else sorted(group, key=_mean_logprob, reverse=True)[:count]


def _mean_logprob(one: Generation) -> float:
    return sum(known(token.logprob) for token in one.tokens) / max(1, len(one.tokens))
