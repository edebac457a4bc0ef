"""How much a shape is: the numbers it trains, and the multiplications of a training over a row (no torch here).

Two operations, a product and a sum, for every number of a matrix that a position is multiplied with, and four for every
query and key of an attention, over the width of all heads. The way back costs twice the way forward (Kaplan et al.
2020, 2.1; PaLM, Chowdhery et al. 2022, appendix B). Norms, activations and sums are left out: they cost time, not
products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hanlin.model.config import ModelConfig


@dataclass(frozen=True)
class Passage:
    """What goes where when a model is trained on a row.

    written: positions of the stack below the scores, in an encoder-decoder the decoder; seen: pairs of a query and a
    key it may look at, summed over them; scored: positions whose scores are worked out. read, read_seen: the same of
    the encoder. guessed: queries of a second stream, which see what `seen` counts too. pooled: states that are pooled.
    """

    written: float
    seen: float
    scored: float
    read: float = 0.0
    read_seen: float = 0.0
    guessed: float = 0.0
    pooled: float = 0.0


def backwards(tokens: float, window: int = 0) -> float:
    """Pairs of a row in which each token sees itself and those before it, no more than `window` in all (0: all)."""
    near = min(tokens, window) if window else tokens
    return near * (near + 1) / 2 + (tokens - near) * near


def whole_row(config: ModelConfig, seq_len: int) -> Passage:
    """A full row of one document in which every position is scored; an encoder-decoder reads as much as it writes."""
    both = float(seq_len**2)
    if config.arch == "encoder":
        return Passage(seq_len, both, seq_len)
    if config.arch == "encoder_decoder":
        return Passage(seq_len, backwards(seq_len), seq_len, read=seq_len, read_seen=both)
    return Passage(seq_len, backwards(seq_len), seq_len)


# Operations ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operations:
    """Of a row forward and backward: of the stack that writes, of the encoder, from one to the other, of the head."""

    stack: float
    encoder: float
    cross: float
    head: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.stack + self.encoder + self.cross + self.head


def training_operations(config: ModelConfig, row: Passage, *, rows: int = 1) -> Operations:
    """What it costs to train on a row; `rows` of a batch share the table of distances, where there is one."""
    written = row.written + row.guessed
    stack = written * _layer_products(config) * config.num_layers + _distance_products(config, row, rows)
    pairs = sum(min(row.seen, _near(config, layer, row.written)) for layer in range(config.num_layers))
    encoder = config.num_encoder_layers * (row.read * _layer_products(config) + _pair_products(config, row.read_seen))
    return Operations(
        stack=6 * (stack + _pair_products(config, pairs)),
        encoder=6 * encoder,
        cross=6 * config.num_layers * _cross_products(config, row) if config.num_encoder_layers else 0.0,
        head=6 * (row.scored * _score_products(config) + row.pooled * _pool_products(config)),
    )


def _near(config: ModelConfig, layer: int, written: float) -> float:
    """Pairs that a layer with a window has, others as many as there are."""
    return backwards(written, config.attention.window) if config.slides(layer) else written**2 * 2


def _pair_products(config: ModelConfig, pairs: float) -> float:
    """A score and a share of a value for each pair."""
    return 2 * pairs * config.num_heads * config.head_dim


def _layer_products(config: ModelConfig) -> int:
    """Of a position with the matrices of a layer; of many MLPs with those it takes, and with what chooses them."""
    width, experts = config.hidden_size, config.mlp.experts
    taken = experts.chosen if experts.number else 1
    mlp = taken * width * _mlp_rows(config) + width * experts.number
    return width * (_qkv_rows(config) + _heads_width(config)) + mlp


def _cross_products(config: ModelConfig, row: Passage) -> float:
    """Queries and outputs of what is written, keys and values of what was read, and every pair of the two."""
    keys = 2 * config.num_kv_heads * config.head_dim
    own = config.hidden_size * (2 * _heads_width(config) * row.written + keys * row.read)
    return own + _pair_products(config, row.written * row.read)


def _distance_products(config: ModelConfig, row: Passage, rows: int) -> float:
    """Scores by distance (XLNet): a table projected once for a batch, whose sines need no gradient, then one score for
    each query and distance."""
    if config.positions.kind != "distance":
        return 0.0
    distances, heads = 2 * row.written - 1, _heads_width(config)
    table = distances * config.hidden_size * heads * (2 / 3) / rows
    return config.num_layers * (table + (row.written + row.guessed) * distances * heads)


def _score_products(config: ModelConfig) -> int:
    width, head = config.hidden_size, config.head
    if head.kind == "none":
        return 0
    return config.vocab_size * (width + head.bias) + width * width * head.transform  # a bias is one more column


def _pool_products(config: ModelConfig) -> int:
    return config.hidden_size * (config.hidden_size * config.head.pooler + 2 * config.head.next_sentence)


def _qkv_rows(config: ModelConfig) -> int:
    return (config.num_heads + 2 * config.num_kv_heads) * config.head_dim


def _heads_width(config: ModelConfig) -> int:
    return config.num_heads * config.head_dim


def _mlp_rows(config: ModelConfig) -> int:
    """Rows and columns of one MLP's matrices, each as wide as the model."""
    return config.ffn_size * (3 if config.mlp.gated else 2)


