"""Every objective of pre-training by name: the shape it trains, the rows it reads, the loss it minimises.

A new objective is one entry here, its form in data/forms/, and its loss in objectives.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hanlin.base.errors import ConfigError, InputError, Problem
from hanlin.base.messages import say
from hanlin.data.config import CorruptionConfig
from hanlin.data.forms.blanks import BlankInfilling
from hanlin.data.forms.masked import Masked
from hanlin.data.forms.middle import Middle
from hanlin.data.forms.pairs import MaskedPairs
from hanlin.data.forms.parts import Form
from hanlin.data.forms.permuted import Permuted
from hanlin.data.forms.spans import SpanCorruption
from hanlin.model.config import ModelConfig, parse_size
from hanlin.model.families.registry import (
    AUTO,
    choose_family,
    in_manner,
    merged,
    named_family,
    published,
    sizes_for,
)
from hanlin.text.purposes import DOCUMENT_MASK, MASK, PURPOSES, SENTENCE_MASK, Purpose
from hanlin.text.tokenizer import Tokenizer
from hanlin.train import objectives
from hanlin.train.config import Objective, PretrainConfig
from hanlin.train.plan import SEQ_LEN, affordable, smallest_for

FormMaker = Callable[[Tokenizer, CorruptionConfig, ModelConfig], Form]


@dataclass(frozen=True)
class Kind:
    """One objective.

    loss: what is minimised. archs: shapes it trains. form: how documents become rows; None for plain causal ones.
    family: in whose manner fresh models are built, and fields of ModelConfig that make one fit. purpose: which
    vocabulary it needs. accuracy: name of the share of targets told right, measured on validation; "" for none.
    """

    loss: objectives.TokenPrediction
    archs: tuple[str, ...]
    form: FormMaker | None = None
    family: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    purpose: Purpose = "text"
    accuracy: str = ""


def blanks(tokenizer: Tokenizer, said: CorruptionConfig, shape: ModelConfig) -> BlankInfilling:
    """Blanks whose places are told as the model tells places."""
    return BlankInfilling(
        tokenizer,
        share=said.share,
        mean_span=said.mean_span,
        sentences=said.sentences,
        documents=said.documents,
        dimensions=2 if shape.positions.kind == "rope2d" else 1,
        reads_start=not shape.positions.tell_prefix,
    )


KINDS: Mapping[Objective, Kind] = {
    "causal": Kind(objectives.CausalLM(), ("decoder", "prefix")),
    "masked": Kind(
        objectives.MaskedLM(),
        ("encoder",),
        lambda tokenizer, said, shape: Masked(tokenizer, said.share, said.whole_words),
        family="bert",
        fields={"head": {"pooler": False, "next_sentence": False}},
        purpose="masked",
        accuracy="masked_accuracy",
    ),
    "masked_next_sentence": Kind(
        objectives.MaskedNextSentence(),
        ("encoder",),
        lambda tokenizer, said, shape: MaskedPairs(Masked(tokenizer, said.share, said.whole_words)),
        family="bert",
        purpose="masked",
        accuracy="masked_accuracy",
    ),
    "permutation": Kind(
        objectives.PermutationLM(),
        ("encoder",),
        lambda tokenizer, said, shape: Permuted(tokenizer, said.one_in),
        family="xlnet",
        purpose="masked",
        accuracy="guess_accuracy",
    ),
    "span_corruption": Kind(
        objectives.SpanCorruptionLM(),
        ("encoder_decoder",),
        lambda tokenizer, said, shape: SpanCorruption(tokenizer, said.share, said.mean_span),
        family="t5",
        purpose="span_corruption",
        accuracy="span_accuracy",
    ),
    "blank_infilling": Kind(
        objectives.BlankInfillingLM(),
        ("prefix",),
        blanks,
        fields={"arch": "prefix"},
        purpose="blank_infilling",
        accuracy="blank_accuracy",
    ),
    "fill_in_the_middle": Kind(
        objectives.CausalLM(),
        ("decoder",),
        lambda tokenizer, said, shape: Middle(tokenizer, said.rate, said.suffix_first, said.level),
        purpose="fill_in_the_middle",
    ),
}


def model_fields(config: PretrainConfig, tokenizer: Tokenizer | None = None) -> dict[str, Any]:
    """Fields of a fresh model: the family's, the objective's, the user's, later ones first.

    Where the family tells prefixes by tokens of its own vocabulary they become those of `tokenizer`.
    """
    kind = KINDS[config.objective]
    name = str(config.model.get("family", kind.family or AUTO))
    family = {} if name == AUTO else {**named_family(name).preset, "family": name}
    fields = merged(family, kind.fields)
    if tokenizer is not None and "start_token" in fields.get("positions", {}):
        fields = merged(fields, {"positions": _tellers(tokenizer)})
    return merged(fields, config.model)


def _tellers(tokenizer: Tokenizer) -> dict[str, int]:
    """The tokens that tell what is read and what is written (model/blanks.py); -1 for one that is not there."""
    blanks = {"blank_token": tokenizer.control(DOCUMENT_MASK), "short_blank_token": tokenizer.control(MASK)}
    return {"start_token": tokenizer.special.bos, **{name: -1 if id is None else id for name, id in blanks.items()}}


def plan_shape(
    config: PretrainConfig,
    *,
    vocab_size: int,
    num_positions: int,
    flops_per_second: Callable[[], float],
    fields: Mapping[str, Any] | None = None,
    cost: float = 1.0,
) -> ModelConfig:
    """The model's shape: what the user set by hand in `model`, the rest from `size`, else from budget and data.

    `fields` where what the objective and the family ask for is in them already (`kinds.model_fields`). cost: operations
    of a position as a share of a decoder's of as many parameters.

    `flops_per_second` is asked only where the answer matters. Raises ConfigError, UsageError.
    """
    given = config.model if fields is None else fields
    table: dict[str, Any] = {"max_seq_len": max(SEQ_LEN, config.seq_len or 0), **given, "vocab_size": vocab_size}
    if config.model.get("vocab_size") not in (None, vocab_size):
        raise ConfigError(problems=[_vocabulary_problem(config.model["vocab_size"], vocab_size)])
    if "hidden_size" in config.model and "num_layers" in config.model:
        return ModelConfig(**in_manner(table, config.model))
    family = str(table.get("family", AUTO))
    if sizes := published(family, config.size):
        return ModelConfig(**in_manner({**table, **sizes}, config.model))
    parameters = (
        parse_size(config.size) if config.size != "auto" else affordable(config, num_positions, flops_per_second, cost)
    )
    if config.size == "auto":
        parameters = max(parameters, smallest_for(vocab_size))
    return ModelConfig(**in_manner({**sizes_for(family, parameters, vocab_size, table), **table}, config.model))


def _vocabulary_problem(given: object, vocab_size: int) -> Problem:
    rule, remedy = say("train.rule_vocabulary", vocab_size=vocab_size), say("train.remedy_vocabulary")
    return Problem("model.vocab_size", given, rule, remedy)


def check_tokenizer(config: PretrainConfig, tokenizer: Tokenizer) -> None:
    """Raise InputError E507 unless the vocabulary has every control token of the objective."""
    purpose = KINDS[config.objective].purpose
    idle = () if config.corruption.sentences else (SENTENCE_MASK,)
    wanted = (text for text in PURPOSES[purpose].tokens if text not in idle)
    missing = [text for text in wanted if not _has(tokenizer, text, purpose)]
    if missing:
        raise InputError("train.no_control", missing=missing[0], objective=config.objective, purpose=purpose)


def _has(tokenizer: Tokenizer, text: str, purpose: Purpose) -> bool:
    """A masked model's frame and mask may have other names, as in RoBERTa."""
    if purpose == "masked":
        return text != MASK or tokenizer.special.mask is not None
    return tokenizer.control(text) is not None


