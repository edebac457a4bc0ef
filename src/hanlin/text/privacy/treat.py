"""Personal data in a corpus: counted, masked, or a reason to drop a document; and told without telling any of it.

An example in a report shows where a finding stood and its shape, every letter and digit a star: `***-****-****` for
138-0013-8000. What other rules quote of a document is masked too, as soon as anything is looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hanlin.base.messages import say
from hanlin.text.config import PrivacyConfig
from hanlin.text.privacy.find import counted, find_personal, mask_personal, masked
from hanlin.text.privacy.span import Span

_LONGEST_SHAPE = 40


class Privacy:
    """What PrivacyConfig asks for, applied to one text after the other, and the figures of all of them.

    `figures` holds the action, `documents` with any finding, `kinds` (findings by kind, those of dropped documents
    included) and up to `max_examples` of each kind in `examples`: kind, location, character (from 1) and shape.
    """

    def __init__(self, config: PrivacyConfig, max_examples: int = 3) -> None:
        self.config, self.max_examples = config, max_examples
        self.figures: dict[str, Any] = {"action": config.action, "documents": 0, "kinds": {}, "examples": {}}

    def treated(self, text: str, location: str) -> tuple[str, str]:
        """Return the text as it is kept, and, where it is to be dropped, how much was found ("mobile 12, email 3")."""
        if self.config.action == "none":
            return text, ""
        found = find_personal(text, self.config.kinds, private_addresses=self.config.private_addresses)
        self._count(found, location)
        if self.config.drop_above is not None and len(found) > self.config.drop_above:
            return text, _in_words(counted(found))
        return (masked(text, found, self.config.placeholder) if self.config.action == "mask" else text), ""

    def shown(self, example: str) -> str:
        """Return what a report may quote."""
        if self.config.action == "none":
            return example
        return mask_personal(example, self.config.kinds, private_addresses=self.config.private_addresses)[0]

    def _count(self, found: list[Span], location: str) -> None:
        self.figures["documents"] += bool(found)
        for kind, number in counted(found).items():
            self.figures["kinds"][kind] = self.figures["kinds"].get(kind, 0) + number
        for span in found:
            examples = self.figures["examples"].setdefault(span.kind, [])
            if len(examples) < self.max_examples:
                examples.append({"location": location, "character": span.start + 1, "shape": shape_of(span.text)})


def shape_of(text: str) -> str:
    """Return a text with a star for every letter and digit, at most 40 characters of it."""
    return "".join("*" if sign.isalnum() else sign for sign in text[:_LONGEST_SHAPE]).replace("\n", " ")


def personal_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the figures of a corpus in the user's language; nothing where nothing was found."""
    if figures["kinds"]:
        documents = f"{figures['documents']:,}"
        counts = ", ".join(f"{say(f'text.personal_{kind}')} {number:,}" for kind, number in figures["kinds"].items())
        yield say(f"text.report_personal_{figures['action']}", counts=counts, documents=documents)
    for kind, examples in figures["examples"].items():
        for example in examples[:1]:
            yield say("text.report_personal_example", kind=say(f"text.personal_{kind}"), **example)


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {number:,}" for kind, number in counts.items())
