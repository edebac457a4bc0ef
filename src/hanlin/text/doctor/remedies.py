"""The lines of a recipe that mend what was found: [corpus] settings that `hanlin data build --config` takes.

Only what has a cause is set; every line says why in a comment.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanlin.base.messages import say
from hanlin.base.toml import toml_value
from hanlin.text.doctor.portrait import is_for_training, is_held_out
from hanlin.text.doctor.survey import suffix_of

BOILERPLATE_SHARE = 20
MOST_SOURCES = 40
ROWS = ("jsonl", "json", "csv", "tsv", "table")
"""Forms of files that hold rows."""


@dataclass
class FileFacts:
    """What was learned of one file: `format` only where its name does not tell it."""

    path: str
    size: int
    form: str
    encoding: str = ""
    use: str = "plain"
    kind: str = "text"
    text_field: str = ""
    format: str = ""
    num_texts: int = 0


Found = Mapping[str, Mapping[str, Any]]
"""Findings by their kind, as figures."""


def prescription(
    paths: Sequence[str], files: Sequence[FileFacts], found: Found, num_texts: int, *, is_complete: bool
) -> str:
    """Return the recipe lines as TOML; `is_complete` says whether every file was looked into."""
    sources = list(_sources(paths, files, is_complete))
    lines = ["[corpus]", *sources, *_corpus(found)] if len(sources) > 2 else []
    for table, settings in _tables(files, found, num_texts) if lines else ():
        lines += ["", f"[corpus.{table}]"]
        lines += [f"{name} = {toml_value(value)}    # {why}" for name, value, why in settings]
    chats = [one.path for one in files if one.use == "conversation" and not is_measured(one)]
    if chats:
        data = toml_value(sorted(chats)[:MOST_SOURCES])
        lines += ["", f"[finetune]    # {say('text.why_finetune')}", f"data = {data}"]
    return "\n".join(lines).strip() + "\n"


def _why(reason: str, found: Found, *kinds: str) -> str:
    """Why a line is there, with the first place of what was found, and what stands there where that tells more."""
    examples = [example for kind in kinds if kind in found for example in found[kind]["examples"][:1]]
    place = f" ({examples[0]['place']})" if examples else ""
    quote = f": {examples[0]['text']}" if examples and reason == "mojibake" else ""
    return f"{say(f'text.why_{reason}')}{place}{quote}"


def _corpus(found: Found) -> Iterator[str]:
    if {"tiny_text", "empty_file"} & found.keys():
        yield f"min_chars = 20    # {_why('min_chars', found, 'tiny_text', 'empty_file')}"
    copies = ("duplicate_rows", "duplicate_files")
    yield f"dedup = true{_comment('dedup', found, *copies) if found.keys() & set(copies) else ''}"


def _comment(reason: str, found: Found, *kinds: str) -> str:
    return f"    # {_why(reason, found, *kinds)}"


Setting = tuple[str, Any, str]
_EVENED = {
    "mojibake": ("mojibake",), "invisible_characters": ("mark",), "line_ends": ("line_ends",),
    "control_characters": ("nul_bytes", "control_characters"),
}  # fmt: skip
"""Settings of normalising, and what they mend."""
_RULES = {"html_debris": ("html_debris",), "watermarks": ("watermark",)}
_POOR = ("poor_text", "repetition")


def _tables(files: Sequence[FileFacts], found: Found, num_texts: int) -> Iterator[tuple[str, list[Setting]]]:
    """Sections of the corpus settings with what is to be set in each, and why."""
    evened = [(name, True, _why(name, found, *kinds)) for name, kinds in _EVENED.items() if found.keys() & set(kinds)]
    if evened:
        yield "normalise", evened
    rules: list[Setting] = [
        (name, True, _why(name, found, *kinds)) for name, kinds in _RULES.items() if found.keys() & set(kinds)
    ]
    if rules or found.keys() & {*_POOR}:
        yield "rules", [("preset", "hanlin", _why("preset", found, *_POOR)), *rules]
    if "personal" in found:
        yield "privacy", [("action", "mask", _why("mask", found, "personal"))]
    if "near_duplicates" in found:
        yield "near_dup", [("action", "drop", _why("near_dup", found, "near_duplicates"))]
    if "boilerplate" in found:
        most = max(5, num_texts // BOILERPLATE_SHARE)
        yield "lines", [("boilerplate", most, _why("boilerplate", found, "boilerplate"))]
    measured = sorted(one.path for one in files if is_measured(one))
    if {"leaked_rows", "evaluation_rows"} & found.keys() and measured:
        yield "against", [("paths", measured[:MOST_SOURCES], _why("against", found))]


# ---------------------------------------------------------------- sources


Settings = tuple[tuple[str, Any], ...]
_PATTERN = re.compile(r"[*?\[]")


def _sources(paths: Sequence[str], files: Sequence[FileFacts], is_complete: bool) -> Iterator[str]:
    """The sources: the paths as they are, or patterns and files where those of one folder need different settings."""
    listed = [
        {"path": place, **dict(settings)}
        for path in paths
        for place, settings in _of_path(path, [one for one in files if _is_below(one.path, path)], is_complete)
    ]
    yield "sources = ["
    yield from (f"    {toml_value(source)}," for source in listed)
    yield "]"


def _is_below(file: str, path: str) -> bool:
    place = Path(path).expanduser()
    return Path(file) == place or place in Path(file).parents or not place.exists()


def _of_path(path: str, files: Sequence[FileFacts], is_complete: bool) -> Iterator[tuple[str, Settings]]:
    usable = [one for one in files if one.form != "binary"]
    wanted = {_settings(one) for one in usable}
    if None in wanted and len(wanted) == 1:
        return
    if len(wanted) <= 1 or not Path(path).expanduser().is_dir():
        yield path, next((settings for settings in wanted if settings), ())
        return
    by_suffix: dict[str, list[FileFacts]] = {}
    for one in usable:
        by_suffix.setdefault(suffix_of(one.path).removeprefix("-"), []).append(one)
    for suffix, group in sorted(by_suffix.items()):
        yield from _of_suffix(Path(path), suffix, group, is_complete)


def _of_suffix(root: Path, suffix: str, files: list[FileFacts], is_complete: bool) -> Iterator[tuple[str, Settings]]:
    """One pattern for all files of a suffix; file by file where they differ, or where a pattern would take others."""
    wanted = Counter(_settings(one) for one in files)
    common = wanted.most_common(1)[0][0]
    has_pattern = suffix and not _PATTERN.search(str(root))
    if has_pattern and (len(wanted) == 1 or not is_complete or len(files) > MOST_SOURCES):
        if common is not None:
            yield f"{root}/**/*{suffix}", common
        return
    for one in sorted(files, key=lambda one: one.path):
        if (settings := _settings(one)) is not None:
            yield one.path, (("name", root.name), *settings)  # one source: lines they share are looked for within it


def _settings(one: FileFacts) -> Settings | None:
    """What a source of this file has to say beyond its path; None for files that are no text to learn from."""
    if one.use not in ("plain", "classified", "other") or is_measured(one):
        return None
    kind = "web" if one.form == "html" else one.kind
    found: list[tuple[str, Any]] = [("kind", kind)] if kind != "text" else []
    if one.format:
        found.append(("format", one.format))
    if one.form in ROWS and one.text_field not in ("", "text"):
        found.append(("text_field", one.text_field))
    return tuple(found)


def is_measured(one: FileFacts) -> bool:
    """Whether a file of rows is kept for measuring, by its name or by what its rows look like."""
    return one.form in ROWS and (one.use == "evaluation" or is_held_out(one.path)) and not is_for_training(one.path)
