"""`hanlin infill` and `hanlin fill-mask`: what is missing in a text."""

from __future__ import annotations

from typing import Any

from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.life.load import load
from hanlin.life.reading_config import FillMaskConfig, InfillConfig
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.text.pieces import seen


def infill(config: Given[InfillConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Fill the blanks of a text, or the gap between two. Raises InputError E619, E620, UsageError E621, BundleError."""
    job = settled(InfillConfig, config, settings, first="model").value
    model, params = load(job.model, device=job.device, exact=job.exact, pickles=job.pickles), job.sampling()
    chosen = {name: getattr(params, name) for name in type(params).model_fields}
    found = model.infill(job.text, job.suffix, blank=job.blank, **chosen)
    figures = {"model": str(model.path), "text": found.text, "parts": list(found.parts), "whole": found.is_whole}
    lines = (found.text,) if found.is_whole else (found.text, say("life.filled_in_part", max_tokens=job.max_tokens))
    return Report("infill", None, figures, lines)


def fill_mask(config: Given[FillMaskConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """The likeliest words for every mask of a text. Raises UsageError E611, InputError E612, RequestTooLong."""
    job = settled(FillMaskConfig, config, settings, first="model").value
    model = load(job.model, device=job.device, exact=job.exact, pickles=job.pickles)
    guesses = model.fill_mask(job.text, top=job.top)
    columns = tuple(say(f"life.column_{name}") for name in ("mask", "token", "probability"))
    cells = tuple(
        (str(number), seen(guess.token), f"{guess.probability:.4f}")
        for number, row in enumerate(guesses, start=1)
        for guess in row
    )
    figures = [
        [{"token": one.token, "id": one.token_id, "probability": one.probability} for one in row] for row in guesses
    ]
    return Report("fill-mask", None, {"model": str(model.path), "masks": figures}, (), (Table("", columns, cells),))
