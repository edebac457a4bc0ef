"""Requests as OpenAI's API defines them, with its limits, and what this engine adds to them.

Types are strict: "1" is no number, 1 is no boolean. null was dropped before (see `body.py`), so it equals an omitted
field. Fields that would change the answer but are not supported yet are refused unless they ask for nothing.
Source: OpenAI's OpenAPI document; the additions have the names that vLLM gave them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from hanlin.base.errors import InputError

MAX_ANSWERS, MAX_PROMPTS, MAX_TOKENS = 128, 1024, 16_777_216
MAX_INPUTS = 2048


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _asks_for_nothing(value: Any) -> Any:
    """A field that is known but without effect here may only hold its neutral value."""
    if value not in (0, "", [], {}, "none", "auto", {"type": "text"}, ["text"]):
        raise InputError("serve.unsupported")
    return value


def _as_prompts(value: Any) -> Any:
    """One text, one list of ids, or a list of either: always as a list of prompts of one kind."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not value:
        raise InputError("serve.prompt_shape")
    kinds = {type(item) for item in value}
    if kinds == {int}:
        return [value]
    if kinds not in ({str}, {list}):
        raise InputError("serve.prompt_shape")
    return value


Unsupported = Annotated[Any, AfterValidator(_asks_for_nothing)]
StopText = Annotated[str, Field(min_length=1, max_length=1000)]
TokenId = Annotated[int, Field(ge=0, lt=2**31)]
# fail_fast: a million wrong items make one error, not a million.
Prompt = str | Annotated[list[TokenId], Field(min_length=1, fail_fast=True)]


class Record(BaseModel):
    """Base of every request: frozen, strict, finite; unknown names are dropped here and reported by `body.py`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False, protected_namespaces=())


class StreamOptions(Record):
    """How a stream is written."""

    include_usage: bool = Field(default=False, description="End the stream with a chunk that counts tokens.")


class Generate(Record):
    """What both kinds of completion have in common."""

    n: int = Field(default=1, ge=1, le=MAX_ANSWERS, description="Answers to one prompt.")
    temperature: float | None = Field(default=None, ge=0, le=2, description="0 takes the likeliest token.")
    top_p: float | None = Field(default=None, gt=0, le=1, description="Draw among the likeliest of this share.")
    top_k: int | None = Field(default=None, ge=0, le=10_000_000, description="Draw among so many; 0: all.")
    min_p: float | None = Field(default=None, ge=0, le=1, description="Drop what is less likely than this share.")
    repetition_penalty: float | None = Field(default=None, gt=0, le=100, description="Over 1 avoids repeats; 1: off.")
    stop: Annotated[list[StopText], BeforeValidator(_as_list, json_schema_input_type=StopText | list[StopText])] = (
        Field(default=[], max_length=4, description="Texts that end the answer.")
    )
    seed: int | None = Field(default=None, ge=-(2**63), le=2**63 - 1, description="The same seed, the same answer.")
    ignore_eos: bool | None = Field(default=None, description="Go on after a token that ends the text.")
    stream: bool = Field(default=False, description="Send the answer as it is written, as server-sent events.")
    stream_options: StreamOptions | None = Field(default=None, description="Only with stream.")
    frequency_penalty: Annotated[float, AfterValidator(_asks_for_nothing)] = Field(default=0.0, ge=-2, le=2)
    presence_penalty: Annotated[float, AfterValidator(_asks_for_nothing)] = Field(default=0.0, ge=-2, le=2)
    logit_bias: Unsupported = Field(default={})
    min_tokens: Unsupported = Field(default=0)
    stop_token_ids: list[TokenId] = Field(default=[], max_length=64, description="Token ids that end the answer.")
    allowed_token_ids: Unsupported = Field(default=[])
    bad_words: Unsupported = Field(default=[])

    @field_validator("stream_options")
    @classmethod
    def _needs_stream(cls, value: StreamOptions | None, info: ValidationInfo) -> StreamOptions | None:
        if value is not None and not info.data.get("stream", True):
            raise InputError("serve.needs_stream")
        return value

    @property
    def includes_usage(self) -> bool:
        """Whether a stream ends with a count of its tokens."""
        return self.stream_options is not None and self.stream_options.include_usage


class TextPart(Record):
    """A piece of a message; pictures and sounds are not read."""

    type: Literal["text"]
    text: str


class ChatMessage(Record):
    """One turn of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | Annotated[list[TextPart], Field(fail_fast=True)]
    tool_call_id: str | None = None
    tool_calls: Unsupported = Field(default=[])

    @property
    def text(self) -> str:
        """All its text."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


def _answers_a_call(message: ChatMessage) -> ChatMessage:
    if message.role == "tool" and message.tool_call_id is None:
        raise InputError("serve.tool_without_call")
    return message


class ChatRequest(Generate):
    """POST /v1/chat/completions."""

    model: str
    messages: list[Annotated[ChatMessage, AfterValidator(_answers_a_call)]] = Field(min_length=1, fail_fast=True)
    max_completion_tokens: int | None = Field(default=None, ge=0, le=MAX_TOKENS, description="Most tokens to write.")
    max_tokens: int | None = Field(default=None, ge=0, le=MAX_TOKENS, description="The older name of the same.")
    logprobs: bool = Field(default=False, description="Report the log-probability of every token.")
    top_logprobs: int | None = Field(default=None, ge=0, le=20, description="Alternatives per token; needs logprobs.")
    tools: Unsupported = Field(default=[])
    tool_choice: Unsupported = Field(default="none")
    functions: Unsupported = Field(default=[])
    function_call: Unsupported = Field(default="none")
    response_format: Unsupported = Field(default={"type": "text"})
    modalities: Unsupported = Field(default=["text"])
    chat_template: Unsupported = Field(default="")
    chat_template_kwargs: Unsupported = Field(default={})

    @field_validator("max_tokens")
    @classmethod
    def _one_limit(cls, value: int | None, info: ValidationInfo) -> int | None:
        other = info.data.get("max_completion_tokens")
        if value is not None and other is not None and value != other:
            raise InputError("serve.two_limits")
        return value

    @field_validator("top_logprobs")
    @classmethod
    def _needs_logprobs(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and not info.data.get("logprobs", True):
            raise InputError("serve.needs_logprobs")
        return value

    @property
    def token_limit(self) -> int | None:
        """Most tokens of the answer; None where only the context limits it."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def num_logprobs(self) -> int | None:
        """Alternatives to report per token; None where nothing is reported."""
        return (self.top_logprobs or 0) if self.logprobs else None


