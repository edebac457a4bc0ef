"""Look at any folder or file: what it is, what is wrong with it, and the lines of a recipe that mend it.

    survey      paths -> every file's name and size                                 a third of the time
    look        drawn files -> bytes, rows, texts of each
    glance      all other files, briefly; then what was left out of any; until the time is up
    settle      duplicates, repeated lines, watermarks among all texts
    prescribe   findings -> [corpus] of a recipe

A file that cannot be read is a finding like any other. What was looked at, and how closely, is told in numbers.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanlin.base.messages import say
from hanlin.base.progress import Progress
from hanlin.text.config import DiagnosisConfig
from hanlin.text.doctor.examination import Examination
from hanlin.text.doctor.findings import Finding, Findings, found_sentence
from hanlin.text.doctor.glance import Glance, glance_at
from hanlin.text.doctor.portrait import TEXT_CHARS, Portrait, Text
from hanlin.text.doctor.remedies import prescription
from hanlin.text.doctor.survey import Survey, survey
from hanlin.text.doctor.sweep import check, lines_between
from hanlin.text.files import is_packed
from hanlin.text.pages.bins import size_bins

FORMAT = 2
SHOWN_MEASURES = ("letters", "common_words", "punct_lines", "mean_line_chars", "dup_line_chars", "symbols")
SURVEY_SHARE = 0.3
LOOK_SHARE = 0.45
SETTLE_SHARE = 0.12
"""Of the time: until when files are listed and looked at closely; what is kept for looking at all texts together."""
PATIENCE = 3
CHARS_PER_SECOND = 1_500_000
MOSTLY_SEEN = 4
"""Times as much text as was looked at, below which what was looked at is taken for all."""
LEAST_CLOSE, LEAST_BYTES, MOST_BYTES = 10_000, 1 << 20, 16 << 20
"""Of one file: characters looked at closely, bytes read."""
FILES_BEFORE_TEXTS = 12
"""Files that are read before their texts are looked at closely: what bytes and rows tell is told at once."""
ENOUGH_TEXTS = 400
"""Texts that tell what a folder is like; from then on the time goes to more files: of each an even share of so many
texts, a text of every fourth where there are more files."""
MOST_COMPARED = 2000
"""Files with a size that others have, looked at for equal content."""


@dataclass(frozen=True)
class Diagnosis:
    """What was found, as figures ready for JSON; `recipe` is TOML that `hanlin data build --config` takes."""

    figures: dict[str, Any]
    recipe: str


def diagnose(config: DiagnosisConfig, *, leave_out: Path | None = None, progress: Progress | None = None) -> Diagnosis:
    """Look at the paths for about `config.seconds`. Raises InputError where nothing stands at one of them."""
    doctor = _Doctor(config, progress or Progress("none"))
    doctor.survey(leave_out)
    doctor.look()
    doctor.glance()
    doctor.settle()
    return doctor.diagnosis()


class _Doctor:
    """One examination of all there is."""

    def __init__(self, config: DiagnosisConfig, progress: Progress) -> None:
        self.config, self.progress = config, progress
        self.begun, self.begun_working = time.monotonic(), time.process_time()
        self.findings = Findings(config.max_examples, self._told)
        self.portrait = Portrait(self.findings)
        self.examined = Examination(self.findings, self._take, lambda: self._is_late(LOOK_SHARE))
        self.found = Survey()
        self.waiting: list[tuple[int, Text]] = []
        self.glances: list[Glance] = []
        self.close, self.share = MOST_BYTES, 0

    def _told(self, finding: Finding) -> None:
        place = finding.examples[0].place if finding.examples else ""
        self.progress.note(f"{found_sentence(finding.figures())} {place}".strip())

    def _is_late(self, share: float = 1 - SETTLE_SHARE) -> bool:
        """Whether a share of the time is over.

        On a machine that is busy with other work the time is stretched, up to PATIENCE times, rather than next to
        nothing looked at.
        """
        seconds = self.config.seconds * share
        passed, worked = time.monotonic() - self.begun, time.process_time() - self.begun_working
        return 0 < seconds < passed and (worked > seconds / 2 or passed > PATIENCE * seconds)

    def survey(self, leave_out: Path | None) -> None:
        """List the files."""
        self.progress.start(say("text.doctor_listing"))
        seconds = self.config.seconds * SURVEY_SHARE
        self.found = survey(self.config.paths, self.findings, seconds=seconds, leave_out=leave_out)
        self.progress.done(self.found.num_files)

    def look(self) -> None:
        """Look into the drawn files closely, until it is time to see the others; without a limit of time, into all."""
        drawn = [*self.found.drawn(), *([] if self.config.seconds else self.found.others)]
        chars = int(self.config.seconds * CHARS_PER_SECOND) or 1 << 40
        self.close = min(MOST_BYTES, max(LEAST_CLOSE, chars // max(1, len(drawn))))
        self.share = ENOUGH_TEXTS // max(1, len(drawn))
        self.progress.start(say("text.doctor_looking"), len(drawn))
        for number, (path, size) in enumerate(drawn):
            if self._is_late(LOOK_SHARE):
                break
            self.examined.look_at(path, size, max(LEAST_BYTES, self.close))
            self.progress.update(number + 1)
            if number % FILES_BEFORE_TEXTS == FILES_BEFORE_TEXTS - 1:
                self._look_closely()
        self._look_closely()
        self.progress.done(len(self.examined.files))

    def glance(self) -> None:
        """Look briefly at every file that was not looked into, then go through what slices of large ones left out."""
        looked = {facts.path for facts in self.examined.files}
        others = [one for one in (*self.found.drawn(), *self.found.others) if one[0] not in looked]
        self.progress.start(say("text.doctor_glancing"), len(others))
        for path, size in sorted(others, key=lambda one: is_packed(Path(one[0]))):  # what must be unpacked comes last
            if self._is_late():
                break
            glance = glance_at(path, size, self.findings)
            self.examined.encodings.update([glance.encoding] if glance.encoding else [])
            self.examined.num_bytes += glance.num_bytes
            self.glances.append(glance)
            self.progress.update(len(self.glances))
        self._sweep()
        self.progress.done(len(self.glances))

    def _sweep(self) -> None:
        """Go through what was left out, line by line and at high speed: of files looked into, then of all others."""
        looked = [
            (one.path, one.form, one.encoding, lines_between(one.path, parts)) for one, parts in self.examined.large
        ]
        glanced = ((one.path, one.form, one.encoding, one.stretches()) for one in self.glances)
        for path, form, encoding, stretches in itertools.chain(looked, glanced):
            try:
                for stretch in stretches:
                    check(stretch, form, encoding, self.findings)
                    self.examined.num_bytes += len(stretch.data)
                    if self._is_late():
                        return
            except OSError as error:
                self.findings.add("unreadable", path, str(error))

    def _take(self, texts: list[Text]) -> None:
        """Tell copies among all texts, and set an even sample aside for a close look."""
        new = [one for one in texts if self.portrait.is_new(one)]
        size = sum(min(len(one.text), TEXT_CHARS) for one in new)
        step = max(1, -(-size // self.close))
        if self.config.seconds and self.portrait.num_texts + len(self.waiting) >= ENOUGH_TEXTS:
            most = self.share or int(len(self.examined.files) % 4 == 0)
            new, step = (new, max(step, -(-len(new) // most))) if most else ([], 1)
        self.waiting += enumerate(new[::step])

    def _look_closely(self) -> None:
        """Look at the texts of the last few files, at one at least: at the first of each, then at the second ones."""
        for number, (_, one) in enumerate(sorted(self.waiting, key=lambda waiting: waiting[0])):
            if number and self._is_late(LOOK_SHARE):
                break
            self.portrait.add(one)
        self.waiting.clear()

    # ------------------------------------------------------------ all files

    def settle(self) -> None:
        """Look at all texts together, and for equal files."""
        self.progress.note(say("text.doctor_comparing"))
        for one, other in _equal_files(self.found.sizes.values()):
            self.findings.add("duplicate_files", other, f"= {one}")
        self.portrait.settle()
        if not self.found.licences and not self.examined.licences:
            self.findings.add("no_licence", ", ".join(self.config.paths), number=self.found.num_files)

    def diagnosis(self) -> Diagnosis:
        """Everything as figures, and the recipe."""
        findings = [finding.figures() for finding in self.findings]
        files, num_empty = self.examined.files, self.findings.number("empty_file")
        recipe = prescription(
            self.config.paths, files, {one["kind"]: one for one in findings}, self._num_texts,
            is_complete=len(files) == self.found.num_files - num_empty,
        )  # fmt: skip
        return Diagnosis({**self._looked(), **self._what(), "findings": findings, "recipe": recipe}, recipe)

    @property
    def _num_texts(self) -> int:
        """How many texts there are, which a corpus counts all of; where few of them were looked at, about.

        Sizes of files count what stands around texts too, and packed ones as packed: so only where it matters.
        """
        seen = self.portrait.num_texts
        about = round(self.found.num_bytes * seen / max(1, self.portrait.num_bytes))
        return about if about > MOSTLY_SEEN * seen else seen

    def _looked(self) -> dict[str, Any]:
        """How much was looked at: closely, briefly, and by name and size alone (empty files are not among those)."""
        num_files, num_empty = self.found.num_files, self.findings.number("empty_file")
        looked = {
            "files": len(self.examined.files), "glanced": len(self.glances), "of_files": num_files,
            "unseen": num_files - num_empty - len(self.examined.files) - len(self.glances),
            "bytes": min(self.examined.num_bytes, self.found.num_bytes),  # parts of endless lines are read twice
            "of_bytes": self.found.num_bytes, "texts": self.portrait.num_texts,
            "rows": self.examined.num_rows, "is_listed_whole": self.found.is_whole,
            "seconds": round(time.monotonic() - self.begun, 2),
        }  # fmt: skip
        return {"format": FORMAT, "paths": list(self.config.paths), "looked": looked}

    def _what(self) -> dict[str, Any]:
        suffixes = sorted(self.found.suffixes.items(), key=lambda item: -item[1].bytes)
        portrait, examined = self.portrait, self.examined
        return {
            "formats": {name: {"files": one.files, "bytes": one.bytes} for name, one in suffixes},
            "encodings": dict(examined.encodings.most_common()),
            "languages": dict(portrait.languages.most_common()),
            "scripts": dict(portrait.scripts.most_common()),
            "uses": dict(examined.uses.most_common()),
            "training_formats": dict(examined.formats.most_common()),
            "licences": dict(examined.licences.most_common()),
            "licence_files": self.found.licences[:20],
            "personal": dict(portrait.personal.most_common()),
            "lengths": size_bins(portrait.lengths).figures(),
            "measures": {name: portrait.histogram(name) for name in SHOWN_MEASURES if name in portrait.measures},
            "broken_rules": dict(portrait.broken.most_common()),
            "near_duplicates": portrait.num_near,
        }  # fmt: skip


def _equal_files(groups: Iterable[list[str]]) -> Iterator[tuple[str, str]]:
    """Files of one size with the same content, by the first and last 64 KB of it: (the first, another)."""
    candidates = (path for paths in groups if len(paths) > 1 for path in sorted(paths))
    seen: dict[bytes, str] = {}
    for path in itertools.islice(candidates, MOST_COMPARED):
        try:
            first = seen.setdefault(_ends_digest(path), path)
        except OSError:
            continue
        if first != path:
            yield first, path


def _ends_digest(path: str) -> bytes:
    with open(path, "rb") as file:
        head = file.read(1 << 16)
        file.seek(max(0, file.seek(0, 2) - (1 << 16)))
        return hashlib.blake2b(b"%d\n" % file.tell() + head + file.read(), digest_size=16).digest()
