"""Responses as OpenAI's API defines them; a field that was not set is not sent.

Source: OpenAI's OpenAPI document, chat and legacy completions.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

FinishReason = Literal["stop", "length"]


class Reply(BaseModel):
    """Base of every response."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Usage(Reply):
    """Tokens read and written; the token that ended an answer counts as written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TopLogprob(Reply):
    """A token that could have come, with the natural log of its probability and its raw bytes."""

    token: str
    logprob: float
    bytes: list[int]


class TokenLogprob(TopLogprob):
    """A token that came, and the likeliest in its place."""

    top_logprobs: list[TopLogprob]


class ChatLogprobs(Reply):
    """Log-probabilities of an answer's tokens, the one that ended it left out."""

    content: list[TokenLogprob]


class AnswerMessage(Reply):
    """What the model said."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(Reply):
    """One answer to a conversation."""

    index: int
    message: AnswerMessage
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason


class ChatCompletion(Reply):
    """POST /v1/chat/completions without stream."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: Usage


class Delta(Reply):
    """What a chunk adds to an answer."""

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoice(Reply):
    """One answer's part of a chunk."""

    index: int
    delta: Delta
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason | None


class ChatChunk(Reply):
    """One event of a streamed chat completion."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: Usage | None = None


class CompletionLogprobs(Reply):
    """Tokens, their log-probabilities, alternatives, and where each token begins in the text, in characters."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class CompletionChoice(Reply):
    """One continuation of a prompt; in a stream, a part of one."""

    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: FinishReason | None


class Completion(Reply):
    """POST /v1/completions, and every event of its stream."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[CompletionChoice]
    usage: Usage | None = None


class Embedding(Reply):
    """The vector of one text: numbers, or their float32 bytes, the lowest first, in base64."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(Reply):
    """Tokens read, control tokens included."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Reply):
    """POST /v1/embeddings."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage


class PredictLimits(Reply):
    """How many texts a request may bring, and how many tokens of a text are read at once."""

    texts: int
    tokens: int


class PredictReply(Reply):
    """POST /predict.

    predictions: a row of probabilities for each text, in the order of `classes`; labels and confidence: the likeliest
    class of each text and its probability; chosen: all that hold, one but where a text may have several. cut, split:
    how many texts lost their end, or were read in parts.
    """

    predictions: list[list[float]]
    labels: list[str]
    confidence: list[float]
    chosen: list[list[str]]
    classes: list[str]
    cut: int
    split: int
    limits: PredictLimits
    model: str


class ModelCard(Reply):
    """One model that is served, and what it can be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["hanlin"] = "hanlin"
    max_model_len: int
    capabilities: list[str]


class ModelList(Reply):
    """GET /v1/models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class Status(Reply):
    """GET /live and GET /ready."""

    status: Literal["live", "ready"]


class ErrorDetail(Reply):
    """What went wrong, whose kind of fault it is, and the field at fault where it is one."""

    message: str
    type: Literal["invalid_request_error", "server_error"]
    param: str | None
    code: str | None


class ErrorReply(Reply):
    """Every response that is not a success."""

    error: ErrorDetail
