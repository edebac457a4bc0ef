"""Kernels of our own for what torch does in many passes on a CPU: attention, RMSNorm, SwiGLU, rotation, cross-entropy.

Products stay with torch. Each kernel is a torch operator with a gradient, so that autograd, torch.compile and hooks see
nothing unusual; the callers (attention.attend, norms.rms_norm, ...) ask `usable` and otherwise take the torch path.

Legend: B batch, T queries, S keys, H heads, K kv heads, E head width, N rows, D width, F ffn width, V vocabulary.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from hanlin.model.compiled import library, native_state

__all__ = ["attend", "cross_entropy", "library", "native_state", "rms_norm", "rotate", "swiglu", "usable"]

_SUFFIX = {torch.float32: "f32", torch.bfloat16: "bf16"}
_TENSORS = ("q", "k", "v", "out", "d_out", "d_q", "d_k", "d_v")
_LIBRARY = torch.library.Library("hanlin", "FRAGMENT")


def _operator(function: Callable[..., Any]) -> OpOverload[..., Any]:
    """Make a function that changes no argument an operator of torch, under its own name.

    Not by `torch.library.custom_op`, whose first call imports all of torch.compile (1.1 s, before the first word of an
    answer) and each of whose calls takes 8 us more.
    """
    name = function.__name__.removeprefix("_")
    schema = torch.library.infer_schema(function, mutates_args=())
    _LIBRARY.define(name + schema, tags=torch.Tag.pt2_compliant_tag)
    _LIBRARY.impl(name, function, "CPU")
    found: OpOverload[..., Any] = getattr(torch.ops.hanlin, name).default
    return found


def _shapes_of(operator: OpOverload[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function tell the compiler what an operator gives: tensors of the right shape and dtype."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        torch.library.register_fake(operator, function, lib=_LIBRARY)
        return function

    return register


def usable(*tensors: Tensor) -> bool:
    """Whether the kernels can take these: on the CPU, float32 or bfloat16, one dtype, and a library that loads."""
    dtype = tensors[0].dtype
    return dtype in _SUFFIX and all(t.dtype == dtype and t.device.type == "cpu" for t in tensors) and _loaded()


def _loaded() -> bool:
    return library() is not None


class _Attention(ctypes.Structure):
    """`attention` of native/attention.c, field for field."""

    _fields_ = (
        *(
            (name, ctypes.c_void_p)
            for name in ("q", "k", "v", "out", "lse", "d_out", "d_q", "d_k", "d_v", "first", "last")
        ),
        *((name, ctypes.c_int64) for name in ("batch", "heads", "kv_heads", "queries", "keys", "width")),
        *((f"{name}_step", ctypes.c_int64 * 3) for name in _TENSORS),
        ("scale", ctypes.c_float),
        ("threads", ctypes.c_int32),
        ("scratch", ctypes.c_void_p),
    )


@functools.cache
def _function(name: str, dtype: torch.dtype | None) -> Any:
    """The C function, with the types of its arguments told to ctypes."""
    found = library()
    assert found is not None, "callers ask `usable` first"
    function = getattr(found, name if dtype is None else f"{name}_{_SUFFIX[dtype]}")
    if name == "attend_scratch":
        function.restype = ctypes.c_int64
    return function


def _call(name: str, dtype: torch.dtype, *arguments: Tensor | int | float | None) -> None:
    """Run a row kernel; the number of threads is added at the end."""
    _function(name, dtype)(*map(_argument, arguments), ctypes.c_int(torch.get_num_threads()))


def _argument(value: Tensor | int | float | None) -> Any:
    if isinstance(value, Tensor):
        return ctypes.c_void_p(value.data_ptr())
    if isinstance(value, float):
        return ctypes.c_float(value)
    return ctypes.c_void_p(None) if value is None else ctypes.c_int64(value)


# ---- attention ----


def attend(q: Tensor, k: Tensor, v: Tensor, first: Tensor, last: Tensor, *, scale: float) -> Tensor:
    """softmax(q k^T * scale) v over the keys first <= s < last of each query (Dao 2022, arXiv:2205.14135).

    q (B, T, H, E), k and v (B, S, K, E) with K dividing H, any strides but a dense last dimension; first and last
    (B or 1, T) int32; -> (B, T, H, E). A query without keys gives zeros.
    """
    first, last = (edge.expand(q.shape[:2]).contiguous() for edge in (first, last))
    out, _ = _attend(_dense(q), _dense(k), _dense(v), first, last, scale)
    return out


def _dense(x: Tensor) -> Tensor:
    return x if x.stride(-1) == 1 else x.contiguous()


@_operator
def _attend(q: Tensor, k: Tensor, v: Tensor, first: Tensor, last: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    out = q.new_empty(q.shape)
    lse = q.new_empty((q.shape[0], q.shape[2], q.shape[1]), dtype=torch.float32)
    _run_attention("attend", {"q": q, "k": k, "v": v, "out": out}, lse, first, last, scale)
    return out, lse


@_operator
def _attend_back(
    d_out: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, first: Tensor, last: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    tensors = {"q": q, "k": k, "v": v, "out": out, "d_out": d_out}
    gradients = {f"d_{name}": tensors[name].new_empty(tensors[name].shape) for name in ("q", "k", "v")}
    _run_attention("attend_back", tensors | gradients, lse, first, last, scale)
    return gradients["d_q"], gradients["d_k"], gradients["d_v"]


def _run_attention(
    name: str, tensors: dict[str, Tensor], lse: Tensor, first: Tensor, last: Tensor, scale: float
) -> None:
    q, k = tensors["q"], tensors["k"]
    call = _Attention(scale=scale, threads=torch.get_num_threads())
    call.batch, call.queries, call.heads, call.width = q.shape
    call.keys, call.kv_heads = k.shape[1], k.shape[2]
    for field, tensor in tensors.items():
        setattr(call, field, tensor.data_ptr())
        setattr(call, f"{field}_step", (ctypes.c_int64 * 3)(*tensor.stride()[:3]))
    call.lse, call.first, call.last = lse.data_ptr(), first.data_ptr(), last.data_ptr()
    size = _function("attend_scratch", None)(ctypes.byref(call), int(name == "attend_back"))
    scratch = torch.empty(size, dtype=torch.uint8)
    call.scratch = scratch.data_ptr()
    _function(name, q.dtype)(ctypes.byref(call))


@_shapes_of(_attend)
def _(q: Tensor, k: Tensor, v: Tensor, first: Tensor, last: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    return q.new_empty(q.shape), q.new_empty((q.shape[0], q.shape[2], q.shape[1]), dtype=torch.float32)


@_shapes_of(_attend_back)
def _(
    d_out: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, first: Tensor, last: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    return q.new_empty(q.shape), k.new_empty(k.shape), v.new_empty(v.shape)


def _keep_attend(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs[:3], *output, *inputs[3:5])
    ctx.scale = inputs[5]


def _grad_attend(ctx: Any, d_out: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    q, k, v, out, lse, first, last = ctx.saved_tensors
    return (*_attend_back(_dense(d_out), q, k, v, out, lse, first, last, ctx.scale), None, None, None)


torch.library.register_autograd(_attend, _grad_attend, setup_context=_keep_attend, lib=_LIBRARY)


# ---- RMSNorm ----


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight. (*, D), (D,) float32 -> (*, D) in the dtype of x, worked out in float32."""
    y, _ = _rms_norm(x.contiguous(), weight, eps)
    return y


