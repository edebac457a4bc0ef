"""How a vocabulary of each kind is learned and spelt: byte-level BPE, WordPiece, Unigram, bytes and characters.

The same in every kind: the control tokens have the first ids, every one of the 256 bytes can be written, nothing is
normalised and white space is kept. So each kind gives every text back, and none needs a token for the unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, processors, trainers
from tokenizers import Tokenizer as Core

from hanlin.text.config import NUM_BYTES, NUM_CONTROL, TokenizerConfig, TokenizerKind
from hanlin.text.purposes import PURPOSES, Wanted
from hanlin.text.tokenizer import CONTINUED, CONTROL, state_of

# The split of DeepSeek-V3, which llama.cpp knows by that name, so that an exported vocabulary cuts text as here. With
# one digit per token no merge joins digits, and the split by three gives the same ids. Measured on 46 MB of Chinese and
# English at 6,400 entries, in bits per byte of an n-gram model over the tokens (zh, en): this split 2.428, 1.849; with
# marks never before a word 2.427, 1.849 and 1 % more tokens; with Han and Latin in one class 2.448, 1.852.
_DIGITS = r"\p{N}{1,%d}"
_HAN = "[一-龥\u3040-ゟ゠-ヿ]"
_OTHER = "|".join(
    (
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+""",  # .join, (self, 's
        r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+",  # a word with the space before it
        r" ?[\p{P}\p{S}]+[\r\n]*",  # marks with the line ends behind them
        r"\s*[\r\n]+",
        r"\s+(?!\S)",  # spaces up to the last, which belongs to the word after it
        r"\s+",
    )
)

_LONGEST_WORD = 32
"""Characters of a WordPiece word: it looks up every piece of every length, in the square of the word's length."""
_NEVER = -1000.0
"""Score of a Unigram piece that no text may match: six single characters cost far less."""
_SPARE = 1.05
"""Unigram pieces learned over those wanted. Which of equally good ones the trainer keeps is chance, so we choose."""
_STEP = 1e-4
"""What the Unigram trainer adds to the least score for each rare character, in an order that is chance."""


def learn(texts: Sequence[str], config: TokenizerConfig) -> Core:
    """Return a vocabulary of `config.kind`: equal texts give equal ones. Fewer entries where the texts allow no more.

    Sennrich et al. 2016 over bytes (Radford et al. 2019); WordPiece's longest match first (Wu et al. 2016); Kudo 2018.
    """
    wanted = PURPOSES[config.purpose]
    learned = config.model_copy(update={"vocab_size": config.vocab_size - len(wanted.tokens)})
    return _serving(_LEARN[config.kind](texts, learned), wanted)


def _serving(core: Core, wanted: Wanted) -> Core:
    """The vocabulary with the control tokens of its purpose behind all others, and the frame of its texts."""
    core.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in wanted.tokens])
    if wanted.single:
        named = [(text, core.token_to_id(text)) for text in (*CONTROL.values(), *wanted.tokens) if text in wanted.pair]
        core.post_processor = processors.TemplateProcessing(
            single=wanted.single, pair=wanted.pair, special_tokens=named
        )
    return core


