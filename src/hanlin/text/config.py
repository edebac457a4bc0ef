"""Settings of the corpus and the tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field

from hanlin.base.config import Config
from hanlin.base.errors import Problem
from hanlin.base.messages import say

# Kinds of personal data, the strongest evidence first: where two findings overlap, the one named first stays.
PersonalKind = Literal[
    "api_key", "email", "id_card", "uscc", "iban", "ip", "bank_card", "passport", "plate", "ssn", "mobile", "landline",
    "phone", "address", "name",
]  # fmt: skip
PERSONAL_KINDS: tuple[PersonalKind, ...] = get_args(PersonalKind)
# Addresses and names are guessed by rules that miss many and mistake some, so they are looked for only when asked.
CERTAIN_KINDS: tuple[PersonalKind, ...] = PERSONAL_KINDS[:-2]


def _as_source(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class SourceConfig(Config):
    """One source of text: a folder, a file or a pattern such as `books/**/*.txt`. A plain path stands for one."""

    path: str = Field(min_length=1, description="Folder, file or glob pattern to read.")
    name: str = Field(default="", max_length=200, description="Name in reports; if empty, the last part of the path.")
    language: Literal["auto", "zh", "en", "code", "other"] = Field(
        default="auto", description="Language of all its documents; auto decides by the script of each."
    )
    kind: Literal["text", "web", "book", "code", "verse", "chat"] = Field(
        default="text", description="Kind of its documents, kept with each; code also sets the language of auto."
    )
    format: Literal["auto", "text", "jsonl", "csv", "tsv", "html"] = Field(
        default="auto", description="Format of its files; auto goes by the file name."
    )
    text_field: str = Field(default="text", min_length=1, description="Field or column that holds the text of a row.")


class ReadConfig(Config):
    """Limits of reading."""

    max_document_chars: int = Field(
        default=200_000, ge=100, le=100_000_000, description="Longer texts are split near this length, and counted."
    )
    max_row_chars: int = Field(
        default=64 << 20, ge=1024, le=1 << 30, description="Characters of the longest row and web page still read."
    )


class NormaliseConfig(Config):
    """What is evened out in every text; each change is counted."""

    compose: bool = Field(default=True, description="Compose characters to Unicode NFC (never NFKC).")
    line_ends: bool = Field(default=True, description="Turn every kind of line end into a line feed.")
    control_characters: bool = Field(default=True, description="Remove control characters except line feed and tab.")
    invisible_characters: bool = Field(default=True, description="Remove zero-width characters and byte order marks.")
    trailing_spaces: bool = Field(default=True, description="Remove white space at the end of lines.")
    max_blank_lines: int | None = Field(
        default=2, ge=0, le=1000, description="Most blank lines in a row; none leaves them alone."
    )


class PrivacyConfig(Config):
    """Personal data in the texts: counted, masked or cut out."""

    action: Literal["none", "count", "mask"] = Field(
        default="count", description="none: do not look; count: report what is there; mask: write placeholders instead."
    )
    kinds: tuple[PersonalKind, ...] = Field(
        default=CERTAIN_KINDS, min_length=1, description="Kinds to look for; address and name are guesses, by option."
    )
    placeholder: str = Field(
        default="[{kind}]", max_length=100, description="What mask writes; {kind} names the kind, empty cuts it out."
    )
    private_addresses: bool = Field(
        default=False, description="Whether network addresses count that no public route leads to, such as 192.168.1.1."
    )
    drop_above: int | None = Field(
        default=None, ge=0, le=1_000_000, description="Drop a document with more findings than this; none drops none."
    )

    def problems(self) -> Iterator[Problem]:
        """A placeholder with anything but {kind} in braces; a limit where nothing is looked for."""
        if set("{}") & set(self.placeholder.replace("{kind}", "")):
            rule, remedy = say("text.placeholder_rule"), say("text.placeholder_remedy")
            yield Problem("placeholder", self.placeholder, rule, remedy)
        if self.action == "none" and self.drop_above is not None:
            rule, remedy = say("text.drop_above_rule"), say("text.drop_above_remedy")
            yield Problem("drop_above", self.drop_above, rule, remedy)


class CorpusConfig(Config):
    """How raw files become a cleaned corpus in two parts."""

    section: ClassVar[str] = "corpus"

    sources: tuple[Annotated[SourceConfig, BeforeValidator(_as_source)], ...] = Field(
        min_length=1, description="Folders, files and patterns to read, in order."
    )
    read: ReadConfig = Field(default=ReadConfig(), description="Limits of reading.")
    normalise: NormaliseConfig = Field(default=NormaliseConfig(), description="What is evened out in every text.")
    privacy: PrivacyConfig = Field(default=PrivacyConfig(), description="What becomes of personal data in the texts.")
    dedup: bool = Field(default=True, description="Drop a document whose text was already kept.")
    min_chars: int = Field(default=1, ge=1, le=1_000_000, description="Drop documents with fewer characters.")
    validation_fraction: float = Field(
        default=0.02, ge=0, le=0.5, description="Share of documents, by hash, kept to measure the model."
    )
    most_leaked: float = Field(
        default=0.5, ge=0, le=1, description="Drop a held-out document with more of its lines in training; 1: keep all."
    )
    max_examples: int = Field(default=3, ge=0, le=100, description="Examples in the report for each reason of a drop.")
    seed: int = Field(default=1, ge=0, le=2**63 - 1, description="Seed of the choice of validation documents.")


class TokenizerConfig(Config):
    """How the vocabulary is trained."""

    section: ClassVar[str] = "tokenizer"

    vocab_size: int = Field(
        default=6400, ge=261, le=1_000_000, description="Entries: 5 control tokens, 256 bytes, the rest merges."
    )
    digits: int = Field(default=1, ge=1, le=3, description="Digits that may share one token.")
    min_frequency: int = Field(default=2, ge=1, le=1_000_000, description="Least occurrences of a pair to be merged.")
    max_token_bytes: int = Field(default=32, ge=2, le=1024, description="Longest token in bytes.")
    sample_chars: int = Field(
        default=10_000_000, ge=1000, le=10_000_000_000, description="Characters to learn from; of more, an even sample."
    )
