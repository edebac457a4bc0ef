"""The machine: which device, which dtype, how many threads, how much memory. The one file of base that loads torch."""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

import torch

from hanlin.base.errors import MachineError

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def pick_device(name: str = "auto") -> torch.device:
    """Return a device by name; "auto" takes CUDA, else Apple's MPS, else the CPU. Raises MachineError E111."""
    if name == "auto":
        return torch.device(_best())
    kind = name.partition(":")[0]
    if kind not in _available():
        raise MachineError("base.device_missing", device=name, available=", ".join(_available()))
    device = torch.device(name)
    if kind == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise MachineError("base.device_missing", device=name, available=", ".join(_available()))
    return device


def _available() -> tuple[str, ...]:
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return tuple(kind for kind, here in found.items() if here)


def _best() -> str:
    return _available()[0]


def compute_dtype(device: torch.device | str, name: str = "auto") -> torch.dtype:
    """Return the dtype of matrix products on a device.

    "auto" is bfloat16 where the hardware multiplies it (AMX or AVX512-BF16 on a CPU, CUDA from Ampere on), else
    float32: emulated bfloat16 is slower than float32. Raises MachineError E112 for a dtype the device cannot use.
    """
    device = torch.device(device)
    if name == "auto":
        return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32
    if name not in _DTYPES or (name == "float64" and device.type == "mps"):
        raise MachineError("base.dtype_unusable", dtype=name, device=device, usable=", ".join(_DTYPES))
    return _DTYPES[name]


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    return device.type == "cpu" and bool({"amx_bf16", "avx512_bf16"} & cpu_flags())


@functools.cache
def cpu_flags() -> frozenset[str]:
    """Return the processor's instruction sets as Linux names them; empty elsewhere."""
    return frozenset(_cpuinfo("flags").split())


def _cpuinfo(field: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def num_cores() -> int:
    """Return the cores this process may use: affinity and, on Linux, the quota of its control group."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _cgroup("cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        cores = min(cores, max(1, -(-int(quota) // int(period))))
    return cores


def _cgroup(name: str) -> str:
    try:
        return Path("/sys/fs/cgroup", name).read_text().strip()
    except OSError:
        return ""


def set_threads(number: int | None = None) -> int:
    """Let torch use `number` threads and return the number; None means OMP_NUM_THREADS, else all cores."""
    wanted = number or int(os.environ.get("OMP_NUM_THREADS") or num_cores())
    torch.set_num_threads(wanted)
    return wanted


def keep_freed_memory() -> bool:
    """Let glibc keep what is freed instead of returning it to the system; return whether it does.

    A training step frees and takes the same few hundred megabytes again, and the system zeroes every page it hands out:
    5 % of a step. What is kept is what the step needs at its peak, so that peak stays what it is.
    """
    if not sys.platform.startswith("linux") or not hasattr(libc := ctypes.CDLL(None), "mallopt"):
        return False
    largest_in_heap, never_trim = 32 * 2**20, 2**31 - 1  # glibc accepts no more for the first
    return bool(libc.mallopt(_M_MMAP_THRESHOLD, largest_in_heap) and libc.mallopt(_M_TRIM_THRESHOLD, never_trim))


def return_freed_memory() -> bool:
    """Hand back to the system what `keep_freed_memory` kept, when training is over; return whether any of it went."""
    gc.collect()
    if not sys.platform.startswith("linux") or not hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        return False
    return bool(libc.malloc_trim(0))


def peak_memory_bytes(device: torch.device | str = "cpu") -> int:
    """Return the most memory in use so far: of this process, or of torch on a CUDA device. 0 where it is unknown."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return 0
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    except OSError:
        found = None
    if found:  # ru_maxrss of Linux begins with what the parent held when it started this process
        return int(found[1]) * 1024
    import resource  # absent on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # elsewhere KiB


def total_memory_bytes() -> int:
    """Return the memory this process may use: the machine's or its control group's limit. 0 where it is unknown."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        machine = 0
    limit = _cgroup("memory.max")
    return min(machine, int(limit)) if limit.isdigit() and machine else machine


def available_memory_bytes() -> int:
    """Return the memory that can still be taken without swapping. 0 where it is unknown."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    free = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)
    limit, used = _cgroup("memory.max"), _cgroup("memory.current")
    return min(free, int(limit) - int(used)) if limit.isdigit() and used.isdigit() else free


def describe_machine() -> dict[str, Any]:
    """Return what a report says about the machine."""
    return {
        "system": platform.platform(),
        "processor": _cpuinfo("model name") or platform.processor() or platform.machine(),
        "cores": num_cores(),
        "threads": torch.get_num_threads(),
        "memory_bytes": total_memory_bytes(),
        "bfloat16": sorted({"amx_bf16", "avx512_bf16"} & cpu_flags()),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