def check_shape(config: PretrainConfig, shape: ModelConfig) -> None:
    """Raise ConfigError where the objective cannot train a model of this shape, BundleError E320 where the family it is
    to be saved as cannot hold it: what nobody can save is not trained."""
    archs = KINDS[config.objective].archs
    problems = []
    if shape.arch not in archs:
        rule = say("train.rule_arch", arch=shape.arch, archs=", ".join(archs))
        problems.append(Problem("objective", config.objective, rule, say("train.remedy_arch")))
    elif config.objective == "masked_next_sentence" and not _tells_pairs(shape):
        problems.append(Problem("objective", config.objective, say("train.rule_heads"), say("train.remedy_heads")))
    elif config.objective == "permutation" and shape.positions.kind != "distance":
        rule = say("train.rule_streams", kind=shape.positions.kind)
        problems.append(Problem("objective", config.objective, rule, say("train.remedy_streams")))
    elif config.objective == "causal" and shape.positions.tell_prefix:
        problems.append(Problem("objective", "causal", say("train.rule_told_prefix"), say("train.remedy_told_prefix")))
    if problems:
        raise ConfigError(problems=problems)
    choose_family(shape)


def check_tellers(shape: ModelConfig, tokenizer: Tokenizer) -> None:
    """Raise InputError E560 where a model that finds what is written by a token is given a vocabulary in which that is
    another: it would take all for read, and every target would be seen."""
    start = shape.positions.start_token
    if shape.positions.tell_prefix and start != tokenizer.special.bos:
        raise InputError("train.other_start", start=start, bos=tokenizer.special.bos)


def _tells_pairs(shape: ModelConfig) -> bool:
    return shape.head.pooler and shape.head.next_sentence and shape.embeddings.types >= 2


def row_length(config: PretrainConfig) -> int:
    """Positions of a row, of settings that are settled."""
    assert config.seq_len is not None
    return config.seq_len


def form_of(config: PretrainConfig, tokenizer: Tokenizer, shape: ModelConfig) -> Form | None:
    """How documents become rows. Raises ConfigError where a row has no room for text."""
    make, seq_len = KINDS[config.objective].form, row_length(config)
    if make is None:
        return None
    form = make(tokenizer, config.corruption, shape)
    least = int(form.positions(np.array([1]))[0])
    if seq_len < least:
        rule = say("train.rule_short_rows", objective=config.objective)
        raise ConfigError(problems=[Problem("seq_len", seq_len, rule, say("train.remedy_short_rows", least=least))])
    return form
