"""Data sets of the Hugging Face Hub, through its own library, and of ModelScope, by its public HTTP interface.

Each file is fetched, read like a local one, and deleted; its place in the journal names the revision, so that a data
set is fetched once and again only when it changed. HF_ENDPOINT (a mirror), HF_TOKEN and HF_HUB_OFFLINE are honoured.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

from hanlin.base.errors import InputError, NetworkError
from hanlin.text.collect.archive import CONTROL, Archive, Row
from hanlin.text.collect.asking import now
from hanlin.text.collect.config import CollectConfig
from hanlin.text.collect.fetch import Fetcher
from hanlin.text.collect.licences import licence_of_card
from hanlin.text.collect.local import Local, Origin, licence_of_card_text
from hanlin.text.collect.outcome import Refused, Trouble
from hanlin.text.files import kind_suffix, shown

_ON = ("1", "true", "yes", "on")
_PAGE = 200  # files of one answer of ModelScope
_NAME = re.compile(r"(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
_READABLE = (
    ".jsonl",
    ".ndjson",
    ".json",
    ".csv",
    ".tsv",
    ".txt",
    ".md",
    ".html",
    ".parquet",
    ".arrow",
    ".xlsx",
    ".epub",
)
_NO_DATA = re.compile(
    r"(^|/)(\.|readme|licen[cs]e|dataset_infos?\.json|dataset_dict\.json|configuration\.json)", re.IGNORECASE
)


@dataclass(frozen=True)
class DataSet:
    """A data set on a hub: `hub` is "hub" or "modelscope", `revision` a branch, a tag or a commit."""

    hub: str
    name: str
    revision: str = ""

    def __str__(self) -> str:
        return f"{self.hub}:{self.name}{f'@{self.revision}' if self.revision else ''}"


@dataclass(frozen=True)
class Remote:
    """A file of a data set; `version` changes with its content."""

    path: str
    size: int
    version: str


def data_set_of(source: str) -> DataSet | None:
    """Return the data set a source names (`hub:owner/name@revision`, `modelscope:…`, or its page), else None."""
    kind, colon, rest = source.partition(":")
    if colon and kind in ("hub", "modelscope"):
        if found := _NAME.fullmatch(rest):
            return DataSet(kind, f"{found['owner']}/{found['name']}", found["revision"] or "")
        raise InputError("text.bad_data_set", source=source)
    try:
        url = urlsplit(source)
    except ValueError:  # brackets that belong to no address
        return None
    found = re.match(r"/datasets/([\w.-]+/[\w.-]+)(?:/tree/([^/]+))?", url.path)
    hubs = {"huggingface.co": "hub", urlsplit(_endpoint()).netloc: "hub", "modelscope.cn": "modelscope"}
    hub = hubs.get(url.netloc.removeprefix("www."))
    return DataSet(hub, found[1], found[2] or "") if found and hub else None


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def _modelscope() -> str:
    domain = os.environ.get("MODELSCOPE_DOMAIN", "www.modelscope.cn").rstrip("/")
    return domain if "://" in domain else f"https://{domain}"


class Hubs:
    """Data sets on their way into the archive."""

    def __init__(self, config: CollectConfig, archive: Archive, local: Local, fetcher: Fetcher) -> None:
        self.config, self.archive, self.local, self.fetcher = config, archive, local, fetcher
        self.room = archive.folder / CONTROL / "fetched"

    def collect(self, data_set: DataSet) -> None:
        """Fetch and read all files of a data set that hold data.

        Raises NetworkError off-line, InputError E266 for a data set that is not there or not open to the user.
        """
        if data_set.hub == "hub" and os.environ.get("HF_HUB_OFFLINE", "").lower() in _ON:
            raise NetworkError("text.hub_offline", source=data_set)
        try:
            self._collect(data_set)
        except (RepositoryNotFoundError, RevisionNotFoundError) as error:
            raise InputError("text.no_data_set", source=data_set, reason=_short(error)) from None
        except HfHubHTTPError as error:
            if error.response is not None and error.response.status_code in (401, 403, 404):
                raise InputError("text.no_data_set", source=data_set, reason=_short(error)) from None
            raise NetworkError("text.hub_failed", source=data_set, reason=_short(error)) from None
        except (Trouble, httpx2.TransportError, OSError) as error:
            raise NetworkError("text.hub_failed", source=data_set, reason=_short(error)) from None
        except Refused as refused:
            raise InputError("text.no_data_set", source=data_set, reason=refused.detail) from None
        shutil.rmtree(self.room, ignore_errors=True)  # after an error it stays: the Hub's library goes on with a part

    def _collect(self, data_set: DataSet) -> None:
        hub = _Hub(data_set) if data_set.hub == "hub" else _ModelScope(data_set, self.fetcher)
        licence = self.config.licence or hub.licence()
        for remote in hub.files():
            place = f"{data_set}/{remote.path}"
            if reason := self._refusal(remote):
                if place not in self.archive.rows:
                    self.archive.add(Row(place, "refused", str(data_set), reason, f"{remote.size:,} B", now()))
                continue
            mark = {"version": remote.version}
            known = self.archive.rows.get(place)
            if known is None or known.mark != mark:
                file = hub.fetch(remote, self.room)
                self.local.take(file, place, mark, Origin(str(data_set), licence, "", hub.page(remote), place))
                file.unlink(missing_ok=True)

    def _refusal(self, remote: Remote) -> str:
        if _NO_DATA.search(remote.path):
            return "no_data"
        patterns = self.config.files
        if patterns and not any(fnmatch.fnmatchcase(remote.path, pattern) for pattern in patterns):
            return "not_asked"
        if kind_suffix(Path(remote.path)) not in _READABLE:
            return "format"
        return "too_large" if remote.size > self.config.max_file_bytes else ""


class _Hub:
    """The Hugging Face Hub or a mirror of it."""

    def __init__(self, data_set: DataSet) -> None:
        self._name, self._endpoint = data_set.name, _endpoint()
        self._info = HfApi(endpoint=self._endpoint).dataset_info(
            data_set.name, revision=data_set.revision or None, files_metadata=True
        )

    def licence(self) -> str:
        card = self._info.card_data
        named = card.get("license") if card else None
        tagged = [tag.removeprefix("license:") for tag in self._info.tags or () if tag.startswith("license:")]
        return licence_of_card(named or tagged)

    def files(self) -> Iterator[Remote]:
        for one in self._info.siblings or ():
            version = one.lfs.sha256 if one.lfs else one.blob_id
            yield Remote(one.rfilename, one.size or 0, version or str(self._info.sha))

    def fetch(self, remote: Remote, room: Path) -> Path:
        path = hf_hub_download(
            self._name,
            remote.path,
            repo_type="dataset",
            revision=self._info.sha,
            local_dir=room,
            endpoint=self._endpoint,
        )
        return Path(str(path))

    def page(self, remote: Remote) -> str:
        return f"{self._endpoint}/datasets/{self._name}/blob/{self._info.sha}/{quote(remote.path)}"


class _ModelScope:
    """ModelScope, as its own library asks it (modelscope/hub/api.py: get_dataset_files, get_dataset_file_url)."""

    def __init__(self, data_set: DataSet, fetcher: Fetcher) -> None:
        self._root = f"{_modelscope()}/api/v1/datasets/{data_set.name}"
        self._site = f"{_modelscope()}/datasets/{data_set.name}"
        self._revision, self._fetcher = data_set.revision or "master", fetcher
        self._files = list(self._listed())

    def _listed(self) -> Iterator[Remote]:
        number = 1
        while True:
            query = f"Revision={quote(self._revision)}&Recursive=true&PageNumber={number}&PageSize={_PAGE}"
            rows = _rows_of(self._fetcher.get(f"{self._root}/repo/tree?{query}").body)
            yield from (_remote(row) for row in rows if row.get("Type") != "tree")
            if len(rows) < _PAGE:
                return
            number += 1

    def licence(self) -> str:
        card = next((one for one in self._files if one.path == "README.md"), None)
        text = self._fetcher.get(self._address(card)).body.decode("utf-8", errors="replace") if card else ""
        return licence_of_card_text(text)

    def files(self) -> Iterator[Remote]:
        yield from self._files

    def _address(self, remote: Remote) -> str:
        return f"{self._root}/repo?Revision={quote(self._revision)}&FilePath={quote(remote.path)}"

    def fetch(self, remote: Remote, room: Path) -> Path:
        path = room / Path(remote.path).name
        room.mkdir(parents=True, exist_ok=True)
        self._fetcher.save(self._address(remote), path, remote.size)
        return path

    def page(self, remote: Remote) -> str:
        return f"{self._site}/file/view/{quote(self._revision)}/{quote(remote.path)}"


def _rows_of(body: bytes) -> list[dict[str, Any]]:
    """The list of files in an answer of ModelScope. Raises Trouble where it holds none."""
    try:
        rows = json.loads(body)["Data"]["Files"]
        return [row for row in rows if isinstance(row["Path"], str)]
    except (ValueError, KeyError, TypeError):
        raise Trouble("cut", shown(body[:80].decode("utf-8", errors="replace"))) from None


def _remote(row: Mapping[str, Any]) -> Remote:
    return Remote(row["Path"], int(row.get("Size") or 0), str(row.get("Sha256") or row.get("Revision")))


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
