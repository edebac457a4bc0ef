"""Opening a model: whatever the user names, loaded on the right device in the right number type."""

from __future__ import annotations

from pathlib import Path

from hanlin.base.device import compute_dtype, pick_device
from hanlin.base.errors import InputError
from hanlin.bundle.bundle import Bundle, load_bundle
from hanlin.life.places import find_bundle


def open_bundle(word: str | Path, *, device: str = "auto", exact: bool = False) -> Bundle:
    """Load the bundle that a word means, with a tokenizer. `exact` computes in float32 whatever the processor can.

    Raises InputError (E850, E851, E854), BundleError, MachineError.
    """
    where = pick_device(device)
    bundle = load_bundle(
        find_bundle(word), device=where, compute_dtype=compute_dtype(where, "float32" if exact else "auto")
    )
    if bundle.tokenizer is None:
        raise InputError("life.no_tokenizer", path=bundle.path)
    return bundle
