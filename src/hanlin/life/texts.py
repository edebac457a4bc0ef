"""Texts that a command is given: built corpora, files and folders, read as often as the command needs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hanlin.base.messages import say
from hanlin.life.places import expanded
from hanlin.text.corpus import MANIFEST, read_corpus
from hanlin.text.document import Document, Dropped
from hanlin.text.readers import nothing_readable, read_documents


class Texts:
    """The documents of some paths: of a built corpus one part, of files and folders all. Called, it reads them anew.

    What could not be read is kept in `dropped`, once for each place however often it is met.
    """

    def __init__(self, paths: Sequence[str | Path], *, part: str = "train") -> None:
        self.paths, self.part = [expanded(path) for path in paths], part
        self.dropped: dict[tuple[str, str], Dropped] = {}

    def __call__(self) -> Iterator[Document]:
        """Yield the documents. Raises InputError for a path without files, a damaged corpus, or where no text is."""
        num_documents = 0
        for path in self.paths:
            for document in (
                read_corpus(path, self.part) if is_corpus(path) else read_documents(path, on_drop=self._drop)
            ):
                num_documents += 1
                yield document
        if not num_documents:
            first = next(iter(self.dropped.values()), None)
            raise nothing_readable(map(str, self.paths), first, len(self.dropped))

    @property
    def corpora(self) -> list[Path]:
        """Those of the paths that are built corpora."""
        return [path for path in self.paths if is_corpus(path)]

    def lines(self) -> Iterator[str]:
        """What could not be read, for people."""
        if self.dropped:
            first = next(iter(self.dropped.values()))
            yield say("life.dropped", number=len(self.dropped), first=first.location)

    def _drop(self, dropped: Dropped) -> None:
        self.dropped.setdefault((dropped.location, dropped.reason), dropped)


def is_corpus(path: Path) -> bool:
    """Whether a built corpus stands there."""
    return (path / MANIFEST).is_file()
