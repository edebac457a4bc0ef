"""`hanlin.Chatbot`: the page's conversation in Python, with the same history.

bot = hanlin.Chatbot("runs/my-model")
print(bot.generate_response("你好"))
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hanlin.base.messages import say
from hanlin.life.config import ChatbotConfig
from hanlin.life.load import Model, load
from hanlin.life.talk import Session
from hanlin.text.chat import Message


class Chatbot:
    """One conversation. The model is told the last `history_turns` questions with their answers, as on the page.

    model: a loaded `hanlin.Model`, or what `hanlin.load` opens. settings: the fields of ChatbotConfig. When earlier
    turns are left out for the first time, a warning says so; `num_left_out` always counts them.
    Raises InputError, BundleError, ConfigError.
    """

    def __init__(self, model: Model | str | Path = "", **settings: Any) -> None:
        self.config = ChatbotConfig(**settings)
        self.model = (
            model if isinstance(model, Model) else load(model, device=self.config.device, pickles=self.config.pickles)
        )
        self._session = Session(
            self.model.bundle,
            self.model.engine,
            params=self.config.sampling(),
            system=self.config.system,
            history_turns=self.config.history_turns,
        )
        self._told = False

    @property
    def history(self) -> list[Message]:
        """Everything that was said, what is left out of the next question included."""
        return self._session.messages

    @property
    def num_left_out(self) -> int:
        """Earlier turns that the model will not be told with the next question."""
        return self._session.num_left_out

    def generate_response(self, text: str) -> str:
        """Answer `text`. Raises RequestTooLong with the conversation as it was before."""
        self._tell()
        return "".join(self._session.say(text))

    def stream(self, text: str) -> Iterator[str]:
        """As `generate_response`, piece by piece; closing the iterator stops the answer and keeps what was said."""
        self._tell()
        return self._session.say(text)

    def _tell(self) -> None:
        """Say once per conversation that the model is not told all of it."""
        if self.num_left_out and not self._told:
            self._told = True
            sentence = say("life.turns_left_out", count=self.num_left_out, turns=self.config.history_turns)
            warnings.warn(sentence, stacklevel=3)

    def reset(self) -> None:
        """Begin a new conversation."""
        self._session.reset()
        self._told = False
