"""The compiled decoder (model/native/decode.c): its structures, its packed weights, and the call.

Legend: V vocabulary, D width, F ffn width, O outputs and I inputs of a matrix, H heads, K kv heads, E head width,
L layers, N blocks, P positions of a block.

All weights are packed once into panels of 32 outputs, in the model's compute dtype. Inside a block of the cache keys
are stored (E, P), values (P, E): both are read without shuffling lanes.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hanlin.infer.blocks import BLOCK, BlockTables
from hanlin.infer.scheduler import Work
from hanlin.model.attention import Attention, attend
from hanlin.model.block import PreNormBlock
from hanlin.model.compiled import library
from hanlin.model.heads import LmHead
from hanlin.model.linear import Linear
from hanlin.model.mlp import GatedMLP, PlainMLP
from hanlin.model.norms import LayerNorm, RMSNorm
from hanlin.model.pages import LargePages, aligned
from hanlin.model.parts_config import HeadConfig
from hanlin.model.positions import Rotary
from hanlin.model.transformer import Transformer

Column = np.ndarray[tuple[int], np.dtype[np.int32]]

_PANEL = 32
_HALF_PANEL = 16
_ACTIVATIONS = {"silu": 0, "gelu": 1, "gelu_tanh": 2, "relu": 3, "relu2": 4}


class _Norm(ctypes.Structure):
    _fields_ = [("weight", ctypes.c_void_p), ("bias", ctypes.c_void_p)]


class _Matrix(ctypes.Structure):
    _fields_ = [("weight", ctypes.c_void_p), ("bias", ctypes.c_void_p), ("I", ctypes.c_int64), ("O", ctypes.c_int64)]


class _Layer(ctypes.Structure):
    _fields_ = [(name, _Norm) for name in ("attention_norm", "mlp_norm", "q_norm", "k_norm")] + [
        (name, _Matrix) for name in ("qkv", "out", "up", "down")
    ]


class _Decoder(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int32) for name in ("num_layers", "width", "heads", "kv_heads", "head_dim")),
        *((name, ctypes.c_int32) for name in ("ffn", "is_bf16", "layer_norm", "gated", "activation")),
        *((name, ctypes.c_float) for name in ("epsilon", "scale", "embedding_scale")),
        *((name, ctypes.c_void_p) for name in ("embedding", "positions", "cos", "sin")),
        ("final_norm", _Norm),
        ("head", _Matrix),
        ("layers", ctypes.c_void_p),
    ]


class _Batch(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int32) for name in ("rows", "num_logits", "table_width", "threads")),
        *((name, ctypes.c_void_p) for name in ("tokens", "positions", "sequences", "tables", "logit_rows")),
        *((name, ctypes.c_void_p) for name in ("logits", "keys", "values")),
        ("num_blocks", ctypes.c_int64),
        ("scratch", ctypes.c_void_p),
    ]


def supports(model: nn.Module) -> bool:
    """Whether this machine has the compiled decoder and the model is made of the parts it knows.

    Not: post-norm, windows, angles that change with the text, layers that adapters or quantisation have put in a
    linear's place, odd widths, other devices.
    """
    return type(model) is Transformer and library() is not None and all(_known(model))


def _known(model: Transformer) -> Iterator[bool]:
    config = model.config
    yield (
        model.sliding is None
        and model.stack.relative is None
        and (model.rotary is None or type(model.rotary) is Rotary)
    )
    yield type(model.head) is LmHead
    yield config.arch == "decoder" and config.head == HeadConfig() and config.positions.kind != "relative"
    yield model.embeddings.norm is None and model.embeddings.types is None
    yield model.head.weight.device.type == "cpu" and model.compute_dtype in (torch.float32, torch.bfloat16)
    yield type(model.stack.final_norm) in (RMSNorm, LayerNorm)
    yield config.hidden_size % _HALF_PANEL == 0 and config.head_dim % _HALF_PANEL == 0
    for block in model.stack.blocks:
        yield type(block) is PreNormBlock and type(block.attention) is Attention and block.attention.compute is attend
        yield type(block.mlp) is GatedMLP or (type(block.mlp) is PlainMLP and config.ffn_size % _PANEL == 0)
        yield config.ffn_size % _HALF_PANEL == 0
        yield all(type(part) is Linear for part in _linears(block))


def _linears(block: Any) -> list[Any]:
    mlp = block.mlp
    return [block.attention.qkv, block.attention.out, mlp.gate_up if isinstance(mlp, GatedMLP) else mlp.up, mlp.down]


class PackedDecoder:
    """A model's weights as the compiled decoder reads them. `refresh` copies them again after they have changed."""

    def __init__(self, model: Transformer) -> None:
        self._model = model
        self._tensors: list[Tensor] = []  # what the pointers point to
        self._memory = LargePages(sum(_packed_bytes(weight, model.compute_dtype) for weight in self._matrices()))
        self.refresh()

    def refresh(self) -> None:
        """Read the model's weights anew."""
        model, config = self._model, self._model.config
        self._tensors = []
        self._memory.rewind()
        self._layers = (_Layer * config.num_layers)(*map(self._layer, model.stack.blocks))
        head = self._matrix(model.head.weight, None)
        cos, sin = self._rotation()
        self.struct = _Decoder(
            num_layers=config.num_layers, width=config.hidden_size, heads=config.num_heads,
            kv_heads=config.num_kv_heads, head_dim=config.head_dim, ffn=config.ffn_size,
            is_bf16=model.compute_dtype == torch.bfloat16, layer_norm=config.norm.kind == "layer",
            gated=config.mlp.gated, activation=_ACTIVATIONS[config.mlp.activation],
            epsilon=config.norm.eps, embedding_scale=model.embeddings.scale,
            scale=config.attention.scale or config.head_dim**-0.5,
            embedding=self._floats(model.embeddings.tokens.weight), positions=self._positions(), cos=cos, sin=sin,
            final_norm=self._norm(model.stack.final_norm), head=head, layers=ctypes.addressof(self._layers),
        )  # fmt: skip

    def _matrices(self) -> Iterator[Tensor]:
        for block in self._model.stack.blocks:
            yield from (part.weight for part in _linears(block))
        yield self._model.head.weight

    def _layer(self, block: Any) -> _Layer:
        qkv, out, up, down = (self._matrix(p.weight, p.bias, gated=_is_gate(block, p)) for p in _linears(block))
        return _Layer(
            attention_norm=self._norm(block.attention_norm), mlp_norm=self._norm(block.mlp_norm),
            q_norm=self._norm(block.attention.q_norm), k_norm=self._norm(block.attention.k_norm),
            qkv=qkv, out=out, up=up, down=down,
        )  # fmt: skip

    def _norm(self, norm: Any) -> _Norm:
        if norm is None:
            return _Norm(None, None)
        return _Norm(self._floats(norm.weight), self._floats(norm.bias) if isinstance(norm, LayerNorm) else None)

    def _matrix(self, weight: Tensor, bias: Tensor | None, *, gated: bool = False) -> _Matrix:
        dtype = self._model.compute_dtype
        place = self._memory.take(_packed_bytes(weight, dtype) // dtype.itemsize, dtype=dtype)
        pack(_paired(weight) if gated else weight, place)
        start = None if bias is None else self._floats(_padded(_paired(bias) if gated else bias))
        return _Matrix(place.data_ptr(), start, weight.shape[1], weight.shape[0])

    def _floats(self, tensor: Tensor) -> int:
        self._tensors.append(tensor.detach().float().contiguous())
        return self._tensors[-1].data_ptr()

    def _positions(self) -> int | None:
        positions = self._model.embeddings.positions
        if positions is None:
            return None
        with torch.no_grad():
            return self._floats(positions(torch.arange(self._model.config.max_seq_len)))

    def _rotation(self) -> tuple[int | None, int | None]:
        if self._model.rotary is None:
            return None, None
        assert isinstance(self._model.rotary, Rotary), "supports() has seen it"
        table = self._model.rotary.table(torch.device("cpu"))
        return self._floats(table.cos), self._floats(table.sin)


def pack(weight: Tensor, into: Tensor) -> None:
    """Write (O, I) as the panels of panels.h into flat memory: (O / 32, I, 32), in bf16 (O / 32, I / 2, 32, 2)."""
    words = _padded(weight.detach()).to(into.dtype).contiguous().view(torch.int32)  # a pair of bf16 moves as one
    panels = words.view(-1, _PANEL, words.shape[1]).transpose(1, 2)
    into.view(torch.int32).view(panels.shape).copy_(panels)


def _packed_bytes(weight: Tensor, dtype: torch.dtype) -> int:
    return aligned(-(-weight.shape[0] // _PANEL) * _PANEL * weight.shape[1] * dtype.itemsize)


def _padded(rows: Tensor) -> Tensor:
    """Rows of zeros up to whole panels."""
    missing = -rows.shape[0] % _PANEL
    return torch.cat((rows, rows.new_zeros(missing, *rows.shape[1:]))) if missing else rows


def _is_gate(block: Any, part: nn.Module) -> bool:
    return isinstance(block.mlp, GatedMLP) and part is block.mlp.gate_up


def _paired(rows: Tensor) -> Tensor:
    """Gates, then ups -> 16 gates, their 16 ups, and so on, so that one panel holds what is multiplied."""
    halves = rows.detach().view(2, -1, _HALF_PANEL, *rows.shape[1:])
    return halves.transpose(0, 1).flatten(0, 2)


class NativeRunner:
    """Runs the work of a step in one call of the compiled decoder."""

    def __init__(self, model: Transformer, tables: BlockTables) -> None:
        assert supports(model), "ask supports() first"
        self._decoder, self._tables, self._vocab_size = PackedDecoder(model), tables, model.config.vocab_size
        self._keys, self._values = _blocks(model, tables.num_blocks)
        self._scratch = torch.empty(0, dtype=torch.uint8)
        compiled = library()
        assert compiled is not None, "supports() has seen it"
        self._forward, self._measure = compiled.hanlin_decode_forward, compiled.hanlin_decode_scratch
        self._forward.argtypes, self._forward.restype = [ctypes.c_void_p, ctypes.c_void_p], None
        self._measure.argtypes = [ctypes.c_void_p, *[ctypes.c_int64] * 3]
        self._measure.restype = ctypes.c_int64

    def refresh(self) -> None:
        """The model's weights have changed."""
        self._decoder.refresh()

    def run(self, work: Sequence[Work]) -> Tensor:
        """Logits (N, V) float32 after the last token of each work that samples."""
        tokens: list[int] = []
        positions: list[int] = []
        slots: list[int] = []
        ends: list[int] = []
        for item in work:
            start = item.sequence.num_read
            tokens += item.token_ids
            positions += range(start, start + item.count)
            slots += [item.sequence.slot] * item.count
            if item.samples:
                ends.append(len(tokens) - 1)
        logits = torch.empty(len(ends), self._vocab_size)
        self._call(_column(tokens), _column(positions), _column(slots), _column(ends), logits)
        return logits

    def _call(self, tokens: Column, positions: Column, slots: Column, ends: Column, logits: Tensor) -> None:
        tables, threads = self._tables.tables, torch.get_num_threads()
        decoder = ctypes.byref(self._decoder.struct)
        needed = self._measure(decoder, len(tokens), tables.shape[1], threads)
        if len(self._scratch) < needed:
            self._scratch = torch.empty(needed, dtype=torch.uint8)
        batch = _Batch(
            rows=len(tokens), num_logits=len(ends), table_width=tables.shape[1], threads=threads,
            tokens=tokens.ctypes.data, positions=positions.ctypes.data, sequences=slots.ctypes.data,
            tables=tables.ctypes.data, logit_rows=ends.ctypes.data, logits=logits.data_ptr(),
            keys=self._keys.data_ptr(), values=self._values.data_ptr(),
            num_blocks=self._tables.num_blocks, scratch=self._scratch.data_ptr(),
        )  # fmt: skip
        self._forward(decoder, ctypes.byref(batch))


def _blocks(model: Transformer, num_blocks: int) -> tuple[Tensor, Tensor]:
    """Keys (L, N, K, E, P) and values (L, N, K, P, E)."""
    config, dtype = model.config, model.compute_dtype
    shape = (config.num_layers, num_blocks, config.num_kv_heads)
    memory = LargePages(2 * aligned(math.prod(shape) * config.head_dim * BLOCK * dtype.itemsize))
    keys = memory.take(*shape, config.head_dim, BLOCK, dtype=dtype)
    return keys, memory.take(*shape, BLOCK, config.head_dim, dtype=dtype)


def _column(numbers: Sequence[int]) -> Column:
    return np.array(numbers, dtype=np.int32)
