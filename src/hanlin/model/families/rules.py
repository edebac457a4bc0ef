"""Weight names as data: one rule per parameter of ours says which tensors of a foreign file hold it, and how.

A rule turns a parameter into views: cut by rows, transposed. Export reads the views, import writes through them, so
one table serves both ways, no fused weight is ever put together in a second copy, and import after export gives back
every bit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from hanlin.model.config import ModelConfig

Parts = Callable[[ModelConfig], tuple[int, ...]]


@dataclass(frozen=True)
class Rule:
    """One parameter of ours, in a pattern where {n} is a layer's number and {name} anything.

    theirs: the foreign tensors that hold it, one below the other (rows).
    parts: rows of each, where there are several.
    transposed: they are stored as (in, out), not (out, in).
    """

    ours: str
    theirs: tuple[str, ...]
    parts: Parts | None = None
    transposed: bool = False

    def match(self, name: str) -> tuple[str, ...] | None:
        """Foreign names of our parameter `name`, or None where the rule is not about it."""
        pattern = re.escape(self.ours).replace(r"\{n\}", r"(?P<n>\d+)").replace(r"\{name\}", "(?P<name>.+)")
        found = re.fullmatch(pattern, name)
        return None if found is None else tuple(their.format(**found.groupdict()) for their in self.theirs)

    def views(self, tensor: Tensor, config: ModelConfig) -> list[Tensor]:
        """Our parameter as the foreign tensors see it."""
        pieces = [tensor] if self.parts is None else list(tensor.split(self.parts(config)))
        return [piece.T if self.transposed else piece for piece in pieces]


def foreign_views(tensors: Mapping[str, Tensor], rules: Sequence[Rule], config: ModelConfig) -> dict[str, Tensor]:
    """Our parameters under foreign names, every one a view of ours. The first rule that fits a name wins."""
    views: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        rule, theirs = _find(name, rules)
        views.update(zip(theirs, rule.views(tensor, config), strict=True))
    return views


def _find(name: str, rules: Sequence[Rule]) -> tuple[Rule, tuple[str, ...]]:
    for rule in rules:
        if (theirs := rule.match(name)) is not None:
            return rule, theirs
    raise AssertionError(f"no rule for parameter {name}: the family's table is incomplete")


def qkv_parts(config: ModelConfig) -> tuple[int, ...]:
    """Rows of queries, keys and values in the fused projection."""
    rows = config.num_kv_heads * config.head_dim
    return (config.num_heads * config.head_dim, rows, rows)


def gate_up_parts(config: ModelConfig) -> tuple[int, ...]:
    """Rows of gate and up in the fused projection."""
    return (config.ffn_size, config.ffn_size)
