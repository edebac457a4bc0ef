"""A table of weight names is data: each rule says which tensors of a foreign file hold a parameter of ours, and how.

A rule gives the places of its parameter: cut by rows, transposed, the rows in another order. Export reads the places,
import writes through them, so one table serves both ways, no fused weight is ever put together in a second copy, and
import after export gives back every bit.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hanlin.model.config import ModelConfig
from hanlin.model.parts_config import turning_size

Parts = Callable[[ModelConfig], tuple[int, ...]]
Orders = Callable[[ModelConfig], tuple[Tensor, ...]]
Shape = Callable[[ModelConfig], tuple[int, ...]]


@dataclass(frozen=True)
class Place:
    """Where a foreign tensor stands in ours: some rows, which of them is which of theirs, and whether it is turned.

    order: the number of our row for each of theirs, None where they are the same. folded: the foreign tensor's shape
    where ours, turned or not, holds the same numbers in another.
    """

    rows: Tensor
    order: Tensor | None = None
    transposed: bool = False
    folded: tuple[int, ...] | None = None

    @property
    def shape(self) -> torch.Size:
        """Of the foreign tensor."""
        return torch.Size(self.folded) if self.folded else self._turned(self.rows).shape

    def read(self) -> Tensor:
        """The foreign tensor: a view of ours unless rows change places or what is turned is folded."""
        rows = self._turned(self.rows if self.order is None else self.rows[self.order])
        return rows.reshape(self.folded) if self.folded else rows

    @property
    def is_plain(self) -> bool:
        """Whether numbers stand here in the order in which they stand there."""
        return self.order is None and not self.transposed and not self.folded

    def write(self, found: Tensor, part: slice = slice(None)) -> None:
        """Take over the numbers of a `part` of the foreign tensor's rows; of a folded one only all at once."""
        if self.folded:
            found, part = found.reshape(self._turned(self.rows).shape), slice(None)
        if self.order is None:
            self._turned(self.rows)[part].copy_(found)
        elif self.transposed:
            self.rows[..., part][self.order] = found.T.to(self.rows.dtype)
        else:
            self.rows[self.order[part]] = found.to(self.rows.dtype)

    def _turned(self, tensor: Tensor) -> Tensor:
        return tensor.T if self.transposed else tensor


@dataclass(frozen=True)
class Rule:
    """One parameter of ours, in a pattern where {n} is a layer's number and {name} anything.

    theirs: the foreign tensors that hold it, one below the other (rows).
    parts: rows of each, where there are several. orders: the order of the rows of each (Place).
    transposed: they are stored as (in, out), not (out, in). shape: what they are folded to, each (Place).
    """

    ours: str
    theirs: tuple[str, ...]
    parts: Parts | None = None
    transposed: bool = False
    orders: Orders | None = None
    shape: Shape | None = None

    def match(self, name: str) -> tuple[str, ...] | None:
        """Foreign names of our parameter `name`, or None where the rule is not about it."""
        found = _pattern(self.ours).fullmatch(name)
        return None if found is None else tuple(their.format(**found.groupdict()) for their in self.theirs)

    def moved(self, before: str, prefix: str) -> Rule:
        """The rule of a file whose names begin with another prefix."""
        theirs = (prefix + name.removeprefix(before) if name.startswith(before) else name for name in self.theirs)
        return replace(self, theirs=tuple(theirs))

    def places(self, tensor: Tensor, config: ModelConfig) -> list[Place]:
        """Our parameter as the foreign tensors see it."""
        pieces = [tensor] if self.parts is None else list(tensor.split(self.parts(config)))
        orders = [None] * len(pieces) if self.orders is None else list(self.orders(config))
        folded = None if self.shape is None else self.shape(config)
        return [Place(piece, order, self.transposed, folded) for piece, order in zip(pieces, orders, strict=True)]


@functools.cache
def _pattern(ours: str) -> re.Pattern[str]:
    return re.compile(re.escape(ours).replace(r"\{n\}", r"(?P<n>\d+)").replace(r"\{name\}", "(?P<name>.+)"))


