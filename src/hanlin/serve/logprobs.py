"""Log-probabilities of tokens as /v1/completions writes them: of an answer, and of a prompt that is echoed."""

from __future__ import annotations

from collections.abc import Sequence

from hanlin.infer.request import Token
from hanlin.infer.score import Score, Top
from hanlin.serve.replies import CompletionLogprobs
from hanlin.text.tokenizer import Tokenizer


class Lines:
    """Writes them down. shows_all: control tokens too, as whoever counts an echoed prompt by its ids expects."""

    def __init__(self, tokenizer: Tokenizer, *, shows_all: bool) -> None:
        self._tokenizer, self._shows_all = tokenizer, shows_all

    def answer(self, tokens: Sequence[Token], offset: int) -> CompletionLogprobs:
        """Of an answer's tokens; its text begins at `offset`, in characters."""
        shown = [token for token in tokens if self._shows_all or self._tokenizer.piece_bytes(token.token_id)]
        offsets = [offset + sum(len(earlier.text) for earlier in shown[:place]) for place in range(len(shown))]
        return CompletionLogprobs(
            tokens=[self.name(token.token_id) for token in shown],
            token_logprobs=[known(token.logprob) for token in shown],
            top_logprobs=[self._alternatives(token.token_id, known(token.logprob), token.top) for token in shown],
            text_offset=offsets,
        )

    def prompt(self, ids: Sequence[int], score: Score) -> CompletionLogprobs:
        """Of a prompt's tokens, the first of which nothing stands before."""
        figures = zip(score.ids, score.logprobs, score.top or [()] * len(score.ids), strict=True)
        sizes = [len(self._tokenizer.piece_bytes(id).decode("utf-8", "ignore")) for id in ids]
        return CompletionLogprobs(
            tokens=[self.name(id) for id in ids],
            token_logprobs=[None, *score.logprobs][: len(ids)],
            top_logprobs=[None, *(self._alternatives(*one) for one in figures)][: len(ids)],
            text_offset=[sum(sizes[:place]) for place in range(len(ids))],
        )

    def name(self, token_id: int) -> str:
        """A token as this API names it: its text, its name, or its bytes where they are no text of their own."""
        data = self._tokenizer.piece_bytes(token_id)
        if not data:
            return self._tokenizer.decode([token_id], skip_special=False)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)

    def _alternatives(self, token_id: int, logprob: float, top: Top) -> dict[str, float]:
        """The likeliest tokens, and the one that came: one more than asked for where it is not among them."""
        return {self.name(i): value for i, value in (*top, (token_id, logprob))}


def joined(first: CompletionLogprobs, second: CompletionLogprobs) -> CompletionLogprobs:
    """Of a prompt and its answer as one."""
    return CompletionLogprobs(
        tokens=first.tokens + second.tokens,
        token_logprobs=first.token_logprobs + second.token_logprobs,
        top_logprobs=first.top_logprobs + second.top_logprobs,
        text_offset=first.text_offset + second.text_offset,
    )


def known(logprob: float | None) -> float:
    """One that the request asked for."""
    assert logprob is not None, "the request asked for it"
    return logprob
