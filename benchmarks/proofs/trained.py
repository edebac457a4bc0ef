"""Small models of each family, pre-trained by Hanlin on the same text for the same minutes.

The text: an even part of every collection of pretrain-zh and pretrain-en, and the unlabelled texts of training rows of
the task where a proof hands them over; never a test row. Vocabularies are of one size and one sample, and differ in the
control tokens that an objective needs. What stands in the room is taken again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.proofs.rows import data, part_of

import hanlin
from hanlin.base.progress import Progress
from hanlin.bundle.bundle import load_bundle, read_info, save_bundle
from hanlin.bundle.lineage import record_lineage
from hanlin.data.config import ShardConfig
from hanlin.life.tokenise import tokenise
from hanlin.model.config import ModelConfig
from hanlin.model.families.registry import in_manner, named_family
from hanlin.model.transformer import build_model
from hanlin.text.readers import read_documents
from hanlin.text.tokenizer import Tokenizer

SIZE: dict[str, Any] = {"hidden_size": 256, "num_layers": 3, "num_heads": 8, "max_seq_len": 128}
ENCODERS: dict[str, dict[str, Any]] = {
    "rotary": {
        "family": "hanlin",
        "arch": "encoder",
        "norm": {"kind": "rms", "place": "pre"},
        "positions": {"kind": "rope"},
        "mlp": {"activation": "gelu", "gated": True},
        "embeddings": {"types": 2},
    },
    "bert": {"family": "bert"},
}
"""How an encoder is built: as BERT was published (norms behind each branch, learned positions), or with norms before
and rotary positions, as encoders are built since ModernBERT (Warner et al. 2024, arXiv:2412.13663). What a masked
token is guessed by is mostly its neighbours, and rotary positions need not learn which those are."""
PURPOSES = {
    "causal": "text",
    "masked": "masked",
    "masked_next_sentence": "masked",
    "span_corruption": "span_corruption",
}


@dataclass(frozen=True)
class Recipe:
    """What is pre-trained: the vocabulary, the shape, the rows, and the share of the task's own texts."""

    vocabulary: int = 6000
    shape: Mapping[str, Any] = field(default_factory=dict)
    seq_len: int = 128
    settings: Mapping[str, Any] = field(default_factory=dict)
    megabytes: Mapping[str, float] = field(default_factory=lambda: {"zh": 6.0, "en": 2.0})
    own_share: float = 0.5


@dataclass(frozen=True)
class Room:
    """A folder in which texts, vocabularies, shards and runs lie."""

    folder: Path

    def texts(self, name: str, rows: Iterable[str]) -> Path:
        """A corpus built of some texts as users build theirs: evened out, equal ones once."""
        out = self.folder / f"corpus-{name}"
        if not out.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            raw = self.folder / f"{name}.jsonl"
            with raw.open("w", encoding="utf-8") as file:
                file.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in rows)
            hanlin.build_data(sources=[str(raw)], out=out)
        return out

    def vocabulary(self, corpora: Iterable[Path], recipe: Recipe, purpose: str) -> Path:
        """One vocabulary of all corpora."""
        out = self.folder / f"tokenizer-{purpose}-{recipe.vocabulary}"
        if not out.is_dir():
            sources = [str(one) for one in corpora]
            hanlin.train_tokenizer(data=sources, out=out, vocab_size=recipe.vocabulary, purpose=purpose)
        return out

    def shards(self, corpus: Path, tokenizer: Path) -> Path:
        """A corpus in tokens."""
        out = self.folder / f"shards-{corpus.name.removeprefix('corpus-')}-{tokenizer.name.removeprefix('tokenizer-')}"
        if not out.is_dir():
            tokenise(corpus, tokenizer, out, config=ShardConfig(), progress=Progress("none"))
        return out / "train"


