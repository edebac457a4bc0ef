"""What was seen inside a model, as numbers for JSON: five views of one passage.

Tokens, layers and heads are counted from 1; layer 0 is the stream before the first layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from hanlin.base.errors import UsageError
from hanlin.evaluate.inspection.chances import Chance, entropy_bits, token_chances
from hanlin.evaluate.inspection.passage import Passage
from hanlin.model.inspection.attention import Part, attention_maps, num_weights
from hanlin.model.inspection.gradients import Score, integrated_gradients, label_score, token_score
from hanlin.model.inspection.lens import lens
from hanlin.model.inspection.reading import check_finite
from hanlin.model.inspection.rollout import rollout
from hanlin.model.transformer import Transformer
from hanlin.text.pieces import readable
from hanlin.text.tokenizer import Tokenizer

Figures = dict[str, Any]

MOST_WEIGHTS = 4_000_000
"""Weights of one report: 36 MB of JSON, and about what a browser draws without pause."""
CONTEXT = 8
"""Tokens before a guess that can hold the beginning of its character; no character has more than 4 bytes."""


@dataclass(frozen=True)
class Subject:
    """What is looked at: a model, its vocabulary, and a passage."""

    model: Transformer
    tokenizer: Tokenizer
    passage: Passage


def passage_figures(subject: Subject) -> Figures:
    """The tokens that were read."""
    passage = subject.passage
    return {
        "arch": subject.model.config.arch,
        "tokens": _tokens(passage.tokens, passage.pieces),
        "source_tokens": _tokens(passage.source, passage.source_pieces),
        "is_written": passage.is_written,
    }


def _tokens(ids: Sequence[int], pieces: Sequence[str]) -> list[Figures]:
    rows = enumerate(zip(ids, pieces, strict=True), 1)
    return [{"number": number, "id": id, "piece": piece} for number, (id, piece) in rows]


# ---------------------------------------------------------------- attention


def attention_figures(
    subject: Subject, *, layers: Sequence[int] = (), heads: Sequence[int] = (), parts: Sequence[Part] = ()
) -> Figures:
    """The weights of every asked head.

    Raises UsageError E340, E341, E742 for more than a report holds, E743 where nothing is asked for, InputError E343.
    """
    model, reading = subject.model, subject.passage.reading
    number = num_weights(model, reading, layers=layers, heads=heads, parts=parts)
    if not 0 < number <= MOST_WEIGHTS:
        key = "evaluate.too_many_weights" if number else "evaluate.no_such_part"
        raise UsageError(key, number=f"{number:,}", most=f"{MOST_WEIGHTS:,}", arch=model.config.arch)
    maps = [
        {"part": one.part, "layer": one.layer, "head": head, "weights": rounded(weights)}
        for one in attention_maps(model, reading, layers=layers, heads=heads, parts=parts)
        for head, weights in zip(one.heads, one.weights[0], strict=True)
    ]
    return {"maps": maps, "num_weights": number, "bytes": 4 * number}


def rollout_figures(subject: Subject) -> Figures:
    """Rollout of all layers. Raises InputError E343."""
    found = rollout(subject.model, subject.passage.reading)
    return {"own": rounded(found.own[0]), "source": None if found.source is None else rounded(found.source[0])}


def rounded(weights: Tensor) -> list[Any]:
    """Shares to seven places, what float32 holds."""
    return weights.double().numpy().round(7).tolist()


# ---------------------------------------------------------------- logit lens, tokens


def lens_figures(subject: Subject, *, layers: Sequence[int] = (), top: int = 5) -> Figures:
    """The likeliest tokens of every place after every asked layer. Raises UsageError E303, E340, InputError E343.

    rank_of_answer: where what the model says in the end stands after this layer, from 1.
    """
    model, reading = subject.model, subject.passage.reading
    ((_, last),) = lens(model, reading, layers=(len(model.stack.blocks),))
    answers = check_finite(last, "logits")[0].argmax(dim=-1)  # (T,)
    seen = lens(model, reading, layers=layers)  # one layer's logits at a time
    return {
        "layers": [
            {"layer": layer, "places": list(_lens_places(subject, logits[0], answers, top))} for layer, logits in seen
        ]
    }


def _lens_places(subject: Subject, logits: Tensor, answers: Tensor, top: int) -> Iterator[Figures]:
    """One layer's logits (T, V)."""
    logprobs = check_finite(logits, "logits").float().log_softmax(dim=-1)
    ranks = (logprobs > logprobs.gather(1, answers[:, None])).sum(dim=1) + 1
    best, entropies = logprobs.topk(min(top, logprobs.shape[1])), entropy_bits(logprobs)
    for place, (ids, scores) in enumerate(zip(best.indices.tolist(), best.values.exp().tolist(), strict=True)):
        yield {
            "alternatives": _guesses(subject, place + 1, list(zip(ids, scores, strict=True))),
            "entropy": digits(float(entropies[place])),
            "rank_of_answer": int(ranks[place]),
        }


def tokens_figures(subject: Subject, *, top: int = 5) -> Figures:
    """The chance of every token. Raises as token_chances."""
    chances = token_chances(subject.model, subject.tokenizer, subject.passage, top=top)
    bits = [one.bits for one in chances if one.bits is not None]
    mean = sum(bits) / len(bits) if bits else None
    perplexity = None if mean is None or mean > 1000 else digits(2**mean)
    return {
        "chances": [_chance(subject, one) for one in chances],
        "mean_bits": None if mean is None else digits(mean),
        "perplexity": perplexity,
    }


