"""What an encoder-decoder writes about texts: translations, summaries, anything it was taught by pairs."""

from __future__ import annotations

from collections.abc import Sequence

from hanlin.base.errors import UsageError
from hanlin.data.framing import Framer, Overflow
from hanlin.infer.config import EngineConfig, SamplingParams
from hanlin.infer.engine import Engine
from hanlin.model.transformer import EncoderDecoder, Transformer
from hanlin.text.tokenizer import Tokenizer

MOST_WRITTEN = 256
"""Tokens of an answer where nobody says more: a model that never ends would go on to its last position."""


class Rewriter:
    """Texts read whole, then written anew, the likeliest token each time.

    max_tokens: of what is read, control tokens included. max_target_tokens: of what is written, its end included.
    start: id that every answer begins with; the padding token unless given (T5). Raises UsageError E615 for a model
    that is no encoder-decoder with scores of tokens.
    """

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer,
        *,
        max_tokens: int | None = None,
        max_target_tokens: int | None = None,
        start: int | None = None,
    ) -> None:
        if not isinstance(model, EncoderDecoder) or model.config.head.kind == "none":
            raise UsageError("infer.other_task", wanted="seq2seq", found=model.config.head.task.kind)
        longest = model.config.max_seq_len
        self.framer = Framer(tokenizer, min(max_tokens or longest, longest))
        self.max_target_tokens = min(max_target_tokens or MOST_WRITTEN, longest - 1)
        self._engine = Engine(model, tokenizer, config=EngineConfig(), start=start)

    def predict(self, texts: Sequence[str], *, overflow: Overflow = "error") -> list[str]:
        """What is written of each text, in order; "windows" reads no text in parts, and refuses it as "error" does.

        Raises InputError E440 for a blank text, RequestTooLong E441 for one that is too long.
        """
        rows = self.framer.frame(texts, "cut" if overflow == "cut" else "error").rows
        params = SamplingParams(temperature=0.0, max_tokens=self.max_target_tokens)
        return [one.text.strip() for one in self._engine.generate_many([row.ids for row in rows], params)]
