"""Opening a model: whatever the user names, loaded on the right device in the right number type."""

from __future__ import annotations

from pathlib import Path

from hanlin.base.device import compute_dtype, pick_device
from hanlin.base.errors import InputError
from hanlin.bundle.bundle import Bundle, load_bundle
from hanlin.bundle.hub import fetch, model_name
from hanlin.life.places import find_bundle


def open_bundle(word: str | Path, *, device: str = "auto", exact: bool = False, pickles: bool = False) -> Bundle:
    """Load the bundle that a word means, with a tokenizer. `exact` computes in float32 whatever the processor can.

    Raises InputError (E850, E851, E854), BundleError, MachineError, NetworkError.
    """
    bundle = open_weights(word, device=device, exact=exact, pickles=pickles)
    if bundle.tokenizer is None:
        raise InputError("life.no_tokenizer", path=bundle.path)
    return bundle


def open_weights(word: str | Path, *, device: str = "auto", exact: bool = False, pickles: bool = False) -> Bundle:
    """As `open_bundle`, where a foreign folder without a tokenizer will do: its model takes and gives ids."""
    where = pick_device(device)
    dtype = compute_dtype(where, "float32" if exact else "auto")
    folder = find_model(word, pickles=pickles)
    return load_bundle(folder, device=where, compute_dtype=dtype, pickles=pickles, masters=False)


def find_model(word: str | Path, *, pickles: bool = False) -> Path:
    """The folder of what a word means: a place on this machine before anything else, then a model of a hub, fetched.

    A word that begins with a folder that is there is a path, although nothing may stand at its end: its owner mistyped
    it, and no hub should hear of it. Raises InputError E851, and what `hub.fetch` raises.
    """
    name = model_name(str(word))
    try:
        return find_bundle(word)
    except InputError:
        if name is None or Path(name.name.partition("/")[0]).exists():
            raise
    return fetch(name, pickles=pickles)