# Trained numbers -----------------------------------------------------------------------------------------------------


def num_parameters(config: ModelConfig) -> int:
    """Exact number of trained numbers; a tied head counts once."""
    decoder = _stack_parameters(config, config.num_layers, crossed=config.arch == "encoder_decoder")
    encoder = _stack_parameters(config, config.num_encoder_layers) if config.num_encoder_layers else 0
    return _embedding_parameters(config) + encoder + decoder + _head_parameters(config)


def _norm(config: ModelConfig) -> int:
    return config.hidden_size * (2 if config.norm.kind == "layer" else 1)


def _embedding_parameters(config: ModelConfig) -> int:
    rows = config.max_seq_len + config.positions.offset if config.positions.kind == "learned" else 0
    rows += config.vocab_size + config.embeddings.types + (config.positions.kind == "distance")  # its blank
    return config.hidden_size * rows + _norm(config) * config.norm.embeddings


def _head_parameters(config: ModelConfig) -> int:
    """Scores of tokens (a tied table is counted already), pooler, next sentence."""
    width, head = config.hidden_size, config.head
    transform = (width * (width + 1) + _norm(config)) * head.transform
    scores = config.vocab_size * (width * (not config.embeddings.tied) + head.bias) + transform
    pooled = width * (width + 1) * head.pooler + 2 * (width + 1) * head.next_sentence
    return scores * (head.kind == "tokens") + pooled + _task_parameters(config)


def _task_parameters(config: ModelConfig) -> int:
    """See tasks.build_task_head."""
    width, head = config.hidden_size, config.head
    if head.task.kind == "none":
        return 0
    if head.task.kind != "sequence" or head.task.pooling == "mean":
        return (width + 1) * (len(head.task.labels) or 2)
    if config.arch in ("decoder", "prefix"):
        return width * len(head.task.labels)
    return (width + 1) * (len(head.task.labels) + width * (not head.pooler))


def _stack_parameters(config: ModelConfig, num_layers: int, *, crossed: bool = False) -> int:
    """Blocks, the norm behind them, and the scores of distances."""
    relative = config.positions.buckets * config.num_heads * (config.positions.kind == "relative")
    cross = (_attention_parameters(config) + _norm(config)) * crossed
    return num_layers * (_layer_parameters(config) + cross) + _norm(config) * config.norm.final + relative


def _layer_parameters(config: ModelConfig) -> int:
    c = config
    mlps = (c.mlp.experts.number or 1) * _mlp_parameters(c) + c.hidden_size * c.mlp.experts.number
    norms = {"sandwich": 4, "parallel": 1}.get(c.norm.place, 2)
    return _attention_parameters(c) + mlps + 2 * c.head_dim * c.attention.qk_norm + norms * _norm(c)


def _mlp_parameters(config: ModelConfig) -> int:
    """Of one MLP."""
    up_rows = config.ffn_size * (2 if config.mlp.gated else 1)
    return config.hidden_size * (up_rows + config.ffn_size) + (up_rows + config.hidden_size) * config.mlp.bias


def _attention_parameters(config: ModelConfig) -> int:
    c, width, out_columns = config, config.hidden_size, _heads_width(config)
    far = out_columns * (width + 5) * (c.positions.kind == "distance")  # a projection, three biases, two kinds
    biases = _qkv_rows(c) * c.attention.qkv_bias + width * c.attention.out_bias
    return width * (_qkv_rows(c) + out_columns) + biases + far
