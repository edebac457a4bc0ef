"""Models of the Hugging Face Hub, through its own library and cache, and of ModelScope, by its public HTTP interface.

Honoured: HF_ENDPOINT (a mirror), HF_TOKEN, HF_HOME and HF_HUB_CACHE (where it lands), HF_HUB_OFFLINE;
MODELSCOPE_DOMAIN, MODELSCOPE_CACHE; HANLIN_HUB (which of the two a bare owner/name means), HANLIN_OFFLINE (neither is
asked). Only what a model is opened from is fetched: safetensors, configs, tokenizer; what was cut off goes on where it
stopped.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import httpx2
from huggingface_hub import HfApi, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from hanlin.base.errors import BundleError, InputError, NetworkError
from hanlin.base.files import disk_errors, read_json, sha256_file, write_json

HUB, MODELSCOPE = "hub", "modelscope"
_ON = ("1", "true", "yes", "on")
_NAME = re.compile(r"(?:(?P<hub>hub|modelscope):)?(?P<name>[\w-][\w.-]*/[\w-][\w.-]*)(?:@(?P<revision>[\w./-]+))?")
_WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors", "model.safetensors.index.json")
_PICKLES = ("pytorch_model.bin", "pytorch_model-*-of-*.bin", "pytorch_model.bin.index.json")
_TEXTS = (
    *("config.json", "generation_config.json", "chat_template.jinja", "modules.json", "sentence_bert_config.json"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "[0-9]_*/config.json"),
)
_OURS = "hanlin.json"
_CHUNK = 1 << 20
_LISTED = ".listed.json"


@dataclass(frozen=True)
class ModelName:
    """A model on a hub: `hub` is "hub" or "modelscope", `revision` a branch, a tag or a commit, "" for the main one."""

    hub: str
    name: str
    revision: str = ""

    def __str__(self) -> str:
        return f"{self.hub}:{self.name}{f'@{self.revision}' if self.revision else ''}"


def model_name(word: str) -> ModelName | None:
    """The model that a word names (`owner/name`, `hub:owner/name@revision`, `modelscope:…`), or None."""
    found = _NAME.fullmatch(word)
    if found is None:
        return None
    hub = found["hub"] or os.environ.get("HANLIN_HUB", HUB).lower()
    if hub not in (HUB, MODELSCOPE):
        raise InputError("bundle.hub_unknown", hub=hub)
    return ModelName(hub, found["name"], found["revision"] or "")


def fetch(model: ModelName, *, pickles: bool = False) -> Path:
    """The folder of a model of a hub on this machine, fetched as far as it is not there yet.

    Raises NetworkError E477 off-line without a copy and E478 where the hub does not answer, InputError E476 for a
    model that is not there or not open to the user, BundleError E457 for one that has nothing but pickles.
    """
    try:
        return _from_hub(model, pickles) if model.hub == HUB else _ModelScope(model).fetch(pickles)
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        raise InputError("bundle.not_on_hub", model=model, reason=_short(error)) from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        key, kind = ("not_on_hub", InputError) if status in (401, 403, 404) else ("hub_failed", NetworkError)
        raise kind(f"bundle.{key}", model=model, reason=_short(error)) from None
    except (httpx2.HTTPError, LocalEntryNotFoundError, OSError) as error:
        raise NetworkError("bundle.hub_failed", model=model, reason=_short(error)) from None


def is_offline() -> bool:
    """Whether the user wants no network at all."""
    return any(os.environ.get(name, "").lower() in _ON for name in ("HANLIN_OFFLINE", "HF_HUB_OFFLINE"))


def wanted(names: Iterable[str], model: object, *, pickles: bool = False) -> list[str]:
    """The files of a model that it is opened from: of a bundle of ours all, they are sealed together.

    Raises BundleError E457 where the weights are pickles, which are not wanted, E479 where there are none.
    """
    names = sorted(names)
    if _OURS in names:
        own = (name for name in names if "/" not in name and not name.startswith("."))
        return [*own, *_matching(names, ("[0-9]_*/config.json",))]
    weights = _matching(names, _WEIGHTS)
    pickled = _matching(names, _PICKLES)
    if not weights and pickled and not pickles:
        raise BundleError("bundle.pickled", path=model, files=", ".join(pickled[:3]))
    if not weights and not pickled:
        raise BundleError("bundle.nothing_on_hub", model=model, files=", ".join(names[:8]) or "-")
    if weights[:1] == ["model.safetensors"]:
        weights = weights[:1]
    return [*(weights or pickled), *_matching(names, _TEXTS)]


def _matching(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    return sorted({name for name in names for pattern in patterns if fnmatch.fnmatchcase(name, pattern)})


def _from_hub(model: ModelName, pickles: bool) -> Path:
    """Into the cache that all programs with the Hub's library share."""
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    if is_offline():
        kept = try_to_load_from_cache(model.name, "config.json", revision=model.revision or None)
        if not isinstance(kept, str):
            raise NetworkError("bundle.hub_offline", model=model)
        return Path(kept).parent
    info = HfApi(endpoint=endpoint).model_info(model.name, revision=model.revision or None)
    files = wanted([one.rfilename for one in info.siblings or ()], model, pickles=pickles)
    with disk_errors(Path.home()):
        revision = model.revision or None
        return Path(snapshot_download(model.name, revision=revision, endpoint=endpoint, allow_patterns=files))


