"""`hanlin doctor`: what this machine can do, what is missing, what would help."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from matplotlib import font_manager

from hanlin.base.device import (
    available_memory_bytes,
    compute_dtype,
    describe_machine,
    num_cores,
    pick_device,
    total_memory_bytes,
)
from hanlin.base.errors import HanlinError
from hanlin.base.files import free_bytes, write_atomic
from hanlin.base.messages import language, say
from hanlin.base.progress import Progress
from hanlin.life.config import DoctorConfig
from hanlin.life.places import home
from hanlin.life.report import Report, Table
from hanlin.life.settings import Given, settled
from hanlin.model.compiled import native_state

PACKAGES = ("hanlin", "torch", "numpy", "tokenizers", "safetensors", "pydantic", "minijinja", "cyclopts", "rich")
CJK_FONTS = ("Noto Sans CJK", "Source Han", "WenQuanYi", "PingFang", "Heiti", "SimHei", "Microsoft YaHei", "Songti")
ENOUGH_MEMORY, ENOUGH_DISK = 3 << 30, 5 << 30


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `bad` keeps Hanlin from working, `hint` would make it better."""

    name: str
    state: Literal["ok", "hint", "bad"]
    value: str
    advice: str = ""


def doctor(config: Given[DoctorConfig] = None, *, progress: Progress | None = None, **settings: Any) -> Report:
    """Look at the machine. The report's exit code is 6 when something keeps Hanlin from working."""
    job = settled(DoctorConfig, config, settings).value
    checks = [check for look in CHECKS for check in look(job)]
    columns = ("", say("life.column_name"), say("life.column_value"), say("life.column_advice"))
    rows = tuple((say(f"life.check_{check.state}"), check.name, check.value, check.advice) for check in checks)
    bad = [check for check in checks if check.state == "bad"]
    line = say("life.doctor_bad", number=len(bad)) if bad else say("life.doctor_well")
    figures = {"machine": describe_machine(), "checks": [asdict(check) for check in checks]}
    return Report("doctor", None, figures, (line,), (Table("", columns, rows),), exit_code=6 if bad else 0)


def _python(job: DoctorConfig) -> Iterator[Check]:
    version = platform.python_version()
    known = (3, 11) <= sys.version_info[:2] < (3, 15)
    yield Check("python", "ok" if known else "hint", version, "" if known else say("life.advice_python"))


def _packages(job: DoctorConfig) -> Iterator[Check]:
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} -")
    yield Check(say("life.check_name_packages"), "ok", ", ".join(versions))


def _processor(job: DoctorConfig) -> Iterator[Check]:
    machine = describe_machine()
    yield Check(
        say("life.check_name_processor"),
        "ok",
        say("life.cores", processor=machine["processor"], cores=num_cores(), threads=torch.get_num_threads()),
    )


def _device(job: DoctorConfig) -> Iterator[Check]:
    try:
        device = pick_device("auto")
        dtype = compute_dtype(device)
    except HanlinError as error:
        yield Check(say("life.check_name_device"), "bad", str(error))
        return
    advice = "" if dtype == torch.bfloat16 else say("life.advice_float32")
    name = str(dtype).removeprefix("torch.")
    yield Check(say("life.check_name_device"), "ok", f"{device.type}, {name}", advice)


def _native(job: DoctorConfig) -> Iterator[Check]:
    state = native_state()
    advice = "" if state.outcome == "ready" else say(f"life.advice_native_{state.outcome}")
    yield Check(say("life.check_name_native"), "ok" if state.outcome == "ready" else "hint", state.detail, advice)


def _memory(job: DoctorConfig) -> Iterator[Check]:
    free, total = available_memory_bytes(), total_memory_bytes()
    short = 0 < free < ENOUGH_MEMORY
    value = say("life.free_of", free=f"{free / 2**30:.1f} GiB", total=f"{total / 2**30:.1f} GiB")
    advice = say("life.advice_memory") if short else ""
    yield Check(say("life.check_name_memory"), "hint" if short else "ok", value, advice)


def _disk(job: DoctorConfig) -> Iterator[Check]:
    free = free_bytes(job.path)
    short = free < ENOUGH_DISK
    yield Check(
        say("life.check_name_disk"),
        "hint" if short else "ok",
        f"{free / 2**30:.1f} GiB",
        say("life.advice_disk") if short else "",
    )


def _writable(job: DoctorConfig) -> Iterator[Check]:
    probe = home() / ".probe"
    try:
        write_atomic(probe, b"")
        probe.unlink()
    except (HanlinError, OSError) as error:
        yield Check("HANLIN_HOME", "bad", str(error), say("life.advice_home"))
        return
    yield Check("HANLIN_HOME", "ok", str(home()))


def _fonts(job: DoctorConfig) -> Iterator[Check]:
    names = {font.name for font in font_manager.fontManager.ttflist}
    found = sorted(name for name in names if any(name.startswith(known) for known in CJK_FONTS))
    advice = "" if found else say("life.advice_fonts")
    yield Check(say("life.check_name_fonts"), "ok" if found else "hint", ", ".join(found[:2]) or "-", advice)


def _terminal(job: DoctorConfig) -> Iterator[Check]:
    encoding = (sys.stdout.encoding or "-").lower()
    fine = encoding.startswith("utf")
    value = f"{encoding}, {language()}"
    yield Check(
        say("life.check_name_terminal"), "ok" if fine else "hint", value, "" if fine else say("life.advice_utf8")
    )


CHECKS: tuple[Callable[[DoctorConfig], Iterator[Check]], ...] = (
    _python,
    _packages,
    _processor,
    _device,
    _native,
    _memory,
    _disk,
    _writable,
    _fonts,
    _terminal,
)
