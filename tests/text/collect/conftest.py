"""A local site, and settings under which it may be asked without waiting."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.text.collect.site import Site, serving

from hanlin.text.collect.collect import Collection, collect
from hanlin.text.collect.config import CollectConfig

QUICK = {"private_addresses": True, "delay": 0.0, "backoff": 0.01, "timeout": 5.0}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def site() -> Iterator[Site]:
    """A site that has nothing yet."""
    with serving() as started:
        yield started


Gather = Callable[..., Collection]


@pytest.fixture
def gather(site: Site, tmp_path: Path) -> Gather:
    """Collect paths of the site (text that begins with /), files (Path) or other sources into `tmp_path/out`."""

    def gathered(*sources: str | Path, web: dict[str, Any] | None = None, **settings: Any) -> Collection:
        places = [f"{site.root}{one}" if isinstance(one, str) and one.startswith("/") else str(one) for one in sources]
        config = CollectConfig(sources=places, web={**QUICK, **(web or {})}, **settings)
        return collect(config, tmp_path / "out")

    return gathered


def documents(collection: Collection) -> list[dict[str, Any]]:
    """The rows of a collection kept as jsonl."""
    return [json.loads(line) for line in collection.path.read_text(encoding="utf-8").splitlines()]
