"""A model's folder written anew in the Hugging Face layout: in shards of a size, in another dtype, pickles left behind.

    model-00001-of-00003.safetensors ...    no larger than asked for, but for a single tensor that is
    model.safetensors.index.json            which shard holds which tensor, and how many bytes and numbers there are
    all else                                as it was; hanlin.json sealed anew, where there was one

No model is built: tensors go from file to file under the names they have, one at a time in memory. The layout is that
of transformers' `save_pretrained(max_shard_size=...)`, which opens it.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hanlin.base import files
from hanlin.base.errors import BundleError
from hanlin.bundle.bundle import MANIFEST, Info, read_info, seal
from hanlin.bundle.foreign import CONFIG
from hanlin.bundle.lineage import record_lineage
from hanlin.bundle.manifest import read_manifest, verifying
from hanlin.bundle.stored import Stored, are_equal, num_rows
from hanlin.bundle.tensors import is_finite, not_finite, write_stored
from hanlin.bundle.weights import INDEX, WEIGHTS, WeightFiles, stored_tensors, weight_files

Shards = Mapping[str, list[str]]
_WEIGHTS = re.compile(r"\.(safetensors|bin|pt|pth|ckpt|h5|msgpack|onnx|gguf|ot)$|\.index\.json$")


@dataclass(frozen=True)
class Exported:
    """What was written.

    shards: weight files and the names of their tensors. num_bytes: of all tensors. rounding: what the other dtype cost,
    as root mean square of the differences over that of the numbers; None where the numbers are the same.
    """

    path: Path
    shards: Shards
    num_bytes: int
    rounding: float | None = None


@dataclass
class _Source:
    """The tensors of a folder, read one at a time in the dtype that is asked for."""

    files: WeightFiles
    dtype: torch.dtype | None
    tensors: Mapping[str, Stored] = field(init=False)
    squares: float = 0.0
    errors: float = 0.0

    def __post_init__(self) -> None:
        self.tensors = stored_tensors(self.files)

    def shape(self, name: str) -> Tensor:
        """A tensor of its shape and dtype, without memory."""
        stored = self.tensors[name]
        dtype = self.dtype if self.dtype and stored.dtype.is_floating_point else stored.dtype
        return torch.empty(stored.shape, dtype=dtype, device="meta")

    def read(self, name: str) -> Tensor:
        """Its numbers. Raises BundleError E481 for one that the dtype cannot hold."""
        stored, dtype = self.tensors[name], self.shape(name).dtype
        rows = slice(0, num_rows(stored))
        found = stored.look(rows).clone().view(stored.shape)
        stored.release(rows)
        if not is_finite(found):
            raise not_finite(self.files.shown, [name])
        if found.dtype == dtype:
            return found
        cast = found.to(dtype)
        if not is_finite(cast):
            kind = str(dtype).removeprefix("torch.")
            raise BundleError("bundle.export_overflow", path=self.files.shown.parent, name=name, dtype=kind)
        self.squares += found.double().square().sum().item()
        self.errors += (found.double() - cast.double()).square().sum().item()
        return cast


def export_folder(
    source: Path, out: Path, *, max_shard_size: int, dtype: torch.dtype | None = None, pickles: bool = False
) -> Exported:
    """Write the model of `source`, a bundle or a foreign folder of a known family, into `out`, whole or not at all.

    max_shard_size: bytes of one weight file at most. dtype: of all weights; None keeps each as it is.
    Raises BundleError as `read_info` does, E452 and E456 for a damaged source, E481 for a dtype too narrow; InputError
    E117 for a place that is taken; DiskFull.
    """
    info = read_info(source, pickles=pickles)
    read = _Source(weight_files(source, pickles=pickles), dtype)
    shapes = {name: read.shape(name) for name in read.tensors}
    shards = split(shapes, max_shard_size)
    with files.building_folder(out, known_by=MANIFEST) as temporary, verifying(source, info.checksums, info.stretches):
        others = _copy_others(source, temporary)
        checksums = {
            shard: write_stored(temporary / shard, {name: shapes[name] for name in names}, read.read)
            for shard, names in shards.items()
        }
        if len(shards) > 1:
            files.write_json(temporary / INDEX, index_of(shapes, shards))
        if dtype is not None:
            _note_dtype(temporary / CONFIG, dtype)
        _check(temporary, read)
        if info.lineage is not None:
            nested = {name: files.sha256_file(temporary / name) for name in others if "/" in name}
            seal(temporary, _content(info, source), checksums | nested)
    rounding = math.sqrt(read.errors / read.squares) if read.squares else None
    return Exported(out, shards, sum(shape.nbytes for shape in shapes.values()), rounding)


def split(shapes: Mapping[str, Tensor], most: int) -> Shards:
    """Tensors into files of at most `most` bytes, in their order; what is larger by itself has a file of its own."""
    groups: list[list[str]] = [[]]
    held = 0
    for name, shape in shapes.items():
        if groups[-1] and held + shape.nbytes > most:
            groups.append([])
            held = 0
        groups[-1].append(name)
        held += shape.nbytes
    if len(groups) == 1:
        return {WEIGHTS: groups[0]}
    return {f"model-{i:05d}-of-{len(groups):05d}.safetensors": group for i, group in enumerate(groups, start=1)}


def index_of(shapes: Mapping[str, Tensor], shards: Shards) -> dict[str, object]:
    """The index of some shards, as transformers writes it."""
    total = {
        "total_parameters": sum(shape.numel() for shape in shapes.values()),
        "total_size": sum(shape.nbytes for shape in shapes.values()),
    }
    weight_map = {name: shard for shard, names in shards.items() for name in names}
    return {"metadata": total, "weight_map": dict(sorted(weight_map.items()))}


def _copy_others(source: Path, folder: Path) -> list[str]:
    """Copy all that holds no weights: configs, tokenizer, template, card, licence; return their names."""
    inner = (path for path in source.glob("[0-9]_*/config.json"))
    names = [path.relative_to(source).as_posix() for path in (*source.iterdir(), *inner) if path.is_file()]
    others = [name for name in names if name != MANIFEST and not name.startswith(".") and not _WEIGHTS.search(name)]
    for name in others:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source / name, folder / name)
    return others


def _content(info: Info, source: Path) -> dict[str, Any]:
    """What the seal says: as before, with one more stage in its life."""
    assert info.lineage is not None
    earlier = (*info.lineage.earlier, info.lineage)
    lineage = record_lineage("export", seed=info.lineage.seed, parents={"model": info.fingerprint}, earlier=earlier)
    return {**read_manifest(source / MANIFEST).content, "lineage": lineage.to_dict()}


def _note_dtype(path: Path, dtype: torch.dtype) -> None:
    """Say in config.json what the weights are; transformers before 4.56 reads torch_dtype."""
    config = files.read_json(path)
    kind = str(dtype).removeprefix("torch.")
    files.write_json(path, {**config, "dtype": kind} | ({"torch_dtype": kind} if "torch_dtype" in config else {}))


def _check(folder: Path, source: _Source) -> None:
    """Read the folder as whoever opens it will, and compare what must be the same with the source."""
    written = stored_tensors(weight_files(folder))
    same = [name for name, stored in written.items() if stored.dtype == source.tensors[name].dtype]
    assert written.keys() == source.tensors.keys() and all(are_equal(written[n], source.tensors[n]) for n in same)
