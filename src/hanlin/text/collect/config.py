"""Settings of collecting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from hanlin.base.config import Config
from hanlin.base.errors import Problem
from hanlin.base.messages import say


class WebConfig(Config):
    """How pages are asked for. robots.txt is always honoured."""

    depth: int = Field(default=0, ge=0, le=100, description="Links to follow from a given page; 0: none.")
    same_site: bool = Field(default=True, description="Stay on the site of the source; count what is not.")
    sitemaps: bool = Field(default=False, description="Also take the sitemaps that the site's robots.txt names.")
    max_pages: int = Field(default=1000, ge=1, le=10**8, description="Pages to keep in all; the next run may go on.")
    delay: float = Field(
        default=1.0, ge=0, le=3600, description="Least seconds between requests to a site; its Crawl-delay may be more."
    )
    timeout: float = Field(default=30.0, gt=0, le=3600, description="Seconds to wait for a connection or more bytes.")
    retries: int = Field(default=4, ge=0, le=100, description="Further tries after 429, 5xx or a cut connection.")
    backoff: float = Field(default=1.0, ge=0, le=3600, description="Seconds before the second try; then it doubles.")
    max_wait: float = Field(
        default=300.0, ge=0, le=86400, description="Longest pause to agree to (Retry-After, Crawl-delay); beyond: left."
    )
    max_redirects: int = Field(default=5, ge=0, le=20, description="Redirects to follow from one address.")
    max_bytes: int = Field(default=20 << 20, ge=1024, le=1 << 32, description="Largest answer, also when unpacked.")
    types: tuple[str, ...] = Field(
        default=("text/html", "application/xhtml+xml", "text/plain", "text/markdown"),
        min_length=1,
        description="Content types to keep; one may end in *.",
    )
    private_addresses: bool = Field(
        default=False, description="Also ask hosts of the local network, which pages must not make us do."
    )


class ChatsConfig(Config):
    """How exports of chats and social accounts become documents."""

    authors: Literal["pseudonym", "drop", "keep"] = Field(
        default="pseudonym", description="Names in the text: a keyed hash for each person, none, or as they are."
    )
    silence: float = Field(
        default=6.0, gt=0, le=10**6, description="Hours without a message after which a new document begins."
    )


class CollectConfig(Config):
    """What is collected from where, and how it is kept."""

    section: ClassVar[str] = "collect"

    sources: tuple[str, ...] = Field(
        min_length=1, description="Folders, files, http addresses, hub:owner/name or modelscope:owner/name."
    )
    kept_as: Literal["jsonl", "warc"] = Field(
        default="jsonl", description="jsonl: text with its source, date and licence; warc: answers as they came."
    )
    contact: str = Field(
        default="", max_length=200, pattern=r"^[!-~]*$", description="Address or e-mail of ours, in the User-Agent."
    )
    licence: str = Field(default="", max_length=100, description="Licence of documents that name none themselves.")
    refresh: float | None = Field(
        default=None, ge=0, le=36500, description="Ask again what was asked so many days ago; none: never."
    )
    files: tuple[str, ...] = Field(default=(), description="Files of data sets to take, as data/*.jsonl; none: all.")
    text_field: str = Field(default="text", min_length=1, description="Field or column that holds the text of a row.")
    max_file_bytes: int = Field(
        default=1 << 30, ge=1024, le=1 << 44, description="Largest file of a data set to fetch."
    )
    web: WebConfig = Field(default=WebConfig(), description="How pages are asked for.")
    chats: ChatsConfig = Field(default=ChatsConfig(), description="How exports of chats become documents.")

    def problems(self) -> Iterator[Problem]:
        """Only text can be kept as text."""
        binary = [kind for kind in self.web.types if not kind.startswith(("text/", "application/xhtml"))]
        if self.kept_as == "jsonl" and binary:
            yield Problem("web.types", binary[0], say("text.rule_types"), say("text.remedy_types"))
