"""Weights between our parameters and the safetensors files of a Hugging Face folder."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from hanlin.base.errors import BundleError
from hanlin.bundle.stored import Stored, are_equal, joined
from hanlin.bundle.taking import take
from hanlin.bundle.tensors import check_match, not_finite
from hanlin.bundle.weights import WEIGHTS as WEIGHTS
from hanlin.bundle.weights import WeightFiles, stored_tensors, weight_files
from hanlin.model.config import ModelConfig
from hanlin.model.families.family import Family
from hanlin.model.families.rules import Place, foreign_places, foreign_views
from hanlin.model.pages import LargePages, aligned
from hanlin.model.transformer import Transformer, assemble


def export_weights(model: nn.Module, config: ModelConfig, family: Family) -> dict[str, Tensor]:
    """The model's parameters under the family's names, views wherever no bytes have to move."""
    family = family.for_task(config.head.task.kind)
    views = foreign_views(parameters(model), family.rules, config)
    return views | {copy: views[whole] for copy, whole in family.copies.items() if whole in views}


@torch.no_grad()
def import_weights(
    folder: Path,
    model: Transformer,
    config: ModelConfig,
    family: Family,
    *,
    verify: bool,
    pickles: bool = False,
    masters: bool = True,
) -> tuple[Path, ...]:
    """Fill `model` from the weight files of `folder`, and return those files.

    Names, shapes and kinds are checked before a byte of a weight is read: files present and sound (E451, E454), index
    and shards of one mind (E466), no tensor missing, unexpected or of another shape (E455). With `verify` every number
    must be finite (E456), which is looked at while a piece is in the caches. masters: weights of the process's own, in
    the model's dtype, for training; without, `make_room` says what stays in the mapped files, and in which dtype.
    Raises BundleError; the model is then of no use.
    """
    family = family.for_task(config.head.task.kind)
    files = weight_files(folder, pickles=pickles)
    found = _found(files, family)
    found |= {whole: found.pop(copy) for copy, whole in family.copies.items() if copy in found}
    places = foreign_places(parameters(model), family.rules, config)
    _drop_tied_head(files.shown, found, places, family)
    check_match(files.shown, found, {name: place.shape for name, place in places.items()})
    in_place = make_room(model, places, found, family, masters=masters)
    places = foreign_places(parameters(model), family.rules, config)
    if bad := take(found, places, in_place, verify=verify):
        raise not_finite(files.shown, bad)
    return files.paths


def check_weights(folder: Path, config: ModelConfig, family: Family, *, pickles: bool = False) -> None:
    """Refuse a config that asks for more than the weight files hold before memory is taken for its model.

    Raises BundleError E455 with all that is missing, E473 where there are fewer tensors than layers.
    """
    family = family.for_task(config.head.task.kind)
    files = weight_files(folder, pickles=pickles)
    found = _found(files, family)
    if config.num_parameters() <= sum(tensor.shape.numel() for tensor in found.values()):
        return
    num_parts = (config.num_layers + config.num_encoder_layers) * max(1, config.mlp.experts.number)
    if num_parts > len(found):
        raise BundleError("bundle.config_too_large", path=folder, parts=num_parts, tensors=len(found))
    with torch.device("meta"):
        places = foreign_places(parameters(assemble(config)), family.rules, config)
    check_match(files.shown, found, {name: place.shape for name, place in places.items()})


def make_room(
    model: Transformer, places: Mapping[str, Place], found: Mapping[str, Stored], family: Family, *, masters: bool
) -> set[str]:
    """Give every parameter its memory: the mapped file itself where its numbers stand there as the model wants them,
    else a place in large pages. Return the foreign names of the former. `masters`: the latter for all, as they are
    going to be written to."""
    in_place: set[str] = set()
    others: list[tuple[nn.Parameter, torch.dtype]] = []
    for name, parameter in model.named_parameters():
        theirs = _theirs(family, name)
        dtype = parameter.dtype if masters else _held(parameter, {found[one].dtype for one in theirs}, model)
        whole = None if masters else _as_it_lies(parameter, dtype, theirs, places, found)
        if whole is None:
            others.append((parameter, dtype))
        else:
            parameter.data = whole
            in_place.update(theirs)
    memory = LargePages(sum(aligned(parameter.numel() * dtype.itemsize) for parameter, dtype in others))
    for parameter, dtype in others:
        parameter.data = memory.take(*parameter.shape, dtype=dtype)
    return in_place


def _held(parameter: Tensor, stored: set[torch.dtype], model: Transformer) -> torch.dtype:
    """The dtype to hold a parameter in: half precision if the file has it and the model computes in it. Held wider it
    would take twice the memory and be narrowed again, to the same numbers, wherever it is used. Vectors stay wide:
    norms are worked out in float32, and they are small."""
    halves = {torch.bfloat16, torch.float16} & {model.compute_dtype}
    return model.compute_dtype if parameter.dim() > 1 and stored == halves else parameter.dtype


def _as_it_lies(
    parameter: Tensor,
    dtype: torch.dtype,
    theirs: tuple[str, ...],
    places: Mapping[str, Place],
    found: Mapping[str, Stored],
) -> Tensor | None:
    """A matrix in its mapped file; None where it has to be copied."""
    fits = all(places[one].is_plain and found[one].dtype == dtype for one in theirs)
    return joined([found[one] for one in theirs]) if fits and parameter.dim() > 1 else None


def _found(files: WeightFiles, family: Family) -> dict[str, Stored]:
    """Tensors of some files as the family's full class names them."""
    tensors = stored_tensors(files)
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


def _is_tied(found: Mapping[str, Stored], family: Family, *, said: bool) -> bool:
    """What the files say; what config.json said where they say nothing."""
    (head,), (tokens,) = (_theirs(family, name) for name in ("head.weight", "embeddings.tokens.weight"))
    if tokens not in found:
        return said
    if head not in found:
        return True
    return said and are_equal(found[head], found[tokens])


def _drop_tied_head(path: Path, found: dict[str, Stored], places: Mapping[str, Place], family: Family) -> None:
    """A tied model's file may hold its head once more; one that differs means the config is wrong."""
    (head,), (tokens,) = (_theirs(family, name) for name in ("head.weight", "embeddings.tokens.weight"))
    if head in places or head not in found:
        return
    if tokens in found and are_equal(found[head], found[tokens]):
        del found[head]
        return
    raise BundleError("bundle.head_not_tied", file=path.name, path=path.parent)


def _theirs(family: Family, ours: str) -> tuple[str, ...]:
    return next(names for rule in family.rules if (names := rule.match(ours)) is not None)


def parameters(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach() for name, parameter in model.named_parameters()}