def foreign_places(tensors: Mapping[str, Tensor], rules: Sequence[Rule], config: ModelConfig) -> dict[str, Place]:
    """Our parameters under foreign names. The first rule that fits a name wins."""
    places: dict[str, Place] = {}
    for name, tensor in tensors.items():
        rule, theirs = _find(name, rules)
        places.update(zip(theirs, rule.places(tensor, config), strict=True))
    return places


def foreign_views(tensors: Mapping[str, Tensor], rules: Sequence[Rule], config: ModelConfig) -> dict[str, Tensor]:
    """Our parameters as foreign tensors: views of ours, but for those whose rows change places."""
    return {name: place.read() for name, place in foreign_places(tensors, rules, config).items()}


def _find(name: str, rules: Sequence[Rule]) -> tuple[Rule, tuple[str, ...]]:
    for rule in rules:
        if (theirs := rule.match(name)) is not None:
            return rule, theirs
    raise AssertionError(f"no rule for parameter {name}: the family's table is incomplete")


def both(ours: str, theirs: str) -> tuple[Rule, ...]:
    """Weight and bias of one part."""
    return tuple(Rule(f"{ours}.{part}", (f"{theirs}.{part}",)) for part in ("weight", "bias"))


def expert_rules(theirs: str, *, gate: str, up: str, down: str) -> tuple[Rule, ...]:
    """The router and the experts of an MLP that a family keeps under `theirs`, its products called as given."""
    expert = f"{theirs}experts.{{name}}."
    ours = "stack.blocks.{n}.mlp."
    return (
        Rule(f"{ours}router.weight", (f"{theirs}gate.weight",)),
        Rule(
            f"{ours}experts.{{name}}.gate_up.weight", (f"{expert}{gate}.weight", f"{expert}{up}.weight"), gate_up_parts
        ),
        Rule(f"{ours}experts.{{name}}.down.weight", (f"{expert}{down}.weight",)),
    )


def qkv_parts(config: ModelConfig) -> tuple[int, ...]:
    """Rows of queries, keys and values in the fused projection."""
    rows = config.num_kv_heads * config.head_dim
    return (config.num_heads * config.head_dim, rows, rows)


def gate_up_parts(config: ModelConfig) -> tuple[int, ...]:
    """Rows of gate and up in the fused projection."""
    return (config.ffn_size, config.ffn_size)


def qkv_rows(config: ModelConfig) -> tuple[Tensor, ...]:
    """Orders of queries, keys and values whose heads rotate in interleaved pairs, in their first part.

    theirs   x0 y0 x1 y1 | z0 z1 z2 z3         pairs stand side by side, then what stays still
    ours     x0 x1 z0 z1 | y0 y1 z2 z3         number i turns with number i + E/2, or not at all
    """
    first, second, still = _head_rows(config)
    return _rows_of_heads(config, torch.cat((torch.stack((first, second), dim=1).flatten(), still)))


def halved_qkv_rows(config: ModelConfig) -> tuple[Tensor, ...]:
    """The same of heads whose first part rotates in halves.

    theirs   x0 x1 y0 y1 | z0 z1 z2 z3
    ours     x0 x1 z0 z1 | y0 y1 z2 z3
    """
    return _rows_of_heads(config, torch.cat(_head_rows(config)))


def _head_rows(config: ModelConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Our rows of a head: of what turns the first and the second of each pair, and what stays still."""
    size, turning = config.head_dim, turning_size(config.head_dim, config.positions.fraction)
    first, still = torch.arange(turning // 2), torch.arange(turning // 2, size // 2)
    return first, first + size // 2, torch.cat((still, still + size // 2))


def _rows_of_heads(config: ModelConfig, head: Tensor) -> tuple[Tensor, ...]:
    """Every head of queries and keys in the order of `head`, values as they are."""
    size = config.head_dim
    heads = [
        (torch.arange(number)[:, None] * size + head).flatten() for number in (config.num_heads, config.num_kv_heads)
    ]
    return (*heads, torch.arange(config.num_kv_heads * size))
