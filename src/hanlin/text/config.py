"""Settings of the corpus and the tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field

from hanlin.base.config import Config
from hanlin.base.errors import Problem
from hanlin.base.messages import say
from hanlin.text.purposes import PURPOSES, Purpose

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


Format = Literal[
    "text", "jsonl", "json", "csv", "tsv", "html", "pdf", "docx", "epub", "xlsx", "parquet", "arrow", "warc"
]
# Formats of training data, the most telling first; text/records reads them.
FormatName = Literal[
    "preference", "comparison", "kto", "ranked", "qa", "tokens", "spans", "messages", "sharegpt", "pairs", "alpaca",
    "prompt-response", "classification", "text",
]  # fmt: skip
Kind = Literal["text", "web", "book", "code", "verse", "chat"]


class SourceConfig(Config):
    """One source of text: a folder, a file or a pattern such as `books/**/*.txt`. A plain path stands for one."""

    path: str = Field(min_length=1, description="Folder, file or glob pattern to read.")
    name: str = Field(default="", max_length=200, description="Name in reports; if empty, the last part of the path.")
    language: Literal["auto", "zh", "en", "code", "other"] = Field(
        default="auto", description="Language of all its documents; auto decides by the script of each."
    )
    kind: Kind = Field(
        default="text", description="Kind of its documents, kept with each; code also sets the language of auto."
    )
    format: Literal["auto", Format] = Field(
        default="auto",
        description="Format of its files; auto goes by name and first bytes. Archives are always looked into.",
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
    max_unpacked_bytes: int = Field(
        default=1 << 36,
        ge=1024,
        le=1 << 50,
        description="Bytes one packed file may unpack to, all its members together.",
    )
    max_unpacked_ratio: int = Field(
        default=200,
        ge=2,
        le=1_000_000,
        description="Most times its size a packed file may unpack to; 16 MB it always may.",
    )
    max_archive_depth: int = Field(
        default=3,
        ge=1,
        le=20,
        description="Archives in archives that are still opened, the outermost among them.",
    )
    web_pages: bool = Field(
        default=True,
        description="Read a row or file of text that is a whole web page, markup and all, as one: its main text. "
        "Sources of kind code are left as they are.",
    )


class NormaliseConfig(Config):
    """What is evened out in every text; each change is counted."""

    mojibake: bool = Field(
        default=True, description="Put lines right that were decoded in the wrong encoding, where that can be proved."
    )
    compose: bool = Field(default=True, description="Compose characters to Unicode NFC (never NFKC).")
    line_ends: bool = Field(default=True, description="Turn every kind of line end into a line feed.")
    control_characters: bool = Field(default=True, description="Remove control characters except line feed and tab.")
    invisible_characters: bool = Field(default=True, description="Remove zero-width characters and byte order marks.")
    bidi_controls: bool = Field(
        default=True, description="Remove controls of writing direction from texts without right-to-left letters."
    )
    trailing_spaces: bool = Field(default=True, description="Remove white space at the end of lines.")
    max_blank_lines: int | None = Field(
        default=2, ge=0, le=1000, description="Most blank lines in a row; none leaves them alone."
    )
    script: Literal["keep", "simplified", "traditional", "taiwan", "hongkong"] = Field(
        default="keep", description="Convert Chinese text to one script, by OpenCC; keep leaves it as it is."
    )


class RulesConfig(Config):
    """Which documents are too poor to learn from, and what of a page is none of its text; see docs/cleaning.md."""

    preset: str = Field(
        default="none",
        min_length=1,
        max_length=4096,
        description="Thresholds: none, hanlin, c4, gopher, fineweb, fineweb2-zh, or a TOML file of your own.",
    )
    kinds: dict[Kind, str] = Field(
        default_factory=dict, description="Another preset for the documents of a kind, as verse=none."
    )
    thresholds: dict[str, float | Literal["off"]] = Field(
        default_factory=dict,
        description="Single thresholds, as max_dup_lines=0.4, zh.verse.min_words=5 or web.max_urls=off.",
    )
    html_debris: bool | None = Field(default=None, description="Remove leftovers of HTML; none: as the preset says.")
    watermarks: bool | None = Field(
        default=None, description="Remove lines that recur in many disguises; none: as the preset says."
    )
    c4_lines: bool | None = Field(
        default=None, description="Keep only lines that are sentences, as C4 does; none: as the preset says."
    )
    least_spellings: int = Field(
        default=5, ge=2, le=1000, description="Spellings of the same letters that betray a watermark."
    )
    bad_words: tuple[str, ...] = Field(
        default=(), description="Lists of unwanted words, one a line; max_bad_words is their share that is allowed."
    )


Measure = Literal["quality", "spam", "toxic"]
"""What a classifier may measure."""


class QualityConfig(Config):
    """Models of the user's own that judge every document; thresholds on what they say stand among the rules."""

    ngram: str = Field(
        default="", max_length=4096, description="File of an n-gram model: perplexity and its percentile."
    )
    classifier: str = Field(default="", max_length=4096, description="File of a classifier for the measure quality.")
    spam: str = Field(default="", max_length=4096, description="File of a classifier for the measure spam.")
    toxic: str = Field(default="", max_length=4096, description="File of a classifier for the measure toxic.")


