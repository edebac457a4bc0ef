"""The Python face of a model: load it, let it write, let it answer, look at its logits.

Legend: B batch, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hanlin.bundle.bundle import Bundle
from hanlin.infer.config import EngineConfig, SamplingParams
from hanlin.infer.engine import Engine
from hanlin.infer.request import Generation, Token
from hanlin.life.open import open_bundle
from hanlin.life.talk import chat_ids, complete_ids
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import Transformer
from hanlin.text.chat import Message, conversation
from hanlin.text.tokenizer import Tokenizer

Messages = str | Sequence[Message | Mapping[str, str]]


class Model:
    """A loaded bundle. `generate` continues texts, `chat` answers, `stream` answers piece by piece."""

    def __init__(self, bundle: Bundle) -> None:
        assert bundle.tokenizer is not None
        self.bundle = bundle
        self.model: Transformer = bundle.model
        self.tokenizer: Tokenizer = bundle.tokenizer
        self.config: ModelConfig = bundle.config
        self._engine: Engine | None = None

    @property
    def path(self) -> Path:
        """Where the bundle lies."""
        return self.bundle.path

    @property
    def engine(self) -> Engine:
        """The engine, made on first use; its weights are the model's own."""
        if self._engine is None:
            self._engine = Engine(self.model, self.tokenizer, config=EngineConfig())
        return self._engine

    def generate(self, text: str, **sampling: Any) -> str:
        """Continue a text; `sampling` are the fields of SamplingParams. Raises RequestTooLong, ConfigError."""
        return self.generation(text, **sampling).text

    def generation(self, text: str, **sampling: Any) -> Generation:
        """Continue a text, with token ids, log-probabilities and the reason of the end."""
        return self.engine.generate(complete_ids(self.bundle, text), SamplingParams(**sampling))

    def chat(self, messages: Messages, **sampling: Any) -> str:
        """Answer a question, or the last of some messages ({"role": …, "content": …}).

        Raises InputError for messages of another form and for a model without a chat template; RequestTooLong.
        """
        return self.engine.generate(self._chat_ids(messages), SamplingParams(**sampling)).text

    def stream(self, messages: Messages, **sampling: Any) -> Iterator[str]:
        """As `chat`, piece by piece; a character is never split. Closing the iterator stops the answer."""
        events = self.engine.stream(self._chat_ids(messages), SamplingParams(**sampling))
        return (event.text for event in events if isinstance(event, Token) and event.text)

    @torch.inference_mode()
    def logits(self, ids: Tensor | Sequence[Sequence[int]]) -> Tensor:
        """Next-token logits (B, T, V) in float32 of ids (B, T). Raises RequestTooLong."""
        tokens = torch.as_tensor(ids, dtype=torch.int64, device=self.model.head.weight.device)
        logits: Tensor = self.model(tokens)
        return logits.float()

    def _chat_ids(self, messages: Messages) -> list[int]:
        turns = [Message("user", messages)] if isinstance(messages, str) else conversation(messages).messages
        return chat_ids(self.bundle, turns)


def load(model: str | Path = "", *, device: str = "auto", exact: bool = False) -> Model:
    """Open a bundle, a run, a recipe's home, or what has such a name; the newest model where none is named.

    `exact` computes in float32 even where the processor has something faster. Raises InputError, BundleError.
    """
    return Model(open_bundle(model, device=device, exact=exact))
