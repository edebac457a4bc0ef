"""How a folder of sentence-transformers makes one vector of a text: modules.json and what it names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hanlin.base import files
from hanlin.base.errors import BundleError

MODULES = "modules.json"
_SETTINGS = "sentence_bert_config.json"
Pooling = Literal["mean", "cls"]
_POOLINGS: dict[str, Pooling] = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


@dataclass(frozen=True)
class Sentence:
    """pooling: the mean of all states or the first. normalise: to length 1. max_tokens: of a text, None: unsaid."""

    pooling: Pooling
    normalise: bool
    max_tokens: int | None = None


def read_sentence(folder: Path) -> Sentence | None:
    """What modules.json says, None without one. Raises BundleError E465 for a module that we have no part for."""
    if not (folder / MODULES).is_file():
        return None
    modules = {str(module["type"]).rsplit(".", 1)[-1]: module for module in files.read_json(folder / MODULES)}
    if strange := sorted(modules.keys() - {"Transformer", "Pooling", "Normalize"}):
        raise BundleError("bundle.module_unknown", path=folder, modules=", ".join(strange))
    pooling = files.read_json(folder / modules["Pooling"]["path"] / "config.json")
    chosen = sorted(key for key, on in pooling.items() if key.startswith("pooling_mode_") and on is True)
    if len(chosen) != 1 or chosen[0] not in _POOLINGS:
        raise BundleError("bundle.module_unknown", path=folder, modules=", ".join(chosen) or "Pooling")
    return Sentence(_POOLINGS[chosen[0]], "Normalize" in modules, _max_tokens(folder))


def _max_tokens(folder: Path) -> int | None:
    settings: Any = files.read_json(folder / _SETTINGS) if (folder / _SETTINGS).is_file() else {}
    return settings.get("max_seq_length")


def write_sentence(folder: Path, sentence: Sentence, width: int) -> str:
    """Write modules.json and what it names, for a model whose states are `width` wide; return the name of the file that
    lies in a folder of its own."""
    names = ["Transformer", "Pooling", *["Normalize"] * sentence.normalise]
    paths = ["", *(f"{number}_{name}" for number, name in enumerate(names[1:], start=1))]
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{name}"}
        for number, (name, path) in enumerate(zip(names, paths, strict=True))
    ]
    files.write_json(folder / MODULES, modules)
    (folder / paths[1]).mkdir()
    chosen = {key: name == sentence.pooling for key, name in _POOLINGS.items()}
    files.write_json(folder / paths[1] / "config.json", {"word_embedding_dimension": width, **chosen})
    files.write_json(folder / _SETTINGS, {"max_seq_length": sentence.max_tokens, "do_lower_case": False})
    return f"{paths[1]}/config.json"