class _ModelScope:
    """ModelScope, as its own library asks it (modelscope/hub/api.py: get_model_files, get_file_download_url)."""

    def __init__(self, model: ModelName) -> None:
        domain = os.environ.get("MODELSCOPE_DOMAIN", "www.modelscope.cn").rstrip("/")
        site = domain if "://" in domain else f"https://{domain}"
        self._model, self._revision = model, model.revision or "master"
        self._root = f"{site}/api/v1/models/{model.name}/repo"
        cache = os.environ.get("MODELSCOPE_CACHE") or Path.home() / ".cache" / "modelscope" / "hub"
        self.folder = Path(cache).expanduser() / "models" / f"{model.name}@{self._revision.replace('/', '--')}"

    def fetch(self, pickles: bool) -> Path:
        """The folder with all files; those that are there as the hub lists them stay."""
        if is_offline():
            if not (self.folder / _LISTED).is_file():
                raise NetworkError("bundle.hub_offline", model=self._model)
            return self.folder
        with httpx2.Client(timeout=30, follow_redirects=True) as client, disk_errors(self.folder):
            listed = dict(self._listed(client))
            files = wanted(listed, self._model, pickles=pickles)
            kept = read_json(self.folder / _LISTED) if (self.folder / _LISTED).is_file() else {}
            for name in files:
                if kept.get(name) != listed[name] or not (self.folder / name).is_file():
                    self._save(client, name, listed[name])
            write_json(self.folder / _LISTED, {name: listed[name] for name in files})
        return self.folder

    def _listed(self, client: httpx2.Client) -> Iterator[tuple[str, str]]:
        """Each file and its checksum. Raises InputError E476."""
        answer = client.get(f"{self._root}/files?Revision={quote(self._revision)}&Recursive=true")
        if answer.status_code in (401, 403, 404):
            raise InputError("bundle.not_on_hub", model=self._model, reason=f"HTTP {answer.status_code}")
        try:
            rows = answer.raise_for_status().json()["Data"]["Files"]
            for row in rows:
                if row["Type"] != "tree" and not {"..", "/"} & set(PurePosixPath(row["Path"]).parts):
                    yield row["Path"], str(row.get("Sha256") or "")
        except (json.JSONDecodeError, KeyError, TypeError):
            reason = _short(ValueError(answer.text[:80]))
            raise NetworkError("bundle.hub_failed", model=self._model, reason=reason) from None

    def _save(self, client: httpx2.Client, name: str, checksum: str) -> None:
        """Fetch a file, from where an earlier try stopped. Raises NetworkError E478 for one of another checksum."""
        path = self.folder / name
        part = path.with_name(f"{path.name}.{checksum[:16]}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        start = part.stat().st_size if part.is_file() else 0
        address = f"{self._root}?Revision={quote(self._revision)}&FilePath={quote(name, safe='')}"
        headers = {"Range": f"bytes={start}-"} if start else {}
        with client.stream("GET", address, headers=headers) as answer:
            if answer.status_code != 416:  # it was whole already
                answer.raise_for_status()
                with part.open("ab" if answer.status_code == 206 else "wb") as file:
                    for chunk in answer.iter_bytes(_CHUNK):
                        file.write(chunk)
        if checksum and sha256_file(part) != checksum:
            part.unlink()
            raise NetworkError("bundle.hub_failed", model=self._model, reason=f"SHA-256 {name}")
        part.replace(path)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
