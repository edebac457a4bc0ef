"""Who computes for which model."""

from __future__ import annotations

from hanlin.infer.asking import AskingRunner
from hanlin.infer.blocks import BlockTables
from hanlin.infer.native import NativeRunner, supports
from hanlin.infer.reading import EncodingRunner, PrefixRunner
from hanlin.infer.runner import Runner, TorchRunner
from hanlin.model.transformer import Transformer, TwoStream

_READING: dict[str, type[TorchRunner]] = {"encoder_decoder": EncodingRunner, "prefix": PrefixRunner}


def make_runner(model: Transformer, tables: BlockTables, *, native: bool) -> Runner:
    """The compiled decoder where it is wanted and can be, else torch in the way of the model's shape."""
    if native and supports(model):
        return NativeRunner(model, tables)
    if isinstance(model, TwoStream):
        return AskingRunner(model)
    return _READING.get(model.config.arch, TorchRunner)(model, tables)