def pretrained(
    room: Room, name: str, objective: str, recipe: Recipe, *, minutes: float, own: Iterable[str] = (), seed: int = 1
) -> tuple[Path, dict[str, Any]]:
    """A bundle that has read for so many minutes, and the figures of its training."""
    kept = room.folder / f"{name}.json"
    if kept.is_file():
        found = json.loads(kept.read_text(encoding="utf-8"))
        return Path(found["bundle"]), found
    tokenizer, sources = text_of(room, recipe, PURPOSES[objective], own)
    report = hanlin.pretrain(
        data=sources,
        validation=[path for path in (Path(one).parent / "validation" for one in sources) if path.is_dir()],
        tokenizer=tokenizer,
        objective=objective,
        model=dict(recipe.shape),
        seq_len=recipe.seq_len,
        budget=minutes * 60,
        runs=room.folder / "runs",
        name=name,
        seed=seed,
        **recipe.settings,
    )
    assert report.path is not None
    shape = read_info(report.path / "bundle").config
    found = {
        "bundle": str(report.path / "bundle"),
        "tokens": report.report["tokens"],
        "steps": report.report["steps"],
        "parameters": shape.num_parameters(),
        "shape": f"{shape.num_layers} x {shape.hidden_size}",
        "validation_loss": report.report.get("validation_loss"),
    }
    kept.write_text(json.dumps(found), encoding="utf-8")
    return report.path / "bundle", found


def encoder(layout: str, objective: str, **sizes: Any) -> dict[str, Any]:
    """The shape of a small encoder; next-sentence prediction asks its pooled first state."""
    both = objective == "masked_next_sentence"
    head = {"pooler": both, "next_sentence": both}
    return {**ENCODERS[layout], **SIZE, **sizes, "head": head}


def fresh(room: Room, name: str, recipe: Recipe, purpose: str, *, own: Iterable[str], seed: int = 1) -> Path:
    """A bundle that has read nothing, with a vocabulary of the text that it would have read."""
    out = room.folder / name
    if not out.is_dir():
        tokenizer = Tokenizer.load(room.vocabulary(corpora_of(room, recipe, own).values(), recipe, purpose))
        preset = named_family(str(recipe.shape["family"])).preset
        shape = ModelConfig(**in_manner({**preset, **recipe.shape, "vocab_size": tokenizer.vocab_size}))
        save_untrained(out, shape, tokenizer, seed=seed)
    return out


def corpora_of(room: Room, recipe: Recipe, own: Iterable[str]) -> dict[str, Path]:
    """The shared text, and the task's own where there is any."""
    corpora = {"shared": room.texts("shared", shared(recipe.megabytes))}
    if rows := list(own):
        corpora["own"] = room.texts("own", rows)
    return corpora


def text_of(room: Room, recipe: Recipe, purpose: str, own: Iterable[str]) -> tuple[Path, dict[str, float]]:
    """A vocabulary, and shards with their shares of the tokens."""
    corpora = corpora_of(room, recipe, own)
    tokenizer = room.vocabulary(corpora.values(), recipe, purpose)
    shares = {"shared": 1 - recipe.own_share, "own": recipe.own_share} if "own" in corpora else {"shared": 1.0}
    return tokenizer, {str(room.shards(corpora[one], tokenizer)): share for one, share in shares.items()}


def shared(megabytes: Mapping[str, float], *, is_held_out: bool = False) -> Iterator[str]:
    """So many megabytes of each language, an even part of every collection, without the fifth that is held out."""
    for lang, most in megabytes.items():
        collections = sorted(path for path in (data() / f"pretrain-{lang}").iterdir() if path.suffix == ".zst")
        for path in collections:
            yield from taken(path, most * 1e6 / len(collections), is_held_out)


def taken(path: Path, most: float, is_held_out: bool) -> Iterator[str]:
    """The first documents of a collection up to so many bytes, by the hash of their text held out or not."""
    size = 0
    for document in read_documents([path], on_drop=lambda one: None):
        if (part_of(document.text) == "test") is not is_held_out:
            continue
        size += len(document.text.encode())
        if size > most:
            return
        yield document.text


def untrained(room: Room, like: Path, *, seed: int = 1) -> Path:
    """The same shape and vocabulary with fresh weights."""
    out = room.folder / f"untrained-{like.parent.name}"
    if not out.is_dir():
        bundle = load_bundle(like)
        assert bundle.tokenizer is not None
        save_untrained(out, bundle.config, bundle.tokenizer, seed=seed, template=bundle.template)
    return out


def save_untrained(out: Path, shape: ModelConfig, tokenizer: Tokenizer, *, seed: int, **kept: Any) -> None:
    """A bundle of random weights."""
    lineage = record_lineage("untrained", seed=seed)
    save_bundle(out, model=build_model(shape, seed=seed), tokenizer=tokenizer, lineage=lineage, **kept)
