"""The Python face of a model: load it, let it write, let it answer, look at its logits.

Legend: B batch, T tokens, V vocabulary.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hanlin.base.errors import InputError, UsageError
from hanlin.bundle.bundle import Bundle, start_token
from hanlin.bundle.sentence import read_sentence
from hanlin.data.framing import Text
from hanlin.infer.beams import search as find_beams
from hanlin.infer.config import BeamParams, EngineConfig, SamplingParams
from hanlin.infer.embed import Embedder, Guess, Overflow, Vectors, fill_blanks, fill_mask
from hanlin.infer.engine import Engine
from hanlin.infer.infill import BLANK, Filled, Task, filled, filler_for, no_filler, parts_of, pieces_of
from hanlin.infer.predict import Predictions
from hanlin.infer.request import Generation, Request, Token
from hanlin.infer.score import Score, Scorer
from hanlin.life.classify import Classifier
from hanlin.life.open import open_weights
from hanlin.life.talk import chat_ids, complete_ids
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import EncoderDecoder, Transformer
from hanlin.text.chat import Message, conversation
from hanlin.text.tokenizer import Tokenizer

Ids = Tensor | Sequence[Sequence[int]]
Messages = str | Sequence[Message | Mapping[str, str]]


@dataclass(frozen=True)
class Found:
    """A text that a beam search found, with its score and the ids of its tokens."""

    text: str
    score: float
    ids: tuple[int, ...]


class Model:
    """A loaded bundle. `generate` continues texts, `chat` answers, `stream` answers piece by piece.

    `embed` makes vectors, `score` tells how likely texts are, `fill_mask` guesses words, `infill` fills blanks, `beams`
    searches, `predict` gives labels.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.model: Transformer = bundle.model
        self.config: ModelConfig = bundle.config
        self._engine: Engine | None = None

    @property
    def path(self) -> Path:
        """Where the bundle lies."""
        return self.bundle.path

    @property
    def tokenizer(self) -> Tokenizer:
        """What turns text into ids. Raises InputError E854 for a folder without one: `logits` works all the same."""
        if self.bundle.tokenizer is None:
            raise InputError("life.no_tokenizer", path=self.path)
        return self.bundle.tokenizer

    @property
    def engine(self) -> Engine:
        """The engine, made on first use; its weights are the model's own."""
        if self._engine is None:
            self._engine = Engine(self.model, self.tokenizer, config=EngineConfig(), start=start_token(self.path))
        return self._engine

    def generate(self, text: str, **sampling: Any) -> str:
        """Continue a text; `sampling` are the fields of SamplingParams. Raises RequestTooLong, ConfigError."""
        return self.generation(text, **sampling).text

    def generation(self, text: str, **sampling: Any) -> Generation:
        """Continue a text, with token ids, log-probabilities and the reason of the end.

        An encoder-decoder or prefix model reads the whole text first, then writes.
        """
        return self.engine.generate(complete_ids(self.bundle, text), SamplingParams(**sampling))

    def generations(self, texts: Sequence[str], **sampling: Any) -> list[Generation]:
        """As `generation` for many texts, written together."""
        prompts = [complete_ids(self.bundle, text) for text in texts]
        return self.engine.generate_many(prompts, SamplingParams(**sampling))

    def chat(self, messages: Messages, **sampling: Any) -> str:
        """Answer a question, or the last of some messages ({"role": …, "content": …}).

        Raises InputError for messages of another form and for a model without a chat template; RequestTooLong.
        """
        return self.engine.generate(self._chat_ids(messages), SamplingParams(**sampling)).text

    def stream(self, messages: Messages, **sampling: Any) -> Iterator[str]:
        """As `chat`, piece by piece; a character is never split. Closing the iterator stops the answer."""
        events = self.engine.stream(self._chat_ids(messages), SamplingParams(**sampling))
        return (event.text for event in events if isinstance(event, Token) and event.text)

    def embed(self, texts: str | Sequence[str], *, overflow: Overflow = "error") -> Vectors:
        """Vectors of texts as the folder says (pooling and length of sentence-transformers), else mean states.

        A text that is too long is an error unless `overflow` is "cut" or "windows". Raises RequestTooLong, BundleError.
        """
        return self.embedder.embed(_listed(texts), overflow=overflow)

    @functools.cached_property
    def embedder(self) -> Embedder:
        """What `embed` uses, made on first use."""
        said = read_sentence(self.path)
        return Embedder(self.model, self.tokenizer, **({} if said is None else asdict(said)))

    @property
    def scorer(self) -> Scorer:
        """What `score` uses."""
        return Scorer(self.model, self.tokenizer, start=self._start)

    def predict(self, texts: Text | Sequence[Text], *, overflow: Overflow = "error") -> Predictions:
        """Labels of texts by a model that was fine-tuned to give them; see `hanlin.Classifier`. Raises UsageError."""
        listed = [texts] if isinstance(texts, str | tuple) else texts
        return Classifier(self.bundle).predict(listed, overflow=overflow)

    def fill_mask(self, text: str, *, top: int = 5) -> list[list[Guess]]:
        """The most likely tokens of every mask in `text` ("[MASK]", "<mask>"). Raises UsageError, InputError."""
        return fill_mask(self.model, self.tokenizer, text, top=top)

    def score(
        self, texts: str | Sequence[str], *, sources: str | Sequence[str] | None = None, top: int = 0
    ) -> list[Score]:
        """How likely each text is: log-probabilities of its tokens, their sum, its perplexity; see infer/score.py.

        sources: what each text is given after: the encoder's text (needed) or what stands before (decoders). top:
        alternatives told for every token. Raises RequestTooLong E623, InputError E617, UsageError E618, E611.
        """
        texts, sources = _listed(texts), None if sources is None else _listed(sources)
        return self.scorer.score(texts, sources=sources, top=top)

    def infill(self, text: str, suffix: str | None = None, *, blank: str = BLANK, **sampling: Any) -> Filled:
        """Fill the blanks ("____") of a text, or write what stands between a prefix and a suffix.

        `sampling` are the fields of SamplingParams; the likeliest tokens are taken unless a temperature is given.
        Raises InputError E619 without a blank, E620 for too many; UsageError E621 for a model that cannot;
        RequestTooLong.
        """
        pieces = pieces_of(text, blank) if suffix is None else [text, suffix]
        if self.config.arch == "encoder":
            return filled(pieces, fill_blanks(self.model, self.tokenizer, pieces))
        filler = filler_for(self.tokenizer, self.config.arch, blank)
        if filler is None:
            raise no_filler(self.config.arch)
        params = SamplingParams(**{"temperature": 0.0, **sampling})
        if not filler.one_by_one:
            return filled(pieces, *self._fill(filler.task(pieces), params))
        left, parts, is_whole = list(pieces), [], True
        while len(left) > 1:
            (part,), whole = self._fill(filler.task(left), params)
            left[:2] = [left[0] + part + left[1]]
            parts.append(part)
            is_whole = is_whole and whole
        return Filled(left[0], tuple(parts), is_whole)

    def _fill(self, task: Task, params: SamplingParams) -> tuple[list[str], bool]:
        """What fills the blanks of a task, and whether the answer came to its own end."""
        params = params.replaced(stop_ids=(*task.stop_ids, *params.stop_ids))
        (answer,) = self.engine.answer_all([Request(task.prompt, params, blank=task.blank)])
        return parts_of(answer.ids, task, self.tokenizer), answer.finish_reason == "stop"

    def beams(self, text: str, **search: Any) -> list[Found]:
        """The best texts that a model writes for `text`, best first.

        `search` are the fields of BeamParams. Raises UsageError E614 for an encoder, RequestTooLong.
        """
        start, end, prompt = self._start, self.tokenizer.special.eos, complete_ids(self.bundle, text)
        (found,) = find_beams(self.model, [prompt], BeamParams(**search), start=start, end=end)
        return [Found(self.tokenizer.decode(beam.ids), beam.score, beam.ids) for beam in found]

    @torch.inference_mode()
    def logits(self, ids: Ids, decoder_input_ids: Ids | None = None) -> Tensor:
        """Logits (B, T, V) in float32 of ids (B, T): of the next token, or of each of an encoder's own.

        An encoder-decoder reads ids and gives the logits of `decoder_input_ids`. Raises RequestTooLong, UsageError.
        """
        tokens = self._tensor(ids)
        if decoder_input_ids is None:
            logits: Tensor = self.model(tokens)
        elif isinstance(self.model, EncoderDecoder):
            logits = self.model(self._tensor(decoder_input_ids), memory=self.model.encode(tokens))
        else:
            raise UsageError("life.no_encoder", arch=self.config.arch)
        return logits.float()

    @torch.inference_mode()
    def states(self, ids: Ids) -> Tensor:
        """States (B, T, D) in float32 of ids (B, T): the last layer's, of an encoder-decoder its encoder's."""
        tokens = self._tensor(ids)
        if isinstance(self.model, EncoderDecoder):
            return self.model.encode(tokens).states.float()
        return self.model.hidden(tokens).float()

    @property
    def _start(self) -> int:
        """What every answer of an encoder-decoder begins with: the folder's word, else the padding token (T5)."""
        said = start_token(self.path)
        return self.tokenizer.special.pad if said is None else said

    def _tensor(self, ids: Ids) -> Tensor:
        return torch.as_tensor(ids, dtype=torch.int64, device=self.model.head.weight.device)

    def _chat_ids(self, messages: Messages) -> list[int]:
        turns = [Message("user", messages)] if isinstance(messages, str) else conversation(messages).messages
        return chat_ids(self.bundle, turns)


def _listed(texts: str | Sequence[str]) -> Sequence[str]:
    return [texts] if isinstance(texts, str) else texts


def load(model: str | Path = "", *, device: str = "auto", exact: bool = False, pickles: bool = False) -> Model:
    """Open a bundle, a run, a recipe's home, or what has such a name; the newest model where none is named.

    A model of a hub (`owner/name`, `modelscope:owner/name@revision`) is fetched where nothing here has the name.
    `exact` computes in float32 even where the processor has something faster. `pickles` reads the tensors of
    pytorch_model.bin where there is no safetensors. What a foreign folder left aside is a warning.
    Raises InputError, BundleError, NetworkError.
    """
    bundle = open_weights(model, device=device, exact=exact, pickles=pickles)
    for note in bundle.info.notes[1:]:  # the first says of every foreign folder that it has no checksums
        warnings.warn(note, stacklevel=2)
    return Model(bundle)