def _chance(subject: Subject, one: Chance) -> Figures:
    passage = subject.passage
    return {
        "number": one.place + 1,
        "id": one.token,
        "piece": passage.pieces[one.place] if one.place < len(passage.pieces) else None,
        "probability": None if one.probability is None else digits(one.probability),
        "bits": None if one.bits is None else digits(one.bits),
        "rank": one.rank,
        "entropy": digits(one.entropy),
        "alternatives": _guesses(subject, one.place, one.alternatives),
    }


def _guesses(subject: Subject, place: int, guesses: Sequence[tuple[int, float]]) -> list[Figures]:
    """Guesses for what stands at `place`, written as they would read behind what stands before it."""
    before = subject.passage.tokens[max(0, place - CONTEXT) : place]
    if subject.model.config.arch == "encoder":
        before = ()
    return [
        {"id": id, "piece": readable(subject.tokenizer, [*before, id])[-1], "probability": digits(share)}
        for id, share in guesses
    ]


# ---------------------------------------------------------------- attribution


@dataclass(frozen=True)
class Explained:
    """What is explained, and how.

    position: from 1; none is what comes next, or the first mask. token: none is what stands there, or the likeliest.
    label: of a model that was fine-tuned to label texts; "" is the likeliest.
    The rest as in integrated_gradients.
    """

    position: int | None = None
    token: int | None = None
    label: str = ""
    score: Literal["logit", "logprob", "probability"] = "logit"
    baseline: Literal["pad", "zero"] = "pad"
    tolerance: float = 1e-3
    max_steps: int = 4096


def attribution_figures(subject: Subject, explained: Explained) -> Figures:
    """What each token adds to the score of one token, or of a label where the model was fine-tuned to give labels.

    Raises UsageError E303, E744, E746, CheckFailed E342, InputError E343.
    """
    judges = subject.model.task is not None
    told, score = _label(subject, explained) if judges else _token(subject, explained)
    pad = subject.tokenizer.special.pad
    found = integrated_gradients(
        subject.model,
        subject.passage.reading,
        score,
        baseline=pad if explained.baseline == "pad" else None,
        moves=_moves(subject.passage),
        tolerance=explained.tolerance,
        max_steps=explained.max_steps,
    )
    own, source = found.tokens.tolist(), None if found.source is None else found.source.tolist()
    return {
        "explained": told,
        "score_kind": explained.score,
        "baseline": explained.baseline,
        "baseline_piece": readable(subject.tokenizer, [pad])[0] if explained.baseline == "pad" else None,
        "shares": [digits(share) for share in own],
        "source_shares": None if source is None else [digits(share) for share in source],
        "score": digits(found.score),
        "base": digits(found.base),
        "error": digits(found.error),
        "num_steps": found.num_steps,
    }


def _token(subject: Subject, explained: Explained) -> tuple[Figures, Score]:
    """Which token is explained, and its score."""
    model, number = subject.model, _explained_number(subject, explained.position)
    speaks = number - 1 if model.config.arch == "encoder" else number - 2  # the place whose state says it, from 0
    with torch.no_grad():
        logits = check_finite(model.head(subject.passage.reading.state(model, speaks)), "logits")[0].float()
    token = explained.token
    if token is None:
        standing = _standing(subject, number)
        token = int(logits.argmax()) if standing is None else standing
    (guess,) = _guesses(subject, number - 1, [(token, float(logits.softmax(dim=-1)[token]))])
    return {"number": number, **guess}, token_score(model, speaks, token, explained.score)


def _label(subject: Subject, explained: Explained) -> tuple[Figures, Score]:
    """Which label is explained, and its score."""
    model, task = subject.model, subject.model.config.head.task
    if task.kind != "sequence" or (explained.label and explained.label not in task.labels):
        raise UsageError("evaluate.no_such_label", label=explained.label, labels=", ".join(task.labels), kind=task.kind)
    with torch.no_grad():
        scores = torch.stack(
            [label_score(model, n, "logit")(subject.passage.reading)[0] for n in range(len(task.labels))]
        )
    number = task.labels.index(explained.label) if explained.label else int(scores.argmax())
    share = (
        label_score(model, number, "probability")(subject.passage.reading).item() if task.problem != "value" else None
    )
    told = {"number": None, "id": number, "piece": task.labels[number], "probability": share}
    return told, label_score(model, number, explained.score)


def _explained_number(subject: Subject, position: int | None) -> int:
    """The number of the token that is explained."""
    passage, mask = subject.passage, subject.tokenizer.special.mask
    if subject.model.config.arch == "encoder":
        first, last = 1, len(passage.tokens)
        masks = [place + 1 for place, token in enumerate(passage.tokens) if token == mask]
        chosen = position or (masks[0] if masks else passage.scored[-1] + 1)
    else:
        first, last = passage.scored[0] + 1, len(passage.tokens) + 1
        chosen = position or (last if subject.model.config.arch == "decoder" else first)
    if not first <= chosen <= last:
        raise UsageError("evaluate.no_such_position", position=chosen, first=first, last=last)
    return chosen


def _standing(subject: Subject, number: int) -> int | None:
    """What stands at a number; nothing stands at a mask and behind the row."""
    tokens = (*subject.passage.tokens, None)
    return None if tokens[number - 1] == subject.tokenizer.special.mask else tokens[number - 1]


def _moves(passage: Passage) -> list[Tensor]:
    """Tokens that leave the baseline, in the order in which the model looks them up."""
    return [torch.tensor(moves) for moves in (passage.source_moves, passage.moves) if moves]


def digits(value: float) -> float:
    """Seven digits, what float32 holds."""
    return float(f"{value:.7g}") if math.isfinite(value) else value
