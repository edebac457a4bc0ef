"""Where the guide to the first run lies on this machine: the stories link to it, with a network or without."""

from __future__ import annotations

from pathlib import Path

from hanlin.base.messages import language

GUIDES = {"en": "first-run.md", "zh": "first-run.zh-CN.md"}
PACKAGE = Path(__file__).resolve().parents[1]
PLACES = (PACKAGE / "docs", PACKAGE.parents[1] / "docs")
"""Inside an installed wheel; beside the sources of a clone."""


def guide() -> str:
    """The address of the guide in the user's language, which terminals can open; its bare name where it is missing."""
    name = GUIDES[language()]
    found = next((place / name for place in PLACES if (place / name).is_file()), None)
    return found.as_uri() if found else f"docs/{name}"
