"""Text to token ids and back, with a wall between user text and control tokens.

Two encoders of one vocabulary stand side by side. The plain one knows control tokens only by random names, so nothing
a user types, "<|im_end|>" included, can become one. The other is for text of our own: templates.
"""

from __future__ import annotations

import functools
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tokenizers
import tokenizers.decoders

from hanlin.base.errors import InputError
from hanlin.base.files import read_json, read_text, recover, sha256_bytes, write_atomic, write_json
from hanlin.text.purposes import CLS, MASK, SEP

CONTROL = {
    "pad": "<|pad|>", "bos": "<|bos|>", "eos": "<|eos|>", "im_start": "<|im_start|>", "im_end": "<|im_end|>"
}  # fmt: skip
TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
CONTINUED = "##"
"""Begins a WordPiece piece that goes on with a word."""

# Added tokens that act as control tokens although some publishers do not mark them special: <think>, [INST], <|x|>.
# Others, such as runs of spaces, are plain vocabulary.
_MARKER = re.compile(r"<[^<>\s]+>|\[/?[A-Z_]+\]")
_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the control tokens, and their texts by name.

    Foreign vocabularies may lack some; then eos stands for pad, bos and im_end, and bos for im_start. BERT's [CLS] and
    [SEP] are bos and eos. mask: what a masked model fills in, None where there is none.
    """

    pad: int
    bos: int
    eos: int
    im_start: int
    im_end: int
    texts: Mapping[str, str] = field(hash=False)
    mask: int | None = None


@dataclass(frozen=True)
class Framed:
    """Ids of a pair of texts with control tokens around them, and the kind of each: 0 the first text, 1 the second."""

    ids: list[int]
    types: list[int]


class Tokenizer:
    """A vocabulary with its rules, read-only and safe to share between threads."""

    def __init__(self, core: tokenizers.Tokenizer, config: Mapping[str, Any] | None = None) -> None:
        """`core` knows all tokens; `config` is the content of tokenizer_config.json. Raises InputError without eos."""
        core.no_truncation()
        core.no_padding()
        self._core = core
        self._plain = without_control(core)
        self._config = dict(config or {})
        self.special = _special_tokens(core, self._config)
        self.vocab_size: int = core.get_vocab_size(with_added_tokens=True)

    def encode(self, text: str) -> list[int]:
        """Return the ids of user text: never a control token. Raises InputError for a lone surrogate."""
        return self._ids(self._plain, text)

    def encode_template(self, text: str) -> list[int]:
        """Return the ids of text of our own, in which the names of control tokens mean control tokens."""
        return self._ids(self._core, text)

    def encode_with_places(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the ids of user text, and where each begins and ends in it, in characters. Raises as `encode`."""
        try:
            encoding = self._plain.encode(text, add_special_tokens=False)
        except TypeError:
            check_encodable(text)
            raise
        return encoding.ids, encoding.offsets

    def frame(self, ids: Sequence[int]) -> list[int]:
        """The ids of a text with the control tokens that its model reads around it ([CLS] … [SEP], … </s>)."""
        before, after = self.around
        return [*before, *ids, *after]

    @functools.cached_property
    def num_frame(self) -> int:
        """Control tokens that `frame` adds."""
        return sum(map(len, self.around))

    def encode_pair(self, first: str, second: str) -> Framed:
        """Two texts as one row. Raises InputError for a lone surrogate."""
        check_encodable(first, second)
        one, two = (self._plain.encode(text, add_special_tokens=False) for text in (first, second))
        if self._core.post_processor is None:
            head, tail = self.frame(one.ids), [*two.ids, self.special.eos]
            return Framed(head + tail, [0] * len(head) + [1] * len(tail))
        row = self._core.post_process(one, two)
        return Framed(row.ids, row.type_ids)

    def frame_pair(self, first: Sequence[int], second: Sequence[int]) -> Framed:
        """The ids of two texts as one row, as `encode_pair` frames them."""
        before, between, after, kind = self._pair_frame
        ids = [*before.ids, *first, *between.ids, *second, *after.ids]
        types = [*before.types, *[0] * len(first), *between.types, *[kind] * len(second), *after.types]
        return Framed(ids, types)

    @functools.cached_property
    def num_pair_frame(self) -> int:
        """Control tokens that `frame_pair` adds."""
        return sum(len(part.ids) for part in self._pair_frame[:3])

    @functools.cached_property
    def text_places(self) -> tuple[int, int]:
        """Control tokens that stand before a single text, and before and between the texts of a pair."""
        before, between, *_ = self._pair_frame
        return len(self.around[0]), len(before.ids) + len(between.ids)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Encode many texts on all cores, as `encode` would."""
        try:
            return [e.ids for e in self._plain.encode_batch_fast(texts, add_special_tokens=False)]
        except TypeError:  # how the library refuses a lone surrogate
            check_encodable(*texts)
            raise

    def decode(self, ids: Iterable[int], skip_special: bool = True) -> str:
        """Return the text of ids; bytes that are no UTF-8 become U+FFFD. Ids without an entry give nothing."""
        text: str = self._core.decode(list(ids), skip_special_tokens=skip_special)
        return text

    def piece_bytes(self, id: int) -> bytes:
        """Return the raw bytes of one id: empty for control tokens and for ids without an entry."""
        return self._pieces[id] if 0 <= id < len(self._pieces) else b""

    @functools.cached_property
    def holds_spaces(self) -> bool:
        """Whether the spaces of a text are in its tokens; WordPiece drops them and marks what goes on with a word."""
        return _piece_decoder(self._core) is not _bert_bytes

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides which ids a text gets."""
        return sha256_bytes(f"{self._core.to_str()}\n{self.special}".encode())

    def save(self, folder: Path | str) -> None:
        """Write tokenizer.json and tokenizer_config.json in the Hugging Face layout."""
        write_atomic(Path(folder) / TOKENIZER, self._core.to_str(pretty=True))
        write_json(Path(folder) / TOKENIZER_CONFIG, self._config or _hf_config(self._core, self.special))

    @classmethod
    def load(cls, folder: Path | str) -> Tokenizer:
        """Open a saved tokenizer, ours or a foreign one. Raises InputError when absent or damaged."""
        config = Path(folder) / TOKENIZER_CONFIG
        return cls(load_core(folder), read_json(config) if config.is_file() else None)

    def control(self, text: str) -> int | None:
        """Return the id of a control token by its text, None where the vocabulary has no such token."""
        id = self._core.token_to_id(text)
        return id if id is not None and self.piece_bytes(id) == b"" else None

    def _ids(self, encoder: tokenizers.Tokenizer, text: str) -> list[int]:
        try:
            ids: list[int] = encoder.encode(text, add_special_tokens=False).ids
        except TypeError:
            check_encodable(text)
            raise
        return ids

    @functools.cached_property
    def around(self) -> tuple[list[int], list[int]]:
        """Control tokens before and after a text, as the vocabulary's own rule for single texts says."""
        if self._core.post_processor is None:
            return [self.special.bos], [self.special.eos]
        text = self._plain.encode("a", add_special_tokens=False)
        row = self._core.post_process(text)
        start = row.special_tokens_mask.index(0)
        return row.ids[:start], row.ids[start + len(text.ids) :]

    @functools.cached_property
    def _pair_frame(self) -> tuple[Framed, Framed, Framed, int]:
        """Control tokens before, between and after two texts, with their kinds, and the kind of the second text."""
        row, text = self.encode_pair("a", "a"), self._ids(self._plain, "a")
        size = len(text)
        first = next(at for at in range(len(row.ids)) if row.ids[at : at + size] == text)
        second = next(at for at in range(first + size, len(row.ids)) if row.ids[at : at + size] == text)
        cuts = (slice(0, first), slice(first + size, second), slice(second + size, None))
        before, between, after = (Framed(row.ids[cut], row.types[cut]) for cut in cuts)
        return before, between, after, row.types[second]

    @functools.cached_property
    def _pieces(self) -> list[bytes]:
        """The bytes of every id."""
        control = {id for id, token in self._core.get_added_tokens_decoder().items() if _is_control(token)}
        as_bytes = _piece_decoder(self._core)
        pieces = [self._core.id_to_token(id) or "" for id in range(self.vocab_size)]
        return [b"" if id in control else as_bytes(piece) for id, piece in enumerate(pieces)]