@_operator
def _rms_norm(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    y, inverse = torch.empty_like(x), x.new_empty(x.shape[:-1], dtype=torch.float32)
    _call("rms_norm", x.dtype, x, None, weight, None, y, inverse, inverse.numel(), x.shape[-1], eps)
    return y, inverse


@_operator
def _rms_norm_back(dy: Tensor, x: Tensor, weight: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
    dx, width = torch.empty_like(x), x.shape[-1]
    partial = weight.new_zeros((torch.get_num_threads(), -(-width // 16) * 16))
    _call("rms_norm_back", x.dtype, x, dy, None, weight, inverse, dx, partial, inverse.numel(), width)
    return dx, partial.sum(0)[:width].clone()


@_shapes_of(_rms_norm)
def _(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x), x.new_empty(x.shape[:-1], dtype=torch.float32)


@_shapes_of(_rms_norm_back)
def _(dy: Tensor, x: Tensor, weight: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x), torch.empty_like(weight)


def _keep_rms_norm(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs[:2], output[1])


def _grad_rms_norm(ctx: Any, dy: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    x, weight, inverse = ctx.saved_tensors
    return (*_rms_norm_back(dy.contiguous(), x, weight, inverse), None)


torch.library.register_autograd(_rms_norm, _grad_rms_norm, setup_context=_keep_rms_norm, lib=_LIBRARY)


# ---- SwiGLU ----


def swiglu(halves: Tensor) -> Tensor:
    """silu(first half) * second half of the last dimension (Shazeer 2020). (*, 2F) -> (*, F)."""
    return _swiglu(halves.contiguous())


@_operator
def _swiglu(halves: Tensor) -> Tensor:
    width = halves.shape[-1] // 2
    y = halves.new_empty((*halves.shape[:-1], width))
    _call("swiglu", halves.dtype, halves, y, y.numel() // width, width)
    return y


@_operator
def _swiglu_back(dy: Tensor, halves: Tensor) -> Tensor:
    d_halves, width = torch.empty_like(halves), dy.shape[-1]
    _call("swiglu_back", halves.dtype, halves, dy, d_halves, dy.numel() // width, width)
    return d_halves


@_shapes_of(_swiglu)
def _(halves: Tensor) -> Tensor:
    return halves.new_empty((*halves.shape[:-1], halves.shape[-1] // 2))


@_shapes_of(_swiglu_back)
def _(dy: Tensor, halves: Tensor) -> Tensor:
    return torch.empty_like(halves)


def _keep_swiglu(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
    ctx.save_for_backward(inputs[0])


def _grad_swiglu(ctx: Any, dy: Tensor) -> Tensor:
    return _swiglu_back(dy.contiguous(), ctx.saved_tensors[0])


torch.library.register_autograd(_swiglu, _grad_swiglu, setup_context=_keep_swiglu, lib=_LIBRARY)


# ---- rotary positions ----


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn (B, T, heads, E) by angles (B or 1, T, 1, E/2), half-split pairing (Su 2021). -> the same shape, dense."""
    x = x if x.stride(-1) == 1 and x.stride(-2) == x.shape[-1] and _one_step(x) else x.contiguous()
    return _rotate(x, cos.float().contiguous(), sin.float().contiguous(), 1.0)


def _one_step(x: Tensor) -> bool:
    """Whether rows (b, t) follow each other at one distance."""
    return x.shape[0] == 1 or x.stride(0) == x.stride(1) * x.shape[1]


@_operator
def _rotate(x: Tensor, cos: Tensor, sin: Tensor, way: float) -> Tensor:
    y = x.new_empty(x.shape)
    rows, heads, half = x.shape[0] * x.shape[1], x.shape[2], x.shape[3] // 2
    _call("rotate", x.dtype, x, y, cos, sin, rows, cos.shape[0] * cos.shape[1], heads, half, x.stride(1), way)
    return y


@_shapes_of(_rotate)
def _(x: Tensor, cos: Tensor, sin: Tensor, way: float) -> Tensor:
    return x.new_empty(x.shape)


def _keep_rotate(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[1], inputs[2])
    ctx.way = inputs[3]


def _grad_rotate(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
    cos, sin = ctx.saved_tensors
    return _rotate(dy.contiguous(), cos, sin, -ctx.way), None, None, None


torch.library.register_autograd(_rotate, _grad_rotate, setup_context=_keep_rotate, lib=_LIBRARY)


# ---- cross-entropy ----


def cross_entropy(logits: Tensor, targets: Tensor, *, gradient: bool) -> Tensor:
    """Nats of each target under softmax(logits). logits (N, V) dense, targets (N,) int64 -> (N,) float32.

    A negative target is left out: 0 nats. With `gradient` the logits are overwritten by d nats / d logits. Raises
    IndexError where a target is V or more.
    """
    if len(targets) and int(targets.max()) >= logits.shape[1]:
        raise IndexError(f"target {int(targets.max())} of {logits.shape[1]} classes")
    return _cross_entropy(logits, targets.contiguous(), gradient)


@torch.library.custom_op("hanlin::cross_entropy", mutates_args=("logits",), device_types="cpu")
def _cross_entropy(logits: Tensor, targets: Tensor, gradient: bool) -> Tensor:
    nats = logits.new_empty(len(targets), dtype=torch.float32)
    rows, width = logits.shape
    _call("cross_entropy", logits.dtype, logits, targets, nats, rows, width, int(gradient))
    return nats


@_cross_entropy.register_fake
def _(logits: Tensor, targets: Tensor, gradient: bool) -> Tensor:
    return logits.new_empty(len(targets), dtype=torch.float32)
