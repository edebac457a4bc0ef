"""From text to prompt ids, away from the event loop: long texts take the tokenizer's time, not everybody's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hanlin.base.errors import RequestTooLong
from hanlin.infer.infill import Filler, Task
from hanlin.serve.faults import Refusal, blaming
from hanlin.serve.schema import ChatMessage
from hanlin.text.chat import Conversation, Message, Template
from hanlin.text.tokenizer import Tokenizer


class Prompts:
    """Turns what users write into ids, by the tokenizer and the template that training used.

    A text is refused by its bytes before it is tokenised where even the longest pieces of the vocabulary could not
    make it fit: 8 MB would else cost seconds just to be refused.
    """

    def __init__(
        self, tokenizer: Tokenizer, template: Template | None, *, max_seq_len: int, framed: bool = False
    ) -> None:
        """framed: the model reads a prompt whole, with control tokens around it, before it writes."""
        self._tokenizer, self._template, self._max_seq_len = tokenizer, template, max_seq_len
        self._framed = framed
        self._longest_piece = max(len(tokenizer.piece_bytes(token_id)) for token_id in range(tokenizer.vocab_size))

    @property
    def answers(self) -> bool:
        """Whether the model was taught to converse."""
        return self._template is not None

    async def chat(self, messages: Sequence[ChatMessage]) -> list[int]:
        """Ids of a conversation that waits for its answer.

        Raises Refusal blaming `messages`: too long, no user, a template that objects, or a model without a template.
        """
        if self._template is None:
            raise Refusal("serve.no_chat", status=400, param="messages")
        with blaming("messages"):
            return await asyncio.to_thread(self._chat_ids, messages)

    async def completion(self, prompts: Sequence[str | list[int]]) -> list[list[int]]:
        """Ids of texts to continue, each begun like every document of the training; ids pass through as they are."""
        with blaming("prompt"):
            return await asyncio.to_thread(lambda: [self._ids(prompt) for prompt in prompts])

    async def infilling(self, filler: Filler, prompts: Sequence[str], suffix: str) -> list[Task]:
        """What to ask so that the gap between each prompt and the suffix is filled."""

        def tasks() -> list[Task]:
            for prompt in prompts:
                self._check_bytes(prompt, suffix)
            return [filler.task([prompt, suffix]) for prompt in prompts]

        with blaming("prompt"):
            return await asyncio.to_thread(tasks)

    def _chat_ids(self, messages: Sequence[ChatMessage]) -> list[int]:
        assert self._template is not None
        self._check_bytes(*(message.text for message in messages))
        turns = tuple(
            Message("system" if message.role == "developer" else message.role, message.text) for message in messages
        )
        rendered = self._template.render(Conversation(turns), tokenizer=self._tokenizer, add_generation_prompt=True)
        return rendered.ids

    def _ids(self, prompt: str | list[int]) -> list[int]:
        if not isinstance(prompt, str):
            return prompt
        self._check_bytes(prompt)
        ids = self._tokenizer.encode(prompt)
        return self._tokenizer.frame(ids) if self._framed else [self._tokenizer.special.bos, *ids]

    def _check_bytes(self, *texts: str) -> None:
        num_bytes = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
        least = -(-num_bytes // self._longest_piece)
        if least >= self._max_seq_len + self._framed:  # what is read apart leaves nothing for the answer
            raise RequestTooLong("serve.text_too_long", num_tokens=least, max_seq_len=self._max_seq_len)
