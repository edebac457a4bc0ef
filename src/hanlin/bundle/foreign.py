"""A folder of the Hugging Face world: what its config.json and its weight files say of the model, or why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanlin.base import files
from hanlin.base.errors import BundleError, ConfigError
from hanlin.base.messages import say
from hanlin.bundle.convert import as_found
from hanlin.bundle.tensors import listed
from hanlin.bundle.weights import refuse_others
from hanlin.model.config import ModelConfig
from hanlin.model.families.family import Family
from hanlin.model.families.registry import find_family

CONFIG = "config.json"


@dataclass(frozen=True)
class Foreign:
    """What a foreign folder holds, and sentences on what was taken on trust or left aside."""

    family: str
    config: ModelConfig
    notes: tuple[str, ...]


def read_foreign(folder: Path, *, pickles: bool = False) -> Foreign:
    """The model of a foreign folder, its weights unread.

    Raises BundleError: E460 and E469 to E474 for a config.json that describes no model of ours, E320 to E323 for one
    of another family or with settings that are not built, E451 to E468 for weight files that are none.
    """
    hf = _settings(folder)
    family = find_family(hf, path=folder)
    said = _described(folder, family, hf)
    config = as_found(folder, said, family, pickles=pickles)
    notes = [say("bundle.note_foreign", path=folder)]
    if (found := config.embeddings.tied) != said.embeddings.tied:
        notes.append(say("bundle.note_tied", said=said.embeddings.tied, found=found))
    if unread := family.unread(hf):
        notes.append(say("bundle.note_unread", settings=", ".join(unread)))
    return Foreign(family.name, config, tuple(notes))


def _settings(folder: Path) -> Mapping[str, Any]:
    """config.json, where it is the table of a model that is whole and not packed."""
    hf = files.read_json(folder / CONFIG, unique=True)
    if not isinstance(hf, dict):
        raise BundleError("bundle.no_bundle", path=folder)
    if "model_type" not in hf:
        refuse_others(folder)
        raise BundleError("bundle.no_model_type", path=folder)
    if packing := hf.get("quantization_config"):
        method = packing.get("quant_method", "?") if isinstance(packing, dict) else "?"
        raise BundleError("bundle.quantised", path=folder, method=method)
    return hf


def _described(folder: Path, family: Family, hf: Mapping[str, Any]) -> ModelConfig:
    """The model of config.json. Raises BundleError E472 with everything that is wrong with it."""
    lines = [
        say("bundle.setting_kind", name=name, value=repr(hf[name])[:60], kind=say(f"bundle.kind_{kind}"))
        for name, kind in family.mistyped(hf).items()
    ]
    try:
        if not lines:
            return family.from_hf_config(hf)
    except ConfigError as error:
        lines = list(map(str, error.problems))
    except BundleError as error:
        if error.key != "model.setting_missing":
            raise
        lines = [say("bundle.setting_missing", name=error.values["setting"])]
    raise BundleError("bundle.config_unusable", path=folder, family=family.name, lines=listed(lines))