class EngineCompletionRequest(Generate):
    """POST /v1/engines/{model}/completions, the form of older clients: the model stands in the path."""

    prompt: Annotated[
        list[Prompt], BeforeValidator(_as_prompts, json_schema_input_type=str | list[int] | list[str] | list[list[int]])
    ] = Field(
        default=[""], max_length=MAX_PROMPTS, fail_fast=True, description="Text or token ids; none begins a new text."
    )
    max_tokens: int = Field(default=16, ge=0, le=MAX_TOKENS, description="Most tokens to write.")
    logprobs: int | None = Field(default=None, ge=0, le=5, description="Alternatives to report per token.")
    best_of: int | None = Field(default=None, ge=0, le=20, description="Write so many, return the n likeliest.")
    echo: bool = Field(default=False, description="Begin the answer with the prompt.")
    suffix: str = Field(default="", description="Text behind the gap to fill; for models with tokens for that.")

    @field_validator("best_of")
    @classmethod
    def _at_least_n(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value < info.data.get("n", 0):
            raise InputError("serve.best_of_under_n")
        if value is not None and value > 1 and info.data.get("stream"):
            raise InputError("serve.best_of_streamed")
        return value

    @field_validator("suffix")
    @classmethod
    def _between_texts(cls, value: str, info: ValidationInfo) -> str:
        if value and not all(isinstance(prompt, str) for prompt in info.data.get("prompt", ())):
            raise InputError("serve.suffix_of_ids")
        if value and info.data.get("echo"):
            raise InputError("serve.suffix_echo")
        return value

    @property
    def num_tries(self) -> int:
        """Answers to write per prompt."""
        return self.n if self.best_of is None else self.best_of


def _as_inputs(value: Any) -> Any:
    """As prompts, none of them empty."""
    prompts = _as_prompts(value)
    if not all(prompts):
        raise InputError("serve.input_empty")
    return prompts


class EmbeddingRequest(Record):
    """POST /v1/embeddings."""

    model: str
    input: Annotated[
        list[Prompt], BeforeValidator(_as_inputs, json_schema_input_type=str | list[int] | list[str] | list[list[int]])
    ] = Field(max_length=MAX_INPUTS, fail_fast=True, description="Texts, or token ids without control tokens.")
    encoding_format: Literal["float", "base64"] = Field(default="float", description="Numbers, or their bytes.")
    dimensions: int | None = Field(default=None, ge=1, le=1_000_000, description="The model's own width or nothing.")
    overflow: Literal["error", "cut", "windows"] = Field(
        default="error", description="A text that is too long: an error, its beginning, or the mean of its parts."
    )


class PredictRequest(Record):
    """POST /predict."""

    text: Annotated[list[str], BeforeValidator(_as_list, json_schema_input_type=str | list[str])] = Field(
        min_length=1, fail_fast=True, description="One text, or a list of texts."
    )
    model: str | None = Field(default=None, description="The one model there is, if at all.")
    overflow: Literal["error", "cut", "windows"] = Field(
        default="error", description="A text that is too long: an error, its beginning, or the mean of its parts."
    )


class CompletionRequest(EngineCompletionRequest):
    """POST /v1/completions."""

    model: str
