#!/usr/bin/env python3
"""Set Hanlin up in .venv and start it. Needs nothing but Python; the user's own settings of pip are honoured.

    python3 start.py [words for `hanlin demo`]      install what is missing, then the demo
    python3 start.py test [words for pytest]        install the test tools too, then run the tests
    python3 start.py install                        install all of it and start nothing
    --offline WHEELDIR                              take all packages from a folder, ask no index
    --unlocked                                      do not insist on the tested files of requirements.lock

A start that finds everything installed spends milliseconds here. An interrupted installation is repaired by the next.
"""

# The whole file must parse on old Pythons, which shall get a sentence and no SyntaxError.
import argparse
import hashlib
import json
import locale
import os
import platform
import re
import shutil
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 14)
TORCH, TORCH_CPU_INDEX = "2.13.0", "https://download.pytorch.org/whl/cpu"
GIGABYTES = {"small": 3.0, "large": 9.0}  # need of an installation without and with graphics components, rounded up
ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
BIN = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(BIN, "python")
ACTIVATE = os.path.join(BIN, "activate") if os.name == "nt" else "source " + os.path.join(BIN, "activate")
MARKER = os.path.join(VENV, "hanlin-install.json")
LOCKS = {"runtime": "requirements.lock", "dev": "requirements-dev.lock"}
FAILURES = {
    "disk": "No space left on device|Errno 28",
    "mismatch": "DO NOT MATCH THE HASHES",
    "index": "Connection|Max retries|name resolution|ProxyError|timed out|SSLError|CERTIFICATE",
    "missing": "No matching distribution|Could not find a version",
}
WRONG_PYTHON = (  # all other sentences stand in the catalogue, which an old Python cannot read
    "Hanlin needs Python 3.11 to 3.14; this is Python {found}. {advice}",
    "翰林需要 Python 3.11 至 3.14，当前是 Python {found}。{advice}",
)
FITTING = ("Here is one: start with `{} start.py`.", "本机已有合适的版本：请运行 `{} start.py`。")
INSTALL = ("Install one from your system or python.org.", "请从系统软件源或 python.org 安装。")


def is_chinese() -> bool:
    """Whether the user reads Chinese: HANLIN_LANG, else the locale."""
    names = [os.environ.get(name) for name in ("HANLIN_LANG", "LC_ALL", "LC_MESSAGES", "LANG")]
    name = next((name for name in names if name), None) or (locale.getlocale()[0] if os.name == "nt" else "") or ""
    return name.lower().startswith(("zh", "chinese"))


def tell(text: str) -> None:
    """Print a sentence on stderr, in UTF-8 even where the locale says ASCII."""
    sys.stderr.flush()
    sys.stderr.buffer.write((text + "\n").encode("utf-8"))
    sys.stderr.flush()


def runs(command: "list[str]") -> bool:
    """Run a command without a word and return whether it went well."""
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


if not OLDEST <= sys.version_info[:2] <= NEWEST:  # before the first line that an old Python would stumble over
    names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    fitting = [name for name in names if runs([name, "-c", ""])]  # a name may be there that does not run
    advice = (FITTING if fitting else INSTALL)[is_chinese()].format(*fitting)
    tell(WRONG_PYTHON[is_chinese()].format(found=platform.python_version(), advice=advice))
    sys.exit(4)


def say(key: str, **values: object) -> None:
    """Tell a sentence of the catalogue in the user's language."""
    import tomllib  # absent from the Pythons refused above

    with open(os.path.join(ROOT, "src", "hanlin", "base", "catalogue", "start.toml"), "rb") as file:
        tell(tomllib.load(file)["start." + key]["zh" if is_chinese() else "en"].format(**values))


class Trouble(Exception):
    """An installation that cannot go on: the key of its sentence, an exit code and the sentence's values."""

    def __init__(self, key: str, exit_code: int = 4, **values: object) -> None:
        super().__init__(key)
        self.key, self.exit_code, self.values = key, exit_code, values


