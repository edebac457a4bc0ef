"""The chat page: its built files, read once into memory, and what it is told about the model.

No request touches the disk, so no path in a request can lead anywhere. A clone needs no Node: the files are built.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

WEB = Path(__file__).parent / "web"
_FOREVER, _ASK_AGAIN = "public, max-age=31536000, immutable", "no-cache"
_SMALL = 1024  # bytes below which packing gains nothing
_KINDS = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".woff2": "font/woff2"}


class Suggestion(BaseModel):
    """Something to try, in both languages."""

    model_config = ConfigDict(frozen=True)

    zh: str
    en: str


class Skill(BaseModel):
    """Something the model was taught, and how often it was right in the evaluation, 0 to 1."""

    model_config = ConfigDict(frozen=True)

    name: str
    zh: str
    en: str
    accuracy: float | None = None


@dataclass(frozen=True)
class PageInfo:
    """What the page shows besides the conversation."""

    suggestions: tuple[Suggestion, ...] = ()
    skills: tuple[Skill, ...] = ()
    version: str = ""


class PageBody(BaseModel):
    """GET /v1/page."""

    model_config = ConfigDict(frozen=True)

    model: str
    history_turns: int
    max_seq_len: int
    suggestions: list[Suggestion]
    skills: list[Skill]
    version: str


@dataclass(frozen=True)
class Asset:
    """One built file, as it is and packed."""

    data: bytes
    packed: bytes | None
    kind: str
    tag: str
    caching: str

    def response(self, request: Request) -> Response:
        """The file, packed where the client takes it; nothing where the client has it already."""
        headers = {"etag": self.tag, "cache-control": self.caching, "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == self.tag:
            return Response(status_code=304, headers=headers)
        if self.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.packed, headers={**headers, "content-encoding": "gzip"}, media_type=self.kind)
        return Response(self.data, headers=headers, media_type=self.kind)


def load_assets(folder: Path | None = None) -> Mapping[str, Asset]:
    """The page's files by URL path, `/` for index.html too; none where the page was not built."""
    folder = WEB if folder is None else folder
    if not (folder / "index.html").is_file():
        return {}
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    found = {"/" + path.relative_to(folder).as_posix(): _asset(path, folder) for path in paths}
    return {"/": found["/index.html"], **found}


def _asset(path: Path, folder: Path) -> Asset:
    data = path.read_bytes()
    packed = gzip.compress(data, 9, mtime=0) if len(data) >= _SMALL else None
    # Vite puts the hash of their content into the names of assets; everything else may change under its name.
    caching = _FOREVER if path.relative_to(folder).parts[0] == "assets" else _ASK_AGAIN
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    return Asset(data, packed if packed and len(packed) < len(data) else None, _kind(path), tag, caching)


def _kind(path: Path) -> str:
    kind = _KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or path.suffix in (".svg", ".json") else kind
