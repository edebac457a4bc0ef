"""What every route works with: the model as it is served, and how a request becomes orders for the engine."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from starlette.requests import Request

from hanlin.base.errors import RequestTooLong
from hanlin.base.seeds import Seeds
from hanlin.infer.config import SamplingParams
from hanlin.infer.request import Finish, Generation, Token
from hanlin.serve.abilities import Abilities, Ability
from hanlin.serve.config import ServeConfig
from hanlin.serve.desk import Desk
from hanlin.serve.faults import Refusal, blaming
from hanlin.serve.page import Asset, PageInfo
from hanlin.serve.prompts import Prompts
from hanlin.serve.replies import Usage
from hanlin.serve.schema import Generate
from hanlin.serve.sse import unless_gone
from hanlin.serve.worker import Answers, Order, Worker
from hanlin.text.tokenizer import Tokenizer

_SHARED = ("top_p", "top_k", "min_p", "repetition_penalty", "ignore_eos")


@dataclass(frozen=True)
class Service:
    """One model at the API. fingerprint: a short name of its weights, equal only for equal ones."""

    name: str
    max_seq_len: int
    fingerprint: str
    tokenizer: Tokenizer
    prompts: Prompts
    worker: Worker
    desk: Desk
    abilities: Abilities
    config: ServeConfig
    page: PageInfo
    assets: Mapping[str, Asset]
    created: int = field(default_factory=lambda: int(time.time()))

    def check_model(self, name: str) -> None:
        """Raise Refusal 404 for another name than that of the one model; nothing is looked up anywhere."""
        if name != self.name:
            raise Refusal("serve.no_model", status=404, param="model", word="model_not_found", model=name[:100])

    @property
    def able(self) -> list[Ability]:
        """What the model can be asked."""
        return list(self.abilities.names(chats=self.prompts.answers))

    def need(self, ability: Ability, *, param: str | None = None) -> None:
        """Raise Refusal E990 where the model cannot do that."""
        if ability not in self.able:
            able = ", ".join(self.able) or "-"
            raise Refusal("serve.cannot", status=400, param=param, model=self.name, wanted=ability, able=able)

    def sampling(
        self,
        request: Generate,
        *,
        limit: int | None,
        num_prompt_tokens: int,
        logprobs: int | None,
        param: str,
        stop_ids: Sequence[int] = (),
    ) -> SamplingParams | None:
        """How to write one answer; None where none is asked for.

        limit: most tokens; None is what the context leaves. stop_ids: tokens that end it besides the request's.
        Raises Refusal naming both numbers where prompt and limit together exceed the context.
        """
        room = self.worker.engine.room_after(num_prompt_tokens)
        with blaming(param):
            if (limit or 1) > room or room < 1:
                wanted = num_prompt_tokens + (limit or 1)
                raise RequestTooLong(
                    "serve.too_long_apart" if self.worker.engine.reads_apart else "serve.too_long",
                    num_tokens=wanted,
                    num_prompt_tokens=num_prompt_tokens,
                    max_tokens=limit or 1,
                    max_seq_len=self.max_seq_len,
                )
        if limit == 0:
            return None
        given = {name: getattr(request, name) for name in _SHARED if getattr(request, name) is not None}
        temperature = self.config.temperature if request.temperature is None else request.temperature
        return SamplingParams(
            max_tokens=limit or room,
            temperature=temperature,
            stop=tuple(request.stop),
            stop_ids=(*stop_ids, *request.stop_token_ids),
            seed=request.seed,
            logprobs=logprobs,
            **given,
        )

    def token_text(self, token_id: int) -> str:
        """One token alone as text; half a character shows as U+FFFD."""
        return self.tokenizer.piece_bytes(token_id).decode("utf-8", "replace")


def service_of(request: Request) -> Service:
    """The service behind a request."""
    return cast(Service, request.app.state.service)


def orders(prompt_ids: Sequence[int], params: SamplingParams | None, count: int, *, blank: int = -1) -> list[Order]:
    """`count` answers to one prompt. The first has the request's seed, the others seeds that follow from it."""
    if params is None or params.seed is None:
        return [Order(prompt_ids, params, blank)] * count
    seeds = Seeds(params.seed)
    others = (params.replaced(seed=seeds.derive(f"choice/{number}")) for number in range(1, count))
    return [Order(prompt_ids, one, blank) for one in (params, *others)]


async def gathered(answers: Answers, request: Request) -> list[Generation]:
    """All answers whole, in order. Raises what made one fail, ClientGone where nobody waits any more."""
    with answers:
        return await unless_gone(_gather(answers), request.receive)


async def _gather(answers: Answers) -> list[Generation]:
    tokens: list[list[Token]] = [[] for _ in answers.ids]
    whole: dict[int, Generation] = {}
    while answers.open:
        place, event = await answers.next()
        if isinstance(event, Token):
            tokens[place].append(event)
        else:
            _check_whole(event)
            text = "".join(token.text for token in tokens[place])
            whole[place] = Generation(text, tuple(tokens[place]), event)
    return [whole[place] for place in range(len(answers.ids))]


def _check_whole(finish: Finish) -> None:
    if finish.error is not None:
        raise finish.error
    if finish.reason == "cancelled":
        raise Refusal("serve.cut_short", status=503, word="draining", retry_after=1)


def usage_of(finishes: Sequence[Finish], *, num_tries: int) -> Usage:
    """Tokens of a request: every prompt once, however many answers it got, and all answers."""
    read = sum(finish.num_prompt_tokens for finish in finishes[::num_tries])
    written = sum(finish.num_tokens for finish in finishes)
    return Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


def new_id(prefix: str) -> str:
    """An id for a response: the prefix that OpenAI gives its kind, and 96 random bits."""
    return f"{prefix}-{secrets.token_hex(12)}"
