"""A decoder, a BERT, an LSTM and a CNN of equal size, given equal minutes, on three tasks.

Reviews with three labels (macro F1), pairs of sentences (Spearman), the next word (bits per byte of held-out Chinese
text); beside them what needs no network.

    HANLIN_TEST_DATA=/path/to/data python -m benchmarks.proofs.families [--minutes 6] [--room FOLDER]
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from benchmarks.proofs.baselines import linear
from benchmarks.proofs.measured import Measured, options, with_interval
from benchmarks.proofs.roads import Cnn, Judge, Lstm, answers, bits_per_byte, learn_next, learn_task
from benchmarks.proofs.rows import LABELS, Split, pairs, reviews
from benchmarks.proofs.trained import SIZE, Recipe, Room, encoder, pretrained, shared, text_of
from benchmarks.proofs.tuned import TuneRecipe, classified, valued

from hanlin.bundle.bundle import load_bundle
from hanlin.data.shards import ShardSet
from hanlin.evaluate.baselines import kneser_ney_bits_per_byte
from hanlin.evaluate.embedding import Pair, macro_f1, rank_correlation, tfidf_similarity
from hanlin.evaluate.metrics import score_documents
from hanlin.text.tokenizer import Tokenizer

WHOLE = 6.0
RECIPES = {
    "causal": Recipe(shape={"family": "llama", **SIZE}),
    "bert": Recipe(shape=encoder("rotary", "masked")),
}
OBJECTIVES = {"causal": "causal", "bert": "masked"}
PASSES = 6
HELD_OUT = {"zh": 0.4}

Reviews = tuple[list[str], list[str]]
PairRows = Split[tuple[str, str, float]]


def main() -> None:
    """Measure everything."""
    given = options("families", minutes=WHOLE, description=(__doc__ or "").split("\n")[0])
    result, split, twins = Measured("families", given.minutes, WHOLE), reviews(("amazon3",)), pairs()
    known = [row.text for row in split.train], [row.label for row in split.train]
    asked = [row.text for row in split.test], [row.label for row in split.test]
    counting(result, known, asked, twins)
    with tempfile.TemporaryDirectory() as temporary:
        room = Room(given.room or Path(temporary))
        own = [*known[0], *(text for row in twins.train for text in row[:2])]
        tuning = TuneRecipe(epochs=PASSES, minutes=given.minutes, seed=given.seed)
        for method, objective in OBJECTIVES.items():
            bundle, figures = pretrained(
                room, method, objective, RECIPES[method], minutes=given.minutes, own=own, seed=given.seed
            )
            result.note(**{f"{method}_parameters": figures["parameters"], f"{method}_tokens": figures["tokens"]})
            hanlins(result, method, bundle, known, asked, twins, tuning)
        result.note(vocabulary=RECIPES["bert"].vocabulary)
        torch.manual_seed(given.seed)
        roads(result, room, own, given.minutes, known, asked, twins)
    result.finish(given.keep)


def counting(result: Measured, known: Reviews, asked: Reviews, twins: PairRows) -> None:
    """TF-IDF for both tasks of judging."""
    reviewed(result, "tfidf", linear(*known, asked[0]), asked[1])
    found = tfidf_similarity([Pair(*row) for row in twins.test])
    result.add("pairs", "overlap", "score", found.value, found.low, found.high)


def reviewed(result: Measured, method: str, said: Sequence[str], wanted: Sequence[str]) -> None:
    """Macro F1 of labels."""
    found, right = np.array(list(said)), np.array(list(wanted))
    value = with_interval(lambda rows: macro_f1(found[rows], right[rows]), len(right))
    result.add("sentiment", method, "score", *value)


def paired(result: Measured, method: str, said: Sequence[float], twins: PairRows) -> None:
    """Spearman's correlation of numbers."""
    found = rank_correlation(said, [row[2] for row in twins.test])
    result.add("pairs", method, "score", found.value, found.low, found.high)


# ---------------------------------------------------------------- Hanlin's own


def hanlins(
    result: Measured,
    method: str,
    bundle: Path,
    known: Reviews,
    asked: Reviews,
    twins: PairRows,
    tuning: TuneRecipe,
) -> None:
    """One family on the three tasks; an encoder predicts no next word."""
    said, _ = classified(bundle, *known, asked[0], tuning)
    reviewed(result, method, said, asked[1])
    learned = [(first, second) for first, second, _ in twins.train]
    scores = valued(
        bundle,
        learned,
        [score for *_, score in twins.train],
        [(first, second) for first, second, _ in twins.test],
        tuning,
    )
    paired(result, method, scores, twins)
    opened = load_bundle(bundle)
    if opened.config.arch == "decoder" and opened.tokenizer is not None:
        documents, num_bytes = held_out(opened.tokenizer)
        found = score_documents(opened.model, documents, num_bytes, seq_len=opened.config.max_seq_len)
        error = 1.96 * found.bits_per_byte_error
        result.add(
            "next", method, "score", found.bits_per_byte, found.bits_per_byte - error, found.bits_per_byte + error
        )


