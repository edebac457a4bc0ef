"""Counting and asking a 5-gram model of characters: units a second, against KenLM and nltk on the same text.

counting  ours and nltk.lm's KneserNeyInterpolated (one discount for all counts). KenLM's own trainer, lmplz, needs
          Boost and is no part of its Python package, so it is not compared.
asking    ours (mapped from its file), KenLM (the very same model, handed over as an ARPA file) and nltk's own.
          The chances that KenLM answers are compared with ours unit by unit.

pip install kenlm nltk
HANLIN_TEST_DATA=/path/to/data python benchmarks/ngram.py [--characters 1000000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kenlm
import numpy as np
import zstandard
from nltk.lm import KneserNeyInterpolated
from nltk.util import everygrams

from hanlin.text.document import Document
from hanlin.text.ngram_model import NgramModel, train_ngram_model

ORDER = 5
FILES = ("pretrain-zh/novels-hans", "pretrain-en/ebooks")
NLTK_CHARACTERS = 60_000  # it keeps every count in dictionaries of dictionaries
NLTK_ASKED = 300


def texts(most: int) -> list[str]:
    """Chapters in Chinese and English in turns, of so many characters."""
    folder = Path(os.environ["HANLIN_TEST_DATA"])
    found, size = [], 0
    for pair in zip(*(rows(folder / f"{name}.jsonl.zst") for name in FILES), strict=False):
        for text in pair:
            found.append(text[: most - size])
            size += len(found[-1])
            if size >= most:
                return found
    return found


def rows(path: Path) -> Iterator[str]:
    """The texts of a packed file of JSON lines."""
    data = zstandard.ZstdDecompressor().stream_reader(path.open("rb")).read()
    yield from (json.loads(line)["text"] for line in data.decode().split("\n") if line)


def trained(read: list[str]) -> NgramModel:
    """Our model of some texts."""
    documents = [Document(text, str(number), "", "zh") for number, text in enumerate(read)]
    return train_ngram_model(lambda: documents, order=ORDER)


def trained_by_nltk(read: list[str]) -> KneserNeyInterpolated:
    """nltk's model of the same texts."""
    model = KneserNeyInterpolated(ORDER)
    padded = (["<s>", *text, "</s>"] for text in read)
    model.fit((everygrams(words, max_len=ORDER) for words in padded), [*{*"".join(read)}, "<s>", "</s>"])
    return model


# ---------------------------------------------------------------- the same model for KenLM


def word(id: int) -> str:
    """How an id is spelled in the ARPA file."""
    return ("<s>", "</s>", "<unk>")[id] if id < 3 else f"w{id}"


def write_arpa(model: NgramModel, path: Path) -> None:
    """Every n-gram with its interpolated chance and the weight of what is shorter, as SRILM and KenLM read them."""
    arrays, size = model.counts.arrays(), model.units.vocab_size
    chances = [arrays["backoff1"][0] / size + arrays["direct1"].astype(float)]
    ids = [np.arange(size)[:, None]]
    for n in range(2, ORDER + 1):
        first, last = np.divmod(arrays[f"keys{n}"], size)
        ids.append(np.hstack([ids[-1][first], last[:, None]]))
        lower = chances[-1][places(ids[-1][:, 1:], arrays, size)]
        chances.append(arrays[f"direct{n}"] + arrays[f"backoff{n}"][first] * lower)
    with path.open("w") as file:
        file.write("\\data\\\n" + "".join(f"ngram {n}={len(rows)}\n" for n, rows in enumerate(ids, start=1)))
        for n in range(1, ORDER + 1):
            weights = np.log10(arrays[f"backoff{n + 1}"]) if n < ORDER else None
            file.write(f"\n\\{n}-grams:\n")
            file.writelines(arpa_rows(ids[n - 1], np.log10(chances[n - 1]), weights))
        file.write("\n\\end\\\n")


def places(ids: np.ndarray, arrays: dict[str, Any], size: int) -> np.ndarray:
    """The row of each n-gram among those of its order."""
    found = ids[:, 0]
    for n in range(2, ids.shape[1] + 1):
        found = np.searchsorted(arrays[f"keys{n}"], found * size + ids[:, n - 1])
    return found


def arpa_rows(ids: np.ndarray, chances: np.ndarray, weights: np.ndarray | None) -> Iterator[str]:
    for number, row in enumerate(ids.tolist()):
        weight = "" if weights is None else f"\t{weights[number]:.7f}"
        yield f"{chances[number]:.7f}\t{' '.join(map(word, row))}{weight}\n"


# ---------------------------------------------------------------- measuring


def rate(work: Callable[[], object], units: int) -> float:
    """Units a second of one turn."""
    start = time.perf_counter()
    work()
    return units / (time.perf_counter() - start)


def told(rates: list[float]) -> str:
    return f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"


def main() -> None:
    """Print both tables and the agreement."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--characters", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    read = texts(options.characters * 5 // 4)
    cut = max(1, len(read) * 4 // 5)
    learned, asked = read[:cut], read[cut:]
    small = texts(NLTK_CHARACTERS)
    counting = {"ours": [], "ours, the text of nltk": [], "nltk": []}  # type: dict[str, list[float]]
    for _ in range(options.rounds):
        counting["ours"].append(rate(lambda: trained(learned), sum(map(len, learned))))
        counting["ours, the text of nltk"].append(rate(lambda: trained(small), NLTK_CHARACTERS))
        counting["nltk"].append(rate(lambda: trained_by_nltk(small), NLTK_CHARACTERS))
    for name, rates in counting.items():
        print(f"| counting, {name} | {told(rates)} |", flush=True)
    ask(trained(learned), asked, trained_by_nltk(small), options.rounds)


def ask(model: NgramModel, asked: list[str], theirs: KneserNeyInterpolated, rounds: int) -> None:
    """Print how many units a second each model answers, and whether KenLM answers the same."""
    encoded = model.units.encode(asked)
    units = sum(len(ids) - 1 for ids in encoded)
    sentences = [" ".join(map(word, ids[1:-1].tolist())) for ids in encoded]
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "m.ngram")
        write_arpa(model, Path(folder) / "m.arpa")
        ours, peer = NgramModel.load(Path(folder) / "m.ngram"), kenlm.Model(f"{folder}/m.arpa")
        text = asked[0][:NLTK_ASKED]
        grams = [(text[at], tuple(text[max(0, at - ORDER + 1) : at])) for at in range(len(text))]
        work = {
            "ours": (lambda: list(ours.scores(asked)), units),
            "KenLM": (lambda: [peer.score(sentence) for sentence in sentences], units),
            "nltk": (lambda: [theirs.logscore(*gram) for gram in grams], len(grams)),
        }
        answered: dict[str, list[float]] = {name: [] for name in work}
        for _, (name, (turn, number)) in itertools.product(range(rounds), work.items()):
            answered[name].append(rate(turn, number))
        for name, rates in answered.items():
            print(f"| asking, {name} | {told(rates)} |", flush=True)
        chances = [part for sentence in sentences for part, _, _ in peer.full_scores(sentence)]
        difference = np.abs(ours.counts.log2probs(encoded) - np.array(chances) / np.log10(2))
        print(f"largest difference to KenLM over {len(chances):,} units: {difference.max():.2g} bits")


if __name__ == "__main__":
    main()