def _bpe(texts: Sequence[str], config: TokenizerConfig) -> Core:
    core = Core(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence([*_splits(config.digits, _HAN + "+"), _bytes_as_characters()])
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.min_frequency,
        max_token_length=config.max_token_bytes,
        special_tokens=_control_tokens(),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    return core


def _wordpiece(texts: Sequence[str], config: TokenizerConfig) -> Core:
    """A Han character is a word, as in BERT; "#" stands alone, so that no text can look like a piece that goes on."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    spelt = [*alphabet, *(CONTINUED + byte for byte in alphabet)]
    cut = [*_splits(config.digits, _HAN), _split("#"), _split(rf"[\s\S]{{1,{_LONGEST_WORD}}}")]
    core, learner = Core(models.WordPiece()), Core(models.WordPiece())
    core.pre_tokenizer = learner.pre_tokenizer = pre_tokenizers.Sequence([*cut, _bytes_as_characters()])
    trainer = trainers.WordPieceTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.min_frequency,
        special_tokens=spelt,  # in our order: in that of the trainer, which is chance, equally common pairs differ
        continuing_subword_prefix=CONTINUED,
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    ids, longest = learner.get_vocab(), config.max_token_bytes
    learned = [piece for piece in sorted(ids, key=ids.__getitem__) if len(piece.removeprefix(CONTINUED)) <= longest]
    vocab = _numbered([*CONTROL.values(), *spelt, *learned], config.vocab_size)
    core.model = models.WordPiece(vocab=vocab, unk_token=CONTROL["pad"], max_input_chars_per_word=8 * _LONGEST_WORD)
    core.decoder = decoders.Sequence([decoders.Replace(Regex(f"^{CONTINUED}(?=.)"), ""), decoders.ByteLevel()])
    return _with_control(core)


def _unigram(texts: Sequence[str], config: TokenizerConfig) -> Core:
    """Pieces of characters; what has no piece is spelt in bytes."""
    room = config.vocab_size - NUM_CONTROL - NUM_BYTES
    letters = _commonest(texts, max(1, room // 2))
    core = Core(models.Unigram())
    core.pre_tokenizer = pre_tokenizers.Sequence(_splits(config.digits, _HAN + "+"))
    trainer = trainers.UnigramTrainer(
        vocab_size=int(room * _SPARE) + 1, max_piece_length=min(16, config.max_token_bytes), show_progress=False
    )
    core.train_from_iterator(_without(texts, letters), trainer)
    scores = _settled_scores(core, letters, config)
    longer = sorted((piece for piece in scores if len(piece) > 1), key=lambda piece: (-scores[piece], piece))
    learned = sorted([*letters, *longer][:room], key=lambda piece: (-scores[piece], piece))
    spelt = [*CONTROL.values(), *_byte_pieces()]
    pieces = [*((piece, _NEVER) for piece in spelt), *((piece, scores[piece]) for piece in learned)]
    core.model = models.Unigram(pieces, unk_id=0, byte_fallback=True)
    core.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return _with_control(core)


def _settled_scores(core: Core, letters: Sequence[str], config: TokenizerConfig) -> dict[str, float]:
    """Scores of the pieces without what is chance in them: the last digits of sums, the steps between rare letters."""
    vocab: list[tuple[str, float]] = state_of(core.model)["vocab"]
    least = min(score for _, score in vocab)
    settled = {
        piece: round(least if score <= least + _STEP * (len(letters) + 1) else score, 6)
        for piece, score in vocab
        if len(piece.encode()) <= config.max_token_bytes
    }
    return {**dict.fromkeys(letters, round(least, 6)), **settled}


def _byte(texts: Sequence[str], config: TokenizerConfig) -> Core:
    core = Core(models.BPE(_numbered([*CONTROL.values(), *sorted(pre_tokenizers.ByteLevel.alphabet())]), []))
    core.pre_tokenizer = _bytes_as_characters()
    core.decoder = decoders.ByteLevel()
    return _with_control(core)


def _character(texts: Sequence[str], config: TokenizerConfig) -> Core:
    """The commonest characters have an id, the others their bytes."""
    room = config.vocab_size - NUM_CONTROL - NUM_BYTES
    vocab = _numbered([*CONTROL.values(), *_byte_pieces(), *_commonest(texts, room, config.min_frequency)])
    core = Core(models.BPE(vocab, [], byte_fallback=True))
    core.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return _with_control(core)


_LEARN: Mapping[TokenizerKind, Callable[[Sequence[str], TokenizerConfig], Core]] = {
    "bpe": _bpe,
    "wordpiece": _wordpiece,
    "unigram": _unigram,
    "byte": _byte,
    "character": _character,
}


# ---------------------------------------------------------------- the parts


def _split(pattern: str) -> pre_tokenizers.Split:
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def _splits(digits: int, han: str) -> list[pre_tokenizers.Split]:
    return [_split(pattern) for pattern in (_DIGITS % digits, han, _OTHER)]


def _bytes_as_characters() -> pre_tokenizers.ByteLevel:
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def _control_tokens() -> list[AddedToken]:
    return [AddedToken(text, special=True, normalized=False) for text in CONTROL.values()]


def _with_control(core: Core) -> Core:
    core.add_special_tokens(_control_tokens())
    return core


def _numbered(pieces: Iterable[str], most: int | None = None) -> dict[str, int]:
    """Ids of different pieces by their order, the first `most`."""
    return {piece: id for id, piece in enumerate([*dict.fromkeys(pieces)][:most])}


def _byte_pieces() -> list[str]:
    return [f"<0x{byte:02X}>" for byte in range(NUM_BYTES)]


def _commonest(texts: Iterable[str], most: int, least: int = 1) -> list[str]:
    """Up to `most` characters that occur `least` times, the commonest first; of equally common ones the lower codes."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    known = (letter for letter, number in counts.items() if number >= least)
    return sorted(known, key=lambda letter: (-counts[letter], letter))[:most]


def _without(texts: Iterable[str], letters: Sequence[str]) -> Iterator[str]:
    """The texts cut apart at characters that are none of `letters`: the trainer would give each of them an entry."""
    known = frozenset(letters)
    for text in texts:
        rare = set(text) - known
        for letter in rare:
            text = text.replace(letter, "\0")
        yield from filter(None, text.split("\0") if rare else [text])