def main(words: list[str]) -> int:
    """Install what is missing, then become what was asked for."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--offline", nargs="?", const="")
    parser.add_argument("--unlocked", action="store_true")
    ours, words = parser.parse_known_args(words)
    task = words.pop(0) if words[:1] in (["test"], ["install"]) else "demo"
    parts = ["runtime"] if task == "demo" else ["runtime", "dev"]
    try:
        missing = [part for part in parts if not is_installed(part)]
        if missing:
            install(missing, ours.offline, not ours.unlocked)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except Trouble as trouble:
        say(trouble.key, **trouble.values)
        return trouble.exit_code
    if task == "install":
        say("installed", activate=ACTIVATE)
        return 0
    if task == "test":
        os.chdir(ROOT)
    command = [PYTHON, "-m", "pytest"] if task == "test" else [os.path.join(BIN, "hanlin"), "demo"]
    if os.name == "nt":  # a process cannot become another one there
        return subprocess.call([*command, *words])
    return os.execv(command[0], [*command, *words])


def is_installed(part: str) -> bool:
    """Whether a finished installation was made from the present lock, project, Python and place."""
    try:
        with open(MARKER, encoding="utf-8") as file:
            return bool(json.load(file).get(part) == fingerprint(part))
    except (OSError, ValueError):
        return False


def fingerprint(part: str) -> str:
    """What an installation is made from."""
    digest = hashlib.sha256(repr((ROOT, sys.version_info[:2], TORCH)).encode())
    for name in (LOCKS[part], "pyproject.toml"):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def install(parts: list[str], offline: str | None, locked: bool) -> None:
    """Make the environment and install the missing parts; the marker comes last, so that a cut is seen."""
    if offline is not None and not os.path.isdir(offline):
        raise Trouble("wheeldir", 3, place=offline)
    say("installing", place=VENV)
    has_card = shutil.which("nvidia-smi") is not None or os.path.exists("/proc/driver/nvidia/version")
    need = GIGABYTES["large" if has_card else "small"]
    if free_gigabytes() < need and not os.path.exists(MARKER):  # an older installation already holds most of it
        raise Trouble("disk", place=ROOT, free=free_gigabytes(), need=need)
    pip = make_environment()
    source = ["--no-index", "--find-links", offline] if offline else []
    if "runtime" in parts:
        install_torch(pip, source, has_card)
    for part in parts:
        install_part(pip, source, part, locked)
    done = {part: fingerprint(part) for part in LOCKS if part in parts or is_installed(part)}
    with open(MARKER + ".new", "w", encoding="utf-8") as file:
        json.dump(done, file)
    os.replace(MARKER + ".new", MARKER)


def free_gigabytes() -> float:
    """What the project's disk has left."""
    return shutil.disk_usage(ROOT).free / 1e9


def make_environment() -> list[str]:
    """Make .venv unless a sound one is there, and return the words that call its pip."""
    inside, outside = [PYTHON, "-m", "pip"], [sys.executable, "-m", "pip", "--python", PYTHON]
    version = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]!r})"
    if runs([PYTHON, "-c", version]) and runs([*inside, "--version"]):
        return inside
    make = [sys.executable, "-m", "venv", "--clear", VENV]
    if runs([sys.executable, "-c", "import ensurepip"]) and runs(make):
        return inside
    if runs([*make, "--without-pip"]) and runs([*outside, "--version"]):
        return outside  # this Python has pip, but no ensurepip
    raise Trouble("ensurepip", version="{}.{}".format(*sys.version_info[:2]))


def install_torch(pip: list[str], source: list[str], has_card: bool) -> None:
    """Install torch: its CPU build where no NVIDIA driver is, from the first place that has it."""
    plain, small = f"torch=={TORCH}", f"torch=={TORCH}+cpu"
    tries = [[plain], ["torch>=2.11"]]
    if sys.platform != "darwin" and not has_card:
        tries = [[small], [small, "--extra-index-url", TORCH_CPU_INDEX], *tries]
    if source:
        tries = [words for words in tries if words != [plain] and len(words) == 1]
    unreachable = False
    for words in tries:
        if unreachable and len(words) == 1:  # the same sources as before: no second minute of waiting
            continue
        say("torch", how=" ".join(words))
        if words == [plain] and len(tries) > 2:
            say("large")
        failure = run_pip(pip, [*source, *words])
        if failure is None:
            return
        unreachable = unreachable or (failure == "index" and len(words) == 1)
    raise Trouble(failure if failure == "index" else "other", 5 if failure == "index" else 4, what="torch")


def install_part(pip: list[str], source: list[str], part: str, locked: bool) -> None:
    """Install the files of one lock, or the ranges of pyproject.toml where the lock does not fit."""
    lock = os.path.join(ROOT, LOCKS[part])
    with open(lock, encoding="utf-8") as file:
        covered = file.read().split("# holds for: ")[1].splitlines()[0].split()
    why = "--unlocked" if not locked else "" if platform_name() in covered else platform_name()
    failure = "missing" if why else run_pip(pip, [*source, "--require-hashes", "--no-deps", "-r", lock])
    project = [*source, "--no-build-isolation", "--editable"]
    if failure == "missing":
        say("ranges", what=LOCKS[part], why=why or platform_name())
        failure = run_pip(pip, [*source, "hatchling>=1.27", "editables"])
        failure = failure or run_pip(pip, [*project, ROOT + ("[dev]" if part == "dev" else "")])
    elif failure is None and part == "runtime":
        failure = run_pip(pip, ["--no-deps", *project, ROOT])
    if failure is not None:
        key = failure if failure in ("index", "mismatch") else "other"
        raise Trouble(key, 5 if key == "index" else 4, what=LOCKS[part])


def platform_name() -> str:
    """This machine as the locks name it: linux-x86_64/3.11."""
    system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform)
    return "{}-{}/{}.{}".format(system, platform.machine().lower(), *sys.version_info[:2])


def run_pip(pip: list[str], words: list[str]) -> str | None:
    """Run `pip install`, all its words on stderr; None when it went well, else the kind of its failure."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    said = ""
    command = [*pip, "install", *words]
    with subprocess.Popen(command, stdout=sys.stderr, stderr=subprocess.PIPE, env=environment) as process:
        for line in process.stderr or ():
            said += line.decode(errors="replace")
            sys.stderr.write(line.decode(errors="replace"))
    if process.returncode == 0:
        return None
    kind = next((kind for kind, pattern in FAILURES.items() if re.search(pattern, said)), "other")
    if kind == "disk":
        raise Trouble("disk", place=ROOT, free=free_gigabytes(), need=GIGABYTES["small"])
    return kind


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