def load_core(path: Path | str) -> tokenizers.Tokenizer:
    """Open the tokenizer.json of a folder, or that file. Raises InputError when absent or damaged."""
    recover(path)
    path = Path(path) if Path(path).is_file() else Path(path) / TOKENIZER
    if not path.is_file():
        raise InputError("text.tokenizer_missing", path=path)
    try:
        core = tokenizers.Tokenizer.from_str(read_text(path))
    except InputError:
        raise
    except Exception as error:  # the library raises bare Exception
        raise InputError("text.tokenizer_damaged", path=path, reason=error) from None
    core.no_truncation()
    core.no_padding()
    return core


def _is_control(token: tokenizers.AddedToken) -> bool:
    return bool(token.special) or _MARKER.fullmatch(token.content) is not None


def without_control(core: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """The same vocabulary with every control token under a random name that nobody can type; ids stay."""
    control = [token.content for token in core.get_added_tokens_decoder().values() if _is_control(token)]
    hidden = {name: f"\0{secrets.token_hex(16)}" for name in control}
    state = json.loads(core.to_str())
    for token in state["added_tokens"]:
        token["content"] = hidden.get(token["content"], token["content"])
    model = state["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {hidden.get(piece, piece): id for piece, id in model["vocab"].items()}
    else:  # Unigram
        model["vocab"] = [[hidden.get(piece, piece), score] for piece, score in model["vocab"]]
    model["unk_token"] = hidden.get(model.get("unk_token"), model.get("unk_token"))
    state["post_processor"] = None
    return tokenizers.Tokenizer.from_str(json.dumps(state))


def _special_tokens(core: tokenizers.Tokenizer, config: Mapping[str, Any]) -> SpecialTokens:
    texts = {name: _named(config.get(f"{name}_token")) or text for name, text in CONTROL.items()}
    ids = {name: id for name, text in texts.items() if (id := core.token_to_id(text)) is not None}
    for name, role, text in (("bos", "cls", "[CLS]"), ("eos", "sep", "[SEP]")):
        text = _named(config.get(f"{role}_token")) or text
        if name not in ids and (id := core.token_to_id(text)) is not None:
            ids[name], texts[name] = id, text
    if "eos" not in ids:
        raise InputError("text.tokenizer_without_eos", token=CONTROL["eos"])
    for name, stand_in in (("pad", "eos"), ("bos", "eos"), ("im_start", "bos"), ("im_end", "eos")):
        if name not in ids:
            ids[name], texts[name] = ids[stand_in], texts[stand_in]
    masks = (_named(config.get("mask_token")), "[MASK]", "<mask>", "<|mask|>")
    known = (core.token_to_id(text) for text in masks if text is not None)
    return SpecialTokens(**ids, texts=texts, mask=next((id for id in known if id is not None), None))


def _named(token: object) -> str | None:
    """The text of a token of tokenizer_config.json, which is a string, a table or null."""
    if isinstance(token, Mapping):
        token = token.get("content")
    return token if isinstance(token, str) else None


def _hf_config(core: tokenizers.Tokenizer, special: SpecialTokens) -> dict[str, Any]:
    control = [token.content for _, token in sorted(core.get_added_tokens_decoder().items())]
    roles = {"cls": CLS, "sep": SEP, "mask": MASK}
    named = {
        **{f"{name}_token": special.texts[name] for name in ("bos", "eos", "pad")},
        **{f"{name}_token": text for name, text in roles.items() if text in control},
    }
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **named,
        "additional_special_tokens": [text for text in control if text not in named.values()],
        "clean_up_tokenization_spaces": False,
    }


def check_encodable(*texts: str) -> None:
    """Raise InputError for half of a surrogate pair, which no encoding can write, naming its place."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            half = f"U+{ord(text[error.start]):04X}"
            raise InputError("text.lone_surrogate", place=error.start, character=half) from None


def _piece_decoder(core: tokenizers.Tokenizer) -> Callable[[str], bytes]:
    """How the pieces of this vocabulary spell bytes, by the steps that decode them."""
    decoder = {} if core.decoder is None else state_of(core.decoder)
    steps = {step["type"]: step for step in decoder.get("decoders", [decoder]) if step}
    if "ByteLevel" in steps:
        is_continued = steps.get("Replace", {}).get("pattern", {}).get("Regex", "").startswith(f"^{CONTINUED}")
        return _continued_bytes if is_continued else _byte_level_bytes
    if "WordPiece" in steps:
        return _bert_bytes
    return _literal_bytes if {"ByteFallback", "Fuse"} == set(steps) else _sentencepiece_bytes


def state_of(part: Any) -> dict[str, Any]:
    """What a part of a vocabulary (model, decoder, normalizer) would be in tokenizer.json."""
    state: dict[str, Any] = json.loads(part.__getstate__())
    return state


def _byte_level_bytes(piece: str) -> bytes:
    return bytes(byte for character in piece for byte in _alphabet().get(character, character.encode()))


def _continued_bytes(piece: str) -> bytes:
    return _byte_level_bytes(piece.removeprefix(CONTINUED) if len(piece) > len(CONTINUED) else piece)


def _bert_bytes(piece: str) -> bytes:
    """A word begins with the space that BERT's decoder writes; the vocabulary itself knows no white space."""
    return (piece.removeprefix(CONTINUED) if piece.startswith(CONTINUED) else f" {piece}").encode()


def _literal_bytes(piece: str) -> bytes:
    byte = _BYTE_PIECE.fullmatch(piece)
    return bytes([int(byte[1], 16)]) if byte else piece.encode()


def _sentencepiece_bytes(piece: str) -> bytes:
    return _literal_bytes(piece.replace("▁", " "))


@functools.cache
def _alphabet() -> dict[str, bytes]:
    """The byte behind each character of a byte-level vocabulary (Radford et al. 2019, `bytes_to_unicode` of GPT-2):
    printable Latin-1 stands for itself, the other bytes for U+0100 and on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(b): bytes([b]) for b in printable} | {chr(0x100 + i): bytes([b]) for i, b in enumerate(others)}
