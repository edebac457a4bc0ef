"""Personal data in a corpus: counted, masked, or a reason to drop a document; and told without telling any of it.

An example in a report shows where a finding stood and its shape, every letter and digit a star: `***-****-****` for
138-0013-8000. What other rules quote of a document is masked too, as soon as anything is looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hanlin.base.messages import say
from hanlin.text.config import PrivacyConfig
from hanlin.text.privacy.find import find_personal, mask_personal, masked
from hanlin.text.privacy.span import Span

_LONGEST_SHAPE = 40
_QUOTES = ("text", "passage")

Personal = Mapping[str, tuple[int, int, str]]
"""What was found in a text: of each kind the number, and of the first one the character it begins at (from 1) and its
shape. It can stand in a record, since it holds nothing of anybody."""


def treated(text: str, config: PrivacyConfig) -> tuple[str, Personal]:
    """Return the text as it may be kept, and what was found in it.

    A text with more than `drop_above` findings is masked as well: it is dropped, and must not lie beside the corpus.
    """
    if config.action == "none":
        return text, {}
    spans = find_personal(text, config.kinds, private_addresses=config.private_addresses)
    found = _summed_up(spans)
    if config.action == "mask" or is_too_much(found, config):
        text = masked(text, spans, config.placeholder)
    return text, found


def is_too_much(found: Personal, config: PrivacyConfig) -> bool:
    """Whether a document with these findings is dropped."""
    return config.drop_above is not None and total(found) > config.drop_above


def total(found: Personal) -> int:
    """Return the number of findings of all kinds."""
    return sum(number for number, _, _ in found.values())


def _summed_up(spans: list[Span]) -> dict[str, tuple[int, int, str]]:
    """The kinds by name, so that a record does not depend on how they are ranked."""
    found: dict[str, tuple[int, int, str]] = {}
    for span in reversed(spans):
        number = found[span.kind][0] if span.kind in found else 0
        found[span.kind] = (number + 1, span.start + 1, shape_of(span.text))
    return dict(sorted(found.items()))


class Privacy:
    """What is told of personal data: the figures of all documents, and quotes that tell of nobody.

    `figures` holds the action, `documents` with any finding, `kinds` (findings by kind, those of dropped documents
    included) and up to `max_examples` documents for each kind in `examples`: location, character (from 1) and shape.
    """

    def __init__(self, config: PrivacyConfig, max_examples: int = 3) -> None:
        self.config, self.max_examples = config, max_examples
        self.figures: dict[str, Any] = {"action": config.action, "documents": 0, "kinds": {}, "examples": {}}

    def count(self, found: Personal, location: str, *, is_new: bool = True) -> None:
        """Count what was found in one document; one of which more is found later is not `is_new`."""
        self.figures["documents"] += bool(found) and is_new
        for kind, (number, character, shape) in found.items():
            self.figures["kinds"][kind] = self.figures["kinds"].get(kind, 0) + number
            examples = self.figures["examples"].setdefault(kind, [])
            if len(examples) < self.max_examples:
                examples.append({"location": location, "character": character, "shape": shape})

    def shown(self, example: str) -> str:
        """Return what a report may quote."""
        if self.config.action == "none":
            return example
        return mask_personal(example, self.config.kinds, private_addresses=self.config.private_addresses)[0]

    def shown_in(self, figures: Any) -> Any:
        """Return figures of other steps with the texts they quote as a report may show them."""
        if isinstance(figures, list):
            return [self.shown_in(item) for item in figures]
        if isinstance(figures, dict):
            return {
                name: self.shown(value) if name in _QUOTES and isinstance(value, str) else self.shown_in(value)
                for name, value in figures.items()
            }
        return figures


def shape_of(text: str) -> str:
    """Return a text with a star for every letter and digit, at most 40 characters of it."""
    return "".join("*" if sign.isalnum() else sign for sign in text[:_LONGEST_SHAPE]).replace("\n", " ")


def personal_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the figures of a corpus in the user's language; nothing where nothing was found."""
    if figures["kinds"]:
        documents = f"{figures['documents']:,}"
        counts = kinds_in_words(figures["kinds"])
        yield say(f"text.report_personal_{figures['action']}", counts=counts, documents=documents)
    for kind, examples in figures["examples"].items():
        for example in examples[:1]:
            yield say("text.report_personal_example", kind=say(f"text.personal_{kind}"), **example)


def kinds_in_words(numbers: Mapping[str, int]) -> str:
    """Return how many of each kind there are, in the user's language."""
    return ", ".join(f"{say(f'text.personal_{kind}')} {number:,}" for kind, number in numbers.items())


def in_words(found: Personal) -> str:
    """Return findings in short: "email 3, mobile 12"."""
    return ", ".join(f"{kind} {number:,}" for kind, (number, _, _) in found.items())
