"""Weights between our parameters and the safetensors files of a Hugging Face folder."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from hanlin.base import files
from hanlin.base.errors import BundleError
from hanlin.bundle.tensors import check_finite, check_match, read_pickle, read_tensors
from hanlin.model.config import ModelConfig
from hanlin.model.families.family import Family
from hanlin.model.families.rules import Place, foreign_places, foreign_views

WEIGHTS = "model.safetensors"
_NAMES = (WEIGHTS, "model.safetensors.index.json")
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")


def export_weights(model: nn.Module, config: ModelConfig, family: Family) -> dict[str, Tensor]:
    """The model's parameters under the family's names, views wherever no bytes have to move."""
    family = family.for_task(config.head.task.kind)
    views = foreign_views(_parameters(model), family.rules, config)
    return views | {copy: views[whole] for copy, whole in family.copies.items() if whole in views}


@torch.no_grad()
def import_weights(
    folder: Path, model: nn.Module, config: ModelConfig, family: Family, *, verify: bool, pickles: bool = False
) -> list[Path]:
    """Fill `model` from the weight files of `folder`, and return those files.

    Everything is checked before the model is touched: files present and sound (E451, E454), no tensor missing,
    unexpected or of another shape (E455), with `verify` every number finite (E456). Raises BundleError.
    """
    family = family.for_task(config.head.task.kind)
    paths = weight_files(folder, pickles=pickles)
    found = _found(paths, family)
    found |= {whole: found.pop(copy) for copy, whole in family.copies.items() if copy in found}
    places = foreign_places(_parameters(model), family.rules, config)
    _drop_tied_head(paths[0], found, places, family)
    check_match(paths[0], found, {name: place.shape for name, place in places.items()})
    if verify:
        check_finite(paths[0], found)
    for name, place in places.items():
        place.write(found[name])
    return paths


def weight_files(folder: Path, *, pickles: bool = False) -> list[Path]:
    """The files that hold a folder's weights: safetensors, and where there are none, if wanted, `pickles`.

    Raises BundleError E451, or E457 where there are pickled weights only and they are not wanted.
    """
    for weights, index in (_NAMES, _PICKLED) if pickles else (_NAMES,):
        if (folder / weights).is_file():
            return [folder / weights]
        if (folder / index).is_file():
            return _indexed(folder, index)
    pickled = [path.name for path in sorted(folder.glob("*.bin")) + sorted(folder.glob("*.pt*"))]
    if pickled:
        raise BundleError("bundle.pickled", path=folder, files=", ".join(pickled))
    raise BundleError("bundle.files_missing", files=WEIGHTS, path=folder)


def _indexed(folder: Path, name: str) -> list[Path]:
    index = files.read_json(folder / name)
    shards = index.get("weight_map") if isinstance(index, dict) else None
    names = sorted({str(name) for name in shards.values()}) if isinstance(shards, dict) else []
    # A name with a path in it would read outside the folder.
    missing = [name for name in names if Path(name).name != name or not (folder / name).is_file()]
    if missing or not names:
        raise BundleError("bundle.files_missing", files=", ".join(missing) or WEIGHTS, path=folder)
    return [folder / name for name in names]


def _found(paths: list[Path], family: Family) -> dict[str, Tensor]:
    """Tensors of the files, mapped, as the family's full class names them."""
    tensors: dict[str, Tensor] = {}
    for path in paths:
        tensors |= read_tensors(path) if path.suffix == ".safetensors" else read_pickle(path)
    full = full_names(tensors, family)
    return {full[name]: tensor for name, tensor in tensors.items() if name in full}


def full_names(names: Collection[str], family: Family) -> dict[str, str]:
    """Names in the files, and how the family's full class writes them; tensors that are formulas are left out."""
    bare = not any(name.startswith(family.prefix) for name in names)
    full = {name: family.full_name(name, bare=bare) for name in names}
    return {name: new for name, new in full.items() if not any(re.fullmatch(skip, new) for skip in family.skipped)}


def as_found(folder: Path, config: ModelConfig, family: Family, *, pickles: bool = False) -> ModelConfig:
    """`config` with what the weight files say of the shape better. Raises BundleError as `weight_files` does.

    The head above all: a file without one is tied whatever config.json says, one whose head differs from the
    embeddings is not. transformers 5 reads them so, too.
    """
    family = family.for_task(config.head.task.kind)
    found = _found(weight_files(folder, pickles=pickles), family)
    if family.told:
        config = family.as_found(config, found.keys())
    if any(told.field == "embeddings.tied" for told in family.told) or config.head.kind == "none":
        return config
    tied = _is_tied(found, family, said=config.embeddings.tied)
    return config.replaced(embeddings=config.embeddings.replaced(tied=tied))


def _is_tied(found: Mapping[str, Tensor], family: Family, *, said: bool) -> bool:
    """What the files say; what config.json said where they say nothing."""
    (head,), (tokens,) = (_theirs(family, name) for name in ("head.weight", "embeddings.tokens.weight"))
    if tokens not in found:
        return said
    if head not in found:
        return True
    return said and torch.equal(found[head], found[tokens])


def _drop_tied_head(path: Path, found: dict[str, Tensor], places: Mapping[str, Place], family: Family) -> None:
    """A tied model's file may hold its head once more; one that differs means the config is wrong."""
    (head,), (tokens,) = (_theirs(family, name) for name in ("head.weight", "embeddings.tokens.weight"))
    if head in places or head not in found:
        return
    if tokens in found and torch.equal(found[head], found[tokens]):
        del found[head]
        return
    raise BundleError("bundle.head_not_tied", file=path.name, path=path.parent)


def _theirs(family: Family, ours: str) -> tuple[str, ...]:
    return next(names for rule in family.rules if (names := rule.match(ours)) is not None)


def _parameters(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach() for name, parameter in model.named_parameters()}