def held_out(tokenizer: Tokenizer) -> tuple[list[list[int]], list[int]]:
    """Chinese documents that nobody read, each from bos to eos, and their bytes."""
    texts = list(shared(HELD_OUT, is_held_out=True))
    special = tokenizer.special
    ids = [[special.bos, *one, special.eos] for one in tokenizer.encode_batch(texts)]
    return ids, [len(text.encode()) for text in texts]


# ---------------------------------------------------------------- the roads not taken


def roads(
    result: Measured, room: Room, own: Sequence[str], minutes: float, known: Reviews, asked: Reviews, twins: PairRows
) -> None:
    """An LSTM language model, and a CNN that is none."""
    folder, shares = text_of(room, RECIPES["causal"], "text", own)
    tokenizer = Tokenizer.load(folder)
    stream = mixed_stream(shares)
    lstm = Lstm(vocab_size=tokenizer.vocab_size, width=424, num_layers=1)
    result.note(lstm_parameters=sum(one.numel() for one in lstm.parameters()))
    result.note(lstm_tokens=learn_next(lstm, stream, seconds=60 * minutes))
    documents, num_bytes = held_out(tokenizer)
    result.add("next", "lstm", "score", bits_per_byte(lstm, documents, sum(num_bytes)))
    counted = kneser_ney_bits_per_byte(
        [ids.tolist() for ids in stream.split(4096)],
        {"zh": (documents, sum(num_bytes))},
        vocab_size=tokenizer.vocab_size,
    )
    result.add("next", "ngram", "score", counted["zh"])
    state = {name: tensor.clone() for name, tensor in lstm.state_dict().items()}
    judge_both(result, "lstm", lambda: loaded(lstm, state), tokenizer, known, asked, twins)
    cnn = {"vocab_size": tokenizer.vocab_size, "width": 256, "num_filters": 640}
    result.note(cnn_parameters=sum(one.numel() for one in Cnn(**cnn).parameters()))
    judge_both(result, "cnn", lambda: Cnn(**cnn), tokenizer, known, asked, twins)


def loaded(lstm: Lstm, state: Mapping[str, torch.Tensor]) -> Lstm:
    """As it was after it had read."""
    lstm.load_state_dict(state)
    return lstm


def mixed_stream(shares: Mapping[str, float]) -> torch.Tensor:
    """All shards as one stream (N,), the task's own as often as its share asks for."""
    parts = []
    sizes = {folder: ShardSet.open(folder, verify=False).num_tokens for folder in shares}
    unit = max(sizes[folder] / share for folder, share in shares.items())
    for folder, share in shares.items():
        shards = ShardSet.open(folder, verify=False)
        ids = np.concatenate([shards.document(number) for number in range(shards.num_documents)]).astype(np.int64)
        parts += [torch.from_numpy(ids)] * max(1, round(share * unit / sizes[folder]))
    return torch.cat(parts)


def judge_both(
    result: Measured,
    method: str,
    fresh: Callable[[], Lstm | Cnn],
    tokenizer: Tokenizer,
    known: Reviews,
    asked: Reviews,
    twins: PairRows,
) -> None:
    """Reviews and pairs by a head on a reader's features."""

    def read(texts: Sequence[str]) -> list[list[int]]:
        return [ids[: SIZE["max_seq_len"]] for ids in tokenizer.encode_batch(texts)]

    judge = Judge(fresh(), len(LABELS))
    learn_task(judge, [(ids,) for ids in read(known[0])], [LABELS.index(one) for one in known[1]], epochs=PASSES)
    scores = answers(judge, [(ids,) for ids in read(asked[0])])
    reviewed(result, method, [LABELS[place] for place in scores.argmax(dim=1).tolist()], asked[1])
    judge = Judge(fresh(), 1, is_pair=True)
    sides = {part: list(zip(*(read([row[side] for row in rows]) for side in (0, 1)), strict=True))
             for part, rows in (("train", twins.train), ("test", twins.test))}  # fmt: skip
    learn_task(judge, sides["train"], [row[2] / 5 for row in twins.train], epochs=PASSES)
    paired(result, method, answers(judge, sides["test"]).squeeze(1).tolist(), twins)


if __name__ == "__main__":
    main()
