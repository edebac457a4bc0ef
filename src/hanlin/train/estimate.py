"""What a training will take, before its first step: operations, memory and time, of every shape and objective.

Memory is what torch holds at the end of a forward pass, where it holds most: weights, gradients and what the optimizer
keeps (float32), what every layer keeps for the way back, and the scores of one chunk. Numbers that a layer keeps were
read off its parts, and are tested against what autograd really keeps.

Legend: D width, H heads, K kv heads, E head width, F ffn width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

from hanlin.model.config import ModelConfig
from hanlin.model.counts import Operations, Passage, training_operations
from hanlin.model.heads import CHUNK_LOGITS, WIDE_LOGITS
from hanlin.train.config import OptimizerConfig

PROGRAM_BYTES = 1 << 29
"""Of Python, torch and the rows in flight, about."""

KEPT_BYTES = {"muon": 4, "sgd": 4, "adamw": 8, "adam": 8}
"""What an optimizer keeps of a number of a layer's matrix: one moment or two; of all else Muon's AdamW keeps two."""


@dataclass(frozen=True)
class Memory:
    """Bytes. state: weights, gradients, optimizer. activations: of a micro-batch. scores: of tokens, one chunk."""

    state: int
    activations: int
    scores: int
    program: int = PROGRAM_BYTES

    @property
    def total(self) -> int:
        """All at once."""
        return self.state + self.activations + self.scores + self.program


@dataclass(frozen=True)
class Estimate:
    """operations: of one update, row: what each of its rows takes. memory, disk: bytes, disk of the checkpoints.
    updates: of the run, None where only the clock ends it. flops_per_second: what this machine was found to do, 0 where
    it was not asked."""

    operations: Operations
    row: Passage
    memory: Memory
    disk: int
    updates: float | None = None
    flops_per_second: float = 0.0

    @property
    def seconds(self) -> float | None:
        """Of all updates at that speed; None where either is not known."""
        if self.updates is None or not self.flops_per_second:
            return None
        return self.updates * self.operations.total / self.flops_per_second


def training_memory(
    shape: ModelConfig, row: Passage, *, rows: int, optimizer: OptimizerConfig, item: int, fused: bool = True
) -> Memory:
    """Of micro-batches of `rows` rows, computed in numbers of `item` bytes.

    fused: attention keeps no weights (our kernels, or a device with its own); else blocks of them are kept.
    """
    kept = KEPT_BYTES[optimizer.name] - 8
    state = shape.num_parameters() * 16 + kept * _matrix_numbers(shape)
    if kept and optimizer.name == "sgd":
        state = shape.num_parameters() * 12
    numbers = rows * _kept_numbers(shape, row, fused=fused)
    cast = _matrix_numbers(shape) * item if item < 4 else 0
    return Memory(state, round(numbers * item) + cast, _score_bytes(shape, round(rows * row.scored), item))


def update_operations(shape: ModelConfig, row: Passage, *, rows: int) -> Operations:
    """Of an update over so many rows."""
    one = training_operations(shape, row, rows=rows)
    return Operations(one.stack * rows, one.encoder * rows, one.cross * rows, one.head * rows)


def _matrix_numbers(shape: ModelConfig) -> int:
    """Numbers of the matrices of the layers: all that is no table of tokens or places, norms and biases included."""
    tables = shape.vocab_size * (1 if shape.embeddings.tied or shape.head.kind == "none" else 2)
    places = shape.max_seq_len + shape.positions.offset if shape.positions.kind == "learned" else 0
    return shape.num_parameters() - (tables + places + shape.embeddings.types) * shape.hidden_size


def _kept_numbers(shape: ModelConfig, row: Passage, *, fused: bool) -> float:
    """Numbers that a row leaves for the way back, all layers and what stands around them."""
    queries = row.written + row.guessed
    stack = queries * _layer_numbers(shape) + _weight_numbers(shape, queries, row.written, fused=fused)
    encoder = row.read * _layer_numbers(shape) + _weight_numbers(shape, row.read, row.read, fused=True)
    around = 4 * shape.hidden_size * (queries + row.read)  # embeddings, the last norm, what is dropped
    cross = _cross_numbers(shape, row) if shape.num_encoder_layers else 0.0
    return shape.num_layers * (stack + cross) + shape.num_encoder_layers * encoder + around


def _layer_numbers(shape: ModelConfig) -> float:
    """Of a position: both norms and what they give, queries, keys and values before and after they turn, what attention
    gives, and what the MLP's activation reads and gives."""
    c = shape
    heads = (2 * c.num_heads + 2 * c.num_kv_heads) * c.head_dim
    turned = (c.num_heads + c.num_kv_heads) * c.head_dim * (c.positions.kind in ("rope", "rope2d"))
    taken = c.mlp.experts.chosen if c.mlp.experts.number else 1
    mlp = taken * c.ffn_size * (3 if c.mlp.gated else 2)
    norms = {"sandwich": 8, "parallel": 2}.get(c.norm.place, 4) * c.hidden_size
    return norms + heads + turned + mlp


def _weight_numbers(shape: ModelConfig, queries: float, keys: float, *, fused: bool) -> float:
    """Weights of attention that are kept whole: beside trained or capped scores by all, else by unfused products."""
    pairs = queries * keys * shape.num_heads
    heads = queries * 2 * shape.num_heads * shape.head_dim  # scaled copies
    if shape.attention.cap:
        return 4 * pairs + heads
    if shape.positions.kind in ("relative", "distance", "alibi"):
        return pairs + heads
    return 0.0 if fused or shape.arch != "decoder" else pairs / 2


def _cross_numbers(shape: ModelConfig, row: Passage) -> float:
    """Norm, queries and outcome of what is written; keys and values of what was read."""
    own = row.written * 2 * (shape.hidden_size + shape.num_heads * shape.head_dim)
    return own + row.read * 2 * shape.num_kv_heads * shape.head_dim


def _score_bytes(shape: ModelConfig, scored: int, item: int) -> int:
    """Scores of a chunk, float32 copies of a part of it, and the gradients of states and table that the loss keeps."""
    if shape.head.kind == "none" or not scored:
        return 0
    chunk = min(scored * shape.vocab_size, CHUNK_LOGITS)
    wide = 3 * 4 * min(chunk, WIDE_LOGITS)
    return chunk * item + wide + scored * shape.hidden_size * item * 2 + 4 * shape.vocab_size * shape.hidden_size
