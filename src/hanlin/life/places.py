"""Where things lie: the home folder, and which bundle or run a word of the user means."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hanlin.base.errors import InputError
from hanlin.base.files import read_json
from hanlin.base.log import RunInfo, list_runs

BUNDLE = "bundle"
MARK = "hanlin.json"


def home(environ: Mapping[str, str] | None = None) -> Path:
    """`HANLIN_HOME`, else `~/.hanlin`: what belongs to the user and to no folder of work, such as the demo."""
    given = (os.environ if environ is None else environ).get("HANLIN_HOME")
    return Path(given).expanduser() if given else Path.home() / ".hanlin"


def expanded(path: str | Path) -> Path:
    """A path with `~` filled in."""
    return Path(path).expanduser()


def is_file_name(text: str) -> bool:
    """Whether a text is the name of a file that is there, and not a text that means itself."""
    return len(text) < 1024 and "." in text and "\n" not in text and "\0" not in text and os.path.isfile(text)


def roots(runs: Path) -> list[Path]:
    """The folders that are looked through for runs and models."""
    return [runs, home()]


def is_bundle(path: Path) -> bool:
    """Whether a folder looks like a bundle, our own or a foreign one."""
    return (path / "config.json").is_file() or (path / MARK).is_file()


def list_bundles(places: Sequence[Path]) -> list[Path]:
    """Every bundle of the runs under the given folders, oldest first."""
    depths = ("*", "*/*", "*/*/*", "*/*/*/*")  # runs/recipe/stage/run/bundle
    found = {path.parent for root in places for depth in depths for path in root.glob(f"{depth}/{MARK}")}
    return sorted(found, key=lambda path: ((path / MARK).stat().st_mtime, str(path)))


def find_bundle(word: str | Path, runs: Path = Path("runs")) -> Path:
    """The bundle that a word means: a bundle, a run, a recipe's home, or the (beginning of the) name of one.

    The empty word means the newest. Raises InputError E850 or E851.
    """
    word = str(word)
    if not word:
        bundles = list_bundles(roots(runs))
        if not bundles:
            raise InputError("life.no_models", runs=runs, home=home())
        return bundles[-1]
    for place in (Path(word).expanduser(), *(root / word for root in roots(runs))):
        if found := _bundle_of(place):
            return found
    named = [bundle for bundle in list_bundles(roots(runs)) if bundle.parent.name.startswith(word)]
    if named:
        return named[-1]
    raise InputError("life.no_model", model=word, near=_near(word, roots(runs)))


def _bundle_of(place: Path) -> Path | None:
    if is_bundle(place):
        return place
    if is_bundle(place / BUNDLE):
        return place / BUNDLE
    return outcome_of(place)


def outcome_of(life: Path) -> Path | None:
    """The bundle that a recipe in its home came to; None where it has not come so far."""
    path = life / "recipe.json"
    bundle = read_json(path).get("bundle") if path.is_file() else None
    return Path(bundle) if bundle and is_bundle(Path(bundle)) else None


def name_of(bundle: Path) -> str:
    """What the user types to mean a bundle: the recipe that came to it, else its run, else its own name."""
    if bundle.name != BUNDLE:
        return bundle.name
    lives = bundle.resolve().parents[2:3]  # home/stage/run/bundle
    came_to = [outcome for outcome in map(outcome_of, lives) if outcome and outcome.resolve() == bundle.resolve()]
    return lives[0].name if came_to else bundle.resolve().parent.name


def _near(word: str, places: Sequence[Path]) -> str:
    """The names that come closest, for the sentence; "-" where there is none at all."""
    names = [bundle.parent.name if bundle.name == BUNDLE else bundle.name for bundle in list_bundles(places)]
    return ", ".join(difflib.get_close_matches(word, names, n=3, cutoff=0.3) or names[-3:]) or "-"


def every_run(runs: Path) -> list[RunInfo]:
    """The runs of a folder, of HANLIN_HOME, and of the recipes in them, oldest first."""
    found = {info.folder.resolve(): info for root in roots(runs) for info in _runs(root)}
    return sorted(found.values(), key=lambda info: info.created)


def _runs(root: Path) -> Iterator[RunInfo]:
    """Runs lie beside each other; a recipe keeps those of its stages two floors down."""
    for folder in (root, *(path.parent for path in sorted(root.glob("*/stages")))):
        yield from list_runs(folder)
        if folder is not root:
            for stage in sorted(path for path in folder.iterdir() if path.is_dir()):
                yield from list_runs(stage)


def find_run(word: str, runs: Path) -> Path:
    """The run that a word means: its folder, or the beginning of its name; the empty word means the newest.

    Raises InputError E852, or E857 where the newest is asked for and there is none.
    """
    if word and (Path(word) / "origin.json").is_file():
        return Path(word)
    named = [info.folder for info in every_run(runs) if info.folder.name.startswith(word)]
    if not named and not word:
        raise InputError("life.no_runs", runs=runs, home=home())
    if not named:
        raise InputError("life.no_run", run=word, runs=runs, home=home())
    return named[-1]
