"""The report of the doctor as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hanlin.base.messages import say
from hanlin.text.doctor.findings import found_sentence, mend_sentence
from hanlin.text.pages.page import page, ranked
from hanlin.text.reasons import measure_text, reason_text
from hanlin.text.records.formats import BY_NAME

_COUNTED = ("languages", "scripts", "encodings", "licences")


def doctor_page(figures: Mapping[str, Any]) -> str:
    """Return the figures of a diagnosis as HTML, in the user's language."""
    findings = [{**one, "sentence": found_sentence(one), "remedy": mend_sentence(one)} for one in figures["findings"]]
    levels = Counter(one["level"] for one in findings)
    uses = ranked(figures["uses"], named=use_text)
    counted = {name: ranked(figures[name], 6 if name == "languages" else 12) for name in _COUNTED}
    return page(
        "doctor.html.jinja",
        paths=figures["paths"],
        looked=figures["looked"],
        recipe=figures["recipe"],
        findings=findings,
        levels=list(levels.items()),
        made_for=uses[0][0] if uses else "",
        uses=uses,
        uses_whole=sum(figures["uses"].values()),
        training=ranked(figures["training_formats"], named=format_text),
        training_whole=sum(figures["training_formats"].values()),
        personal=ranked(figures["personal"], named=lambda kind: say(f"text.personal_{kind}")),
        personal_whole=sum(figures["personal"].values()),
        formats=ranked({name: one["bytes"] for name, one in figures["formats"].items()}),
        broken=ranked(figures["broken_rules"], named=reason_text),
        lengths=figures["lengths"],
        measures=[(measure_text(name), one, one["limits"]) for name, one in figures["measures"].items()],
        **counted,
        **{f"{name}_whole": sum(figures[name].values()) for name in counted},
    )


def use_text(name: str) -> str:
    """Return what rows are made for, in words."""
    return say(f"text.use_{name}")


def format_text(name: str) -> str:
    """Return the name of a format of training data, in words."""
    return BY_NAME[name].title().strip()
