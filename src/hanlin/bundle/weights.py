"""Which files hold the weights of a folder, and all their tensors at once, still unread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hanlin.base.errors import BundleError
from hanlin.base.files import read_json
from hanlin.base.messages import say
from hanlin.bundle.stored import Stored, map_tensors, open_pickle
from hanlin.bundle.tensors import listed

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_NAMES = (WEIGHTS, INDEX)
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_ADAPTERS = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")


@dataclass(frozen=True)
class WeightFiles:
    """The files of a folder's weights; `shards` says of each tensor which file holds it, None without an index."""

    paths: tuple[Path, ...]
    index: Path | None = None
    shards: Mapping[str, str] | None = None

    @property
    def shown(self) -> Path:
        """The file to name where all of them are meant."""
        return self.index or self.paths[0]


def weight_files(folder: Path, *, pickles: bool = False) -> WeightFiles:
    """The files that hold a folder's weights: safetensors, and where there are none, if wanted, `pickles`.

    Raises BundleError E451 and E468 for an index that names what is not there or not in the folder, E457 where there
    are pickled weights only and they are not wanted, E469 for what is another kind of file altogether.
    """
    for weights, index in (_NAMES, _PICKLED) if pickles else (_NAMES,):
        if (folder / weights).is_file():
            return WeightFiles((folder / weights,))
        if (folder / index).is_file():
            return _indexed(folder, index)
    refuse_others(folder)
    pickled = [path.name for path in sorted(folder.glob("*.bin")) + sorted(folder.glob("*.pt*"))]
    if pickled:
        raise BundleError("bundle.pickled", path=folder, files=", ".join(pickled))
    raise BundleError("bundle.files_missing", files=WEIGHTS, path=folder)


def refuse_others(folder: Path) -> None:
    """Raise BundleError E469 for folders of another world that have no weights of their own: adapters, GGUF."""
    if any((folder / name).is_file() for name in _ADAPTERS):
        raise BundleError("bundle.adapter", path=folder)
    if found := sorted(folder.glob("*.gguf")):
        raise BundleError("bundle.gguf", path=folder, file=found[0].name)


def _indexed(folder: Path, name: str) -> WeightFiles:
    index = read_json(folder / name, unique=True)
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict) or not shards or not all(isinstance(shard, str) for shard in shards.values()):
        raise BundleError("bundle.index_empty", file=name, path=folder)
    names = sorted(set(shards.values()))
    if outside := [shard for shard in names if Path(shard).name != shard or "\0" in shard]:
        raise BundleError("bundle.index_outside", file=name, path=folder, names=", ".join(map(repr, outside[:3])))
    if missing := [shard for shard in names if not (folder / shard).is_file()]:
        raise BundleError("bundle.files_missing", files=", ".join(missing), path=folder)
    return WeightFiles(tuple(folder / shard for shard in names), folder / name, shards)


def stored_tensors(files: WeightFiles) -> dict[str, Stored]:
    """Every tensor of some files by the name it has there.

    Raises BundleError E454 or E464 for a file that is none, E466 where an index and its files say different things.
    """
    found: dict[str, Stored] = {}
    lines: list[str] = []
    for path in files.paths:
        tensors = map_tensors(path) if path.suffix == ".safetensors" else open_pickle(path)
        lines += _strangers(path.name, tensors, files.shards)
        found |= tensors
    lines += [say("bundle.index_lacking", name=name) for name in files.shards or () if name not in found]
    if lines:
        raise BundleError("bundle.index_differs", file=files.shown.name, path=files.shown.parent, lines=listed(lines))
    return found


def _strangers(shard: str, names: Iterable[str], shards: Mapping[str, str] | None) -> list[str]:
    """A line for each tensor of a shard that the index knows nothing of, or elsewhere."""
    strange = [] if shards is None else [name for name in names if shards.get(name) != shard]
    return [say("bundle.index_stranger", name=name, shard=shard) for name in strange]
