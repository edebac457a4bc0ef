"""A conversation with a bundle: the history, the one renderer, the engine, and text as it comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hanlin.base.errors import InputError
from hanlin.bundle.bundle import Bundle
from hanlin.infer.config import SamplingParams
from hanlin.infer.engine import Engine
from hanlin.infer.request import Token
from hanlin.life.places import name_of
from hanlin.life.report import Report
from hanlin.text.chat import TEMPLATE, Conversation, Message


class Session:
    """One conversation. A model that was only pre-trained continues texts instead of answering them.

    history_turns: how many earlier questions with their answers the model is told; None tells all.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: Engine,
        *,
        params: SamplingParams,
        system: str = "",
        completes: bool = False,
        history_turns: int | None = None,
    ) -> None:
        self.bundle, self.engine, self.params = bundle, engine, params
        self.name = name_of(bundle.path)
        self.completes = completes or not answers(bundle)
        self._system = [Message("system", system)] if system else []
        self._history_turns = history_turns
        self.messages: list[Message] = list(self._system)

    def reset(self) -> None:
        """Forget what was said."""
        self.messages = list(self._system)

    def say(self, text: str) -> Iterator[str]:
        """Answer `text`, piece by piece; closing the iterator stops the answer and keeps what was said of it.

        Raises RequestTooLong before the first piece; then the conversation is as it was before.
        """
        question = Message("user", text)
        told = [*self._system, *self._recent(), question]
        ids = complete_ids(self.bundle, text) if self.completes else chat_ids(self.bundle, told)
        pieces: list[str] = []
        events = self.engine.stream(ids, self.params)
        try:
            for event in events:
                if isinstance(event, Token) and event.text:
                    pieces.append(event.text)
                    yield event.text
        finally:
            events.close()  # type: ignore[attr-defined]  # a generator: closing it cancels the request
            if pieces and not self.completes:
                self.messages = [*self.messages, question, Message("assistant", "".join(pieces))]

    @property
    def num_left_out(self) -> int:
        """Earlier turns that the next question will not be told with."""
        said = len(self.messages) - len(self._system)
        return (said - len(self._recent())) // 2

    def _recent(self) -> list[Message]:
        said = self.messages[len(self._system) :]
        if self._history_turns is None:
            return said
        return said[max(0, len(said) - 2 * self._history_turns) :]


@dataclass(frozen=True)
class Talk:
    """What a command that talks hands to the terminal: something to show first, and someone to talk to."""

    report: Report | None = None
    session: Session | None = None


def answers(bundle: Bundle) -> bool:
    """Whether a model was taught to converse: somewhere in its life it was fine-tuned, or a template came with it."""
    if bundle.template is None:
        return False
    lineage = bundle.lineage
    return lineage is None or any(life.stage == "finetune" for life in (*lineage.earlier, lineage))


def chat_ids(bundle: Bundle, messages: Sequence[Message]) -> list[int]:
    """The ids of a conversation that waits for its answer, by the template that fine-tuning used.

    Raises InputError E247 for a foreign model that came without a template.
    """
    assert bundle.tokenizer is not None
    if bundle.template is None:
        raise InputError("text.template_missing", path=bundle.path / TEMPLATE)
    rendered = bundle.template.render(
        Conversation(tuple(messages)), tokenizer=bundle.tokenizer, add_generation_prompt=True
    )
    return list(rendered.ids)


def complete_ids(bundle: Bundle, text: str) -> list[int]:
    """The ids of a text to go on from: begun like every document of the training for a decoder and for an encoder that
    writes, framed as a whole for models that read it whole."""
    assert bundle.tokenizer is not None
    ids = bundle.tokenizer.encode(text)
    if bundle.config.arch == "encoder":
        return [*bundle.tokenizer.around[0], *ids]
    return [bundle.tokenizer.special.bos, *ids] if bundle.config.arch == "decoder" else bundle.tokenizer.frame(ids)
