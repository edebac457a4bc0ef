"""The lines of a recipe that mend what was found: [corpus] settings that `hanlin data build --config` takes.

Only what has a cause is set; every line says why in a comment.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanlin.base.messages import say
from hanlin.base.toml import toml_value
from hanlin.text.doctor.portrait import is_for_training, is_held_out
from hanlin.text.doctor.survey import suffix_of

BOILERPLATE_SHARE = 20
MOST_SOURCES = 40


@dataclass
class FileFacts:
    """What was learned of one file: `format` only where its name does not tell it."""

    path: str
    size: int
    form: str
    encoding: str = ""
    use: str = "text"
    kind: str = "text"
    text_field: str = ""
    format: str = ""
    num_texts: int = 0


def prescription(
    paths: Sequence[str], files: Sequence[FileFacts], kinds: Collection[str], num_texts: int, *, is_complete: bool
) -> str:
    """Return the recipe lines as TOML; `is_complete` says whether every file was looked into."""
    sources = list(_sources(paths, files, is_complete))
    lines = ["[corpus]", *sources, *_corpus(kinds)] if len(sources) > 2 else []
    for table, settings in _tables(files, kinds, num_texts) if lines else ():
        lines += ["", f"[corpus.{table}]"]
        lines += [f"{name} = {toml_value(value)}{_why(why)}" for name, value, why in settings]
    chats = [one.path for one in files if one.use in ("conversation", "instruction") and not is_measured(one)]
    if chats:
        lines += ["", f"[finetune]{_why('finetune')}", f"data = {toml_value(sorted(chats)[:MOST_SOURCES])}"]
    return "\n".join(lines).strip() + "\n"


def _why(kind: str) -> str:
    return f"    # {say(f'text.why_{kind}')}" if kind else ""


def _corpus(kinds: Collection[str]) -> Iterator[str]:
    if {"tiny_text", "empty_file"} & set(kinds):
        yield f"min_chars = 20{_why('min_chars')}"
    yield f"dedup = true{_why('dedup') if 'duplicate_rows' in kinds or 'duplicate_files' in kinds else ''}"


Setting = tuple[str, Any, str]


def _tables(files: Sequence[FileFacts], kinds: Collection[str], num_texts: int) -> Iterator[tuple[str, list[Setting]]]:
    """Sections of the corpus settings with what is to be set in each, and why."""
    rules: list[Setting] = []
    if {"poor_text", "repetition", "mojibake", "watermark", "html_debris"} & set(kinds):
        rules.append(("preset", "hanlin", "preset"))
    if "html_debris" in kinds:
        rules.append(("html_debris", True, "html_debris"))
    if "watermark" in kinds:
        rules.append(("watermarks", True, "watermarks"))
    if rules:
        yield "rules", rules
    if "personal" in kinds:
        yield "privacy", [("action", "mask", "mask")]
    if "near_duplicates" in kinds:
        yield "near_dup", [("action", "drop", "near_dup")]
    if "boilerplate" in kinds:
        yield "lines", [("boilerplate", max(5, num_texts // BOILERPLATE_SHARE), "boilerplate")]
    measured = sorted(one.path for one in files if is_measured(one))
    if {"leaked_rows", "evaluation_rows"} & set(kinds) and measured:
        yield "against", [("paths", measured[:MOST_SOURCES], "against")]


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
    if one.use not in ("text", "classification") or is_measured(one):
        return None
    kind = "web" if one.form == "html" else one.kind
    found: list[tuple[str, Any]] = [("kind", kind)] if kind != "text" else []
    if one.format:
        found.append(("format", one.format))
    if one.form in ("jsonl", "csv", "tsv") and one.text_field not in ("", "text"):
        found.append(("text_field", one.text_field))
    return tuple(found)


def is_measured(one: FileFacts) -> bool:
    """Whether a file of rows is kept for measuring, by its name or by what its rows look like."""
    is_rows = one.form in ("jsonl", "json", "csv", "tsv")
    return is_rows and (one.use == "evaluation" or is_held_out(one.path)) and not is_for_training(one.path)
