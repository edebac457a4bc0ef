"""The plan of a run whose text is not tokens yet: all but the number of positions is as it will be."""

from __future__ import annotations

from hanlin.bundle.bundle import read_info
from hanlin.model.config import ModelConfig
from hanlin.text.config import TokenizerConfig
from hanlin.text.purposes import PURPOSES
from hanlin.text.tokenizer import Tokenizer
from hanlin.text.tokenizer_train import train_tokenizer
from hanlin.train.config import PretrainConfig
from hanlin.train.estimate import Estimate
from hanlin.train.forecast import estimated
from hanlin.train.kinds import KINDS, check_shape, check_tokenizer, form_of, row_length
from hanlin.train.passages import passage
from hanlin.train.plan import Plan
from hanlin.train.pretrain import fresh_shape, machine_speed, settle_plan
from hanlin.train.session import loop_settings, machine

LETTERS = 400
"""Entries of a vocabulary that only frames texts: every byte, and as many control tokens as a purpose has."""


def sketch(config: PretrainConfig, *, vocab_size: int, num_positions: int) -> tuple[Plan, PretrainConfig, Estimate]:
    """A plan, the settings it settles, and what they take, of text of about so many tokens.

    `vocab_size` is that of the vocabulary to be trained; one that is given, or a parent's, decides instead. The speed
    is that of a stand-in. Raises ConfigError, InputError, BundleError.
    """
    device, dtype = machine(config)
    given = config.tokenizer or config.from_bundle
    tokenizer = _framing(config) if given is None else Tokenizer.load(given)
    vocab_size = vocab_size if given is None else tokenizer.vocab_size
    check_tokenizer(config, tokenizer)
    shape = _parent_shape(config)
    if shape is None:
        shape = fresh_shape(config, tokenizer, num_positions, vocab_size=vocab_size, device=device, dtype=dtype)
    plan = settle_plan(config, shape, num_positions, continued=config.from_bundle is not None)
    settled = plan.settled(config)
    assert settled.tokens_per_step is not None
    positions = round(settled.epochs * num_positions) if settled.epochs else None
    row = passage(shape, form_of(settled, tokenizer, shape), row_length(settled))
    estimate = estimated(
        settled,
        shape,
        row,
        rows=settled.tokens_per_step // row_length(settled),
        dtype=dtype,
        device=device,
        updates=loop_settings(settled, num_positions=positions).horizon.updates,
        speed=machine_speed(vocab_size, device=device, dtype=dtype),
    )
    return plan, settled, estimate


def _framing(config: PretrainConfig) -> Tokenizer:
    """A vocabulary of single letters with the control tokens of the objective: it frames texts as the real one will."""
    purpose = KINDS[config.objective].purpose
    entries = LETTERS + len(PURPOSES[purpose].tokens)
    return train_tokenizer(["a b"], TokenizerConfig(vocab_size=entries, purpose=purpose), on_note=lambda note: None)


def _parent_shape(config: PretrainConfig) -> ModelConfig | None:
    if config.from_bundle is None:
        return None
    shape = read_info(config.from_bundle, pickles=config.pickles).config
    check_shape(config, shape)
    return shape