MOST_SIGNATURE = 2000
"""Numbers of a signature: bands x rows."""


class NearDupConfig(Config):
    """Documents that share most of their text with one that is kept."""

    action: Literal["off", "report", "drop"] = Field(
        default="off", description="off, report (count and show clusters, keep all) or drop (keep the best of each)."
    )
    threshold: float = Field(
        default=0.8, gt=0, le=1, description="Jaccard similarity of their shingles from which two are near duplicates."
    )
    unit: Literal["characters", "words"] = Field(
        default="characters", description="What a shingle is made of; a Han character is a word too."
    )
    shingle: int = Field(default=5, ge=1, le=100, description="Characters or words of a shingle.")
    bands: int = Field(default=20, ge=1, le=500, description="Bands of a signature: more find more.")
    rows: int = Field(default=5, ge=1, le=100, description="Numbers of a band: more look at fewer candidates.")
    across_scripts: bool = Field(default=True, description="Compare Traditional characters as Simplified ones.")
    keep: Literal["longest", "first", "source"] = Field(
        default="longest", description="Best of a cluster: the longest, the first read, or by order of the sources."
    )

    def problems(self) -> Iterator[Problem]:
        """Settings of what is off would have no effect; long signatures take memory by the square."""
        if self.action == "off":
            yield from _idle(self, "near_dup.action", {"action"})
        if self.bands * self.rows > MOST_SIGNATURE:
            rule = say("text.rule_signature", length=self.bands * self.rows, most=MOST_SIGNATURE)
            yield Problem("bands", self.bands, rule, say("text.remedy_signature", most=MOST_SIGNATURE // self.rows))


class LinesConfig(Config):
    """Lines, paragraphs and passages that stand in many documents: cut, never a whole document for their sake."""

    repeated: Literal["off", "lines", "paragraphs"] = Field(
        default="off", description="Cut lines or paragraphs that stood before, in the same or another document."
    )
    boilerplate: int | None = Field(
        default=None, ge=2, le=10**9, description="Cut a line from all documents of a source if so many have it."
    )
    passages: int | None = Field(
        default=None,
        ge=50,
        le=100_000,
        description="Cut a passage of so many characters that an earlier text has.",
    )
    least_chars: int = Field(
        default=10, ge=1, le=100_000, description="Shorter lines and paragraphs stand everywhere and stay."
    )

    def problems(self) -> Iterator[Problem]:
        """The least length is that of lines and paragraphs."""
        if self.repeated == "off" and self.boilerplate is None:
            yield from _idle(self, "lines.repeated", {"repeated", "boilerplate", "passages"})


class AgainstConfig(Config):
    """Evaluation sets whose rows must not stand in the training part."""

    paths: tuple[str, ...] = Field(default=(), description="Files or folders of evaluation rows; none: not looked for.")
    action: Literal["report", "cut", "drop"] = Field(
        default="drop", description="report only, cut the sentences, or drop the document."
    )
    fields: tuple[str, ...] = Field(default=(), description="Columns to look for; none: every column of text.")
    words: int = Field(default=13, ge=3, le=100, description="Words in a row that prove an overlap.")
    characters: int = Field(default=16, ge=4, le=200, description="Han characters in a row that prove an overlap.")
    least: int = Field(
        default=8, ge=3, le=100, description="Shorter texts of a row prove nothing; up to words they count whole."
    )

    most_texts: int = Field(
        default=10,
        ge=1,
        le=10**9,
        description="A run that more training texts have is a saying or a form, and proves nothing unless it is half "
        "of a row.",
    )

    def problems(self) -> Iterator[Problem]:
        """Nothing can be set where nothing is looked for; a whole text must be shorter than a part of one."""
        if not self.paths:
            yield from _idle(self, "against.paths", {"paths"})
        if self.least > min(self.words, self.characters):
            remedy = say("text.remedy_least", most=min(self.words, self.characters))
            yield Problem("least", self.least, say("text.rule_least"), remedy)


def _idle(config: Config, switch: str, switches: set[str]) -> Iterator[Problem]:
    for name, field in type(config).model_fields.items():
        if name not in switches and getattr(config, name) != field.default:
            rule, remedy = say("text.rule_idle", switch=switch), say("text.remedy_idle", switch=switch)
            yield Problem(name, getattr(config, name), rule, remedy)


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
    rules: RulesConfig = Field(default=RulesConfig(), description="Which documents are too poor to learn from.")
    quality: QualityConfig = Field(default=QualityConfig(), description="Models that judge every document.")
    privacy: PrivacyConfig = Field(default=PrivacyConfig(), description="What becomes of personal data in the texts.")
    dedup: bool = Field(default=True, description="Drop a document whose text was already kept.")
    near_dup: NearDupConfig = Field(default=NearDupConfig(), description="Documents almost equal to another.")
    lines: LinesConfig = Field(default=LinesConfig(), description="Lines and passages that many documents share.")
    against: AgainstConfig = Field(default=AgainstConfig(), description="Evaluation sets to keep out of training.")
    min_chars: int = Field(default=1, ge=1, le=1_000_000, description="Drop documents with fewer characters.")
    validation_fraction: float = Field(
        default=0.02, ge=0, le=0.5, description="Share of documents, by hash, kept to measure the model."
    )
    split_by: str = Field(
        default="",
        max_length=200,
        description="Keep documents together that agree in this field (book, site, path, ...); if empty, by document.",
    )
    most_leaked: float = Field(
        default=0.5, ge=0, le=1, description="Drop a held-out document with more of its lines in training; 1: keep all."
    )
    keep_removed: bool = Field(
        default=True, description="Keep removed texts beside the corpus, so that other settings need no reading."
    )
    max_examples: int = Field(default=3, ge=0, le=100, description="Examples in the report for each reason of a drop.")
    seed: int = Field(default=1, ge=0, le=2**63 - 1, description="Seed of the choice of validation documents.")


class DiagnosisConfig(Config):
    """What is looked at to tell what raw text is and what is wrong with it."""

    section: ClassVar[str] = "data_doctor"

    paths: tuple[str, ...] = Field(min_length=1, description="Folders, files and patterns to look at.")
    seconds: float = Field(default=8.0, ge=0, le=86_400, description="Time to look, about; 0: at all of everything.")
    max_examples: int = Field(default=5, ge=0, le=100, description="Places named for each finding.")


TokenizerKind = Literal["bpe", "wordpiece", "unigram", "byte", "character"]
NUM_CONTROL, NUM_BYTES = 5, 256
_LEAST_ENTRIES: dict[TokenizerKind, int] = {
    "bpe": NUM_CONTROL + NUM_BYTES,
    "wordpiece": NUM_CONTROL + 2 * NUM_BYTES,  # a byte begins a word or goes on with it
    "unigram": NUM_CONTROL + NUM_BYTES + 1,
    "byte": NUM_CONTROL + NUM_BYTES,
    "character": NUM_CONTROL + NUM_BYTES,
}
_WITHOUT_EFFECT: dict[TokenizerKind, tuple[str, ...]] = {
    "bpe": (),
    "wordpiece": (),
    "unigram": ("min_frequency",),
    "byte": ("vocab_size", "digits", "min_frequency", "max_token_bytes"),
    "character": ("digits", "max_token_bytes"),
}


class TokenizerConfig(Config):
    """How the vocabulary is trained."""

    section: ClassVar[str] = "tokenizer"

    kind: TokenizerKind = Field(
        default="bpe", description="bpe, wordpiece, unigram, byte or character; see docs/tokenizers.md."
    )
    vocab_size: int = Field(
        default=6400, ge=261, le=1_000_000, description="Entries: 5 control tokens, 256 bytes, the rest learned."
    )
    purpose: Purpose = Field(
        default="text",
        description="text, or an objective of pre-training that needs control tokens: masked, span_corruption, "
        "blank_infilling, fill_in_the_middle.",
    )
    digits: int = Field(default=1, ge=1, le=3, description="Digits that may share one token.")
    min_frequency: int = Field(
        default=2, ge=1, le=1_000_000, description="Least occurrences of a pair to be merged, or of a character."
    )
    max_token_bytes: int = Field(default=32, ge=2, le=1024, description="Longest token in bytes.")
    sample_chars: int = Field(
        default=10_000_000, ge=1000, le=10_000_000_000, description="Characters to learn from; of more, an even sample."
    )

    def problems(self) -> Iterator[Problem]:
        """Each kind has entries it cannot do without, and settings that do nothing for it."""
        least = _LEAST_ENTRIES[self.kind] + len(PURPOSES[self.purpose].tokens)
        if self.vocab_size < least:
            rule = say("text.rule_vocabulary", kind=self.kind, least=least)
            yield Problem("vocab_size", self.vocab_size, rule, say("text.remedy_vocabulary", least=least))
        for name in _WITHOUT_EFFECT[self.kind]:
            value = getattr(self, name)
            if value not in (type(self).model_fields[name].default, least):
                rule = say("text.rule_no_effect", kind=self.kind)
                yield Problem(name, value, rule, say("text.remedy_no_effect", name=name))
