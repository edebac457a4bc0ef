"""Near duplicates: texts to pairs of a true Jaccard similarity of 0.8, against datasketch and rensa.

All sides get the same texts, shingle by 5 characters, sign with 100 numbers in 20 bands of 5, rule out candidates by
the agreement of signatures and confirm the rest by true sets. The text is real, grown by copies in which every tenth
character is another (Jaccard similarity about 0.4, so that many pairs share a band and none is near), with one planted
near duplicate for every fifty texts. Turns alternate; a ratio is the median over the turns. Promise: at least 3 times
datasketch, at least rensa, at a recall no lower than theirs.

    pip install rensa==0.5.0 datasketch==2.0.0     # the peers; nothing else needs them
    HANLIN_TEST_DATA=/path/to/data python benchmarks/dedup.py [--megabytes 12] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
import zlib
from collections.abc import Callable

import numpy as np
import rensa
from datasketch import MinHash, MinHashLSH
from grown import changed, copies, real_texts

from hanlin.base.device import describe_machine
from hanlin.text.config import NearDupConfig
from hanlin.text.duplicates.minhash import Shingling, signature
from hanlin.text.duplicates.near import near_pairs

THRESHOLD, SHINGLE, BANDS, ROWS = 0.8, 5, 20, 5
LENGTH = BANDS * ROWS
PLAUSIBLE = THRESHOLD - 4 * (THRESHOLD * (1 - THRESHOLD) / LENGTH) ** 0.5
TWIN_CHANGED, TEXTS_PER_TWIN = 0.015, 50
PROMISED = {"datasketch": 3.0, "rensa": 1.0}

Pairs = set[tuple[int, int]]


def main() -> None:
    """Measure and print."""
    options = parse()
    say(json.dumps({**describe_machine(), "load": [round(load, 2) for load in os.getloadavg()]}))
    compare(options.megabytes, options.rounds)


def compare(megabytes: float, rounds: int) -> None:
    """Speed and recall of all sides in turns."""
    texts, planted = grown(megabytes)
    size = sum(len(text.encode()) for text in texts) / 1e6
    say(f"{len(texts)} texts, {size:.1f} MB, {len(planted)} planted pairs at or over {THRESHOLD}")
    sides: dict[str, Callable[[list[str]], Pairs]] = {"hanlin": ours, "rensa": by_rensa, "datasketch": by_datasketch}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    found: dict[str, Pairs] = {}
    ours(texts[:50])  # tables of characters are made once in a process
    for _ in range(rounds):
        for name, side in sides.items():
            start = time.perf_counter()
            found[name] = side(texts)
            seconds[name].append(time.perf_counter() - start)
    for name, turns in seconds.items():
        recall = len(found[name] & planted) / len(planted)
        median = statistics.median(turns)
        say(f"  {name}: {median:.2f} s, {size / median:.1f} MB/s, recall {recall:.4f}")
    for name, promised in PROMISED.items():
        ratios = [peer / own for peer, own in zip(seconds[name], seconds["hanlin"], strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        say(f"  against {name}: {statistics.median(ratios):.2f} x ({spread}), promised {promised:g}")
    signatures_alone(texts, rounds)


def signatures_alone(texts: list[str], rounds: int) -> None:
    """The signing of the same hashes, rensa's fastest door for them and ours."""
    hashes = [Shingling(SHINGLE).of(text) for text in texts]
    flat, ends = np.concatenate(hashes), np.cumsum([0, *map(len, hashes)], dtype=np.uint64)
    ratios = []
    for _ in range(rounds):
        start = time.perf_counter()
        rensa.RMinHash.digest_matrix_from_flat_token_hashes(flat, ends, LENGTH, 42)
        middle = time.perf_counter()
        for each in hashes:
            signature(each, LENGTH)
        ratios.append((middle - start) / (time.perf_counter() - middle))
    say(f"  signing alone, from the same hashes, against rensa: {statistics.median(ratios):.2f} x")


# ---------------------------------------------------------------- sides


def ours(texts: list[str]) -> Pairs:
    """Hanlin, texts at hand as on the other sides."""
    return {(one, other) for one, other, _ in near_pairs(texts, NearDupConfig(action="drop", across_scripts=False))}


def shingles(text: str) -> set[str]:
    """The same shingles as text."""
    return {text[place : place + SHINGLE] for place in range(max(1, len(text) - SHINGLE + 1))}


def by_rensa(texts: list[str]) -> Pairs:
    """rensa's batch doors, all in memory."""
    sets = [shingles(text) for text in texts]
    signed = rensa.RMinHash.from_token_sets([list(one) for one in sets], LENGTH, 42)
    index = rensa.RMinHashLSH(threshold=THRESHOLD, num_perm=LENGTH, num_bands=BANDS)
    index.insert_many(signed)
    pairs = {(one, other) for one, near in enumerate(index.query_all(signed)) for other in near if one < other}
    return confirmed(pairs, sets, lambda one, other: signed[one].jaccard(signed[other]))


def by_datasketch(texts: list[str]) -> Pairs:
    """datasketch with a C hash and batches, all in memory."""
    sets = [shingles(text) for text in texts]
    signed = []
    for one in sets:
        hashed = MinHash(num_perm=LENGTH, hashfunc=zlib.crc32)
        hashed.update_batch([shingle.encode() for shingle in one])
        signed.append(hashed)
    index = MinHashLSH(num_perm=LENGTH, params=(BANDS, ROWS))
    with index.insertion_session() as session:
        for number, hashed in enumerate(signed):
            session.insert(number, hashed, check_duplication=False)
    pairs = {(one, other) for one, hashed in enumerate(signed) for other in index.query(hashed) if one < other}
    return confirmed(pairs, sets, lambda one, other: signed[one].jaccard(signed[other]))


def confirmed(pairs: Pairs, sets: list[set[str]], estimate: Callable[[int, int], float]) -> Pairs:
    """Those of a true similarity at or over the threshold, as our side does it."""
    likely = [pair for pair in pairs if estimate(*pair) >= PLAUSIBLE]
    return {pair for pair in likely if jaccard(sets[pair[0]], sets[pair[1]]) >= THRESHOLD}


def jaccard(one: set[str], other: set[str]) -> float:
    """By the definition."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


# ---------------------------------------------------------------- text


def grown(megabytes: float) -> tuple[list[str], Pairs]:
    """Texts up to a size, and the planted pairs that are near by definition."""
    chance = np.random.default_rng(7)
    base = real_texts()
    base = [base[place] for place in chance.permutation(len(base))[: max(50, int(megabytes * 30))]]
    texts: list[str] = []
    planted: Pairs = set()
    size = 0
    for text in copies(base, chance):
        texts.append(text)
        if len(texts) % TEXTS_PER_TWIN == 0:
            twin = changed(text, TWIN_CHANGED, chance)
            if jaccard(shingles(text), shingles(twin)) >= THRESHOLD:
                planted.add((len(texts) - 1, len(texts)))
            texts.append(twin)
        size += len(text.encode())
        if size >= megabytes * 1e6:
            break
    return texts, planted


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=12, help="size of the text")
    parser.add_argument("--rounds", type=int, default=3, help="turns, at least 3 for a claim")
    return parser.parse_args()


if __name__ == "__main__":
    main()
