"""Why a document was dropped, in the user's language: a fixed reason, or a threshold it lies beyond."""

from __future__ import annotations

from hanlin.base.messages import room_entries, say
from hanlin.text.rules.presets import is_threshold


def reason_text(reason: str) -> str:
    """Return the sentence of a reason by its name."""
    if not is_threshold(reason, 0):
        return say(f"text.drop_{reason}")
    bound, _, measure = reason.partition("_")
    return say(f"text.beyond_{bound}", measure=measure_text(measure), name=reason)


def measure_text(measure: str) -> str:
    """Return what a measure counts, in words."""
    return say(f"text.measure_{measure}")


def collected_text(reason: str) -> str:
    """Return why something was not collected: the collector's own reason, or that of the reader of a file."""
    key = f"text.refused_{reason}"
    return say(key) if key in room_entries("text") else reason_text(reason)
