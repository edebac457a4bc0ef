"""The machine: what is there, what is refused, what is measured."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hanlin.base import device
from hanlin.base.device import (
    available_memory_bytes,
    compute_dtype,
    cpu_flags,
    describe_machine,
    num_cores,
    peak_memory_bytes,
    pick_device,
    set_threads,
    total_memory_bytes,
)
from hanlin.base.errors import MachineError


@pytest.mark.parametrize(("available", "best"), [(("cuda", "cpu"), "cuda"), (("mps", "cpu"), "mps"), (("cpu",), "cpu")])
def test_auto_takes_the_fastest_device(monkeypatch: pytest.MonkeyPatch, available: tuple[str, ...], best: str) -> None:
    monkeypatch.setattr(device, "_available", lambda: available)
    assert pick_device().type == best


@pytest.mark.parametrize("name", ["cuda", "tpu", "", "cuda:99", "cpu0"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, name: str, lang: str
) -> None:
    monkeypatch.setattr(device, "_available", lambda: ("cuda", "cpu") if ":" in name else ("cpu",))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(MachineError) as caught:
        pick_device(name)
    assert caught.value.code == "E111"
    assert "cpu" in str(caught.value)


def test_the_cpu_is_always_there() -> None:
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        ({"avx2"}, torch.float32),
        ({"avx512f"}, torch.float32),
        ({"avx512_bf16"}, torch.bfloat16),
        ({"amx_bf16", "amx_tile"}, torch.bfloat16),
    ],
)
def test_auto_is_bfloat16_only_where_the_processor_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, flags: set[str], dtype: torch.dtype
) -> None:
    monkeypatch.setattr(device, "cpu_flags", lambda: frozenset(flags))
    assert compute_dtype("cpu") is dtype


@pytest.mark.parametrize(("capability", "dtype"), [((7, 5), torch.float32), ((9, 0), torch.bfloat16)])
def test_auto_on_cuda_follows_the_generation(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda where: capability)
    assert compute_dtype("cuda") is dtype


def test_a_dtype_by_name_or_a_sentence(lang: str) -> None:
    assert compute_dtype("cpu", "float32") is torch.float32
    assert compute_dtype("cpu", "bfloat16") is torch.bfloat16
    for where, name in (("cpu", "int8"), ("mps", "float64")):
        with pytest.raises(MachineError) as caught:
            compute_dtype(where, name)
        assert caught.value.code == "E112"
        assert name in str(caught.value)


def test_threads_follow_the_call_then_the_environment_then_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        assert set_threads() == torch.get_num_threads() == 1
        assert set_threads(2) == torch.get_num_threads() == 2
        monkeypatch.delenv("OMP_NUM_THREADS")
        assert set_threads() == num_cores()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("quota", "cores"), [("", 8), ("max 100000", 8), ("150000 100000", 2), ("50000 100000", 1), ("9900000 100000", 8)]
)
def test_a_container_gets_no_more_threads_than_its_quota(
    monkeypatch: pytest.MonkeyPatch, quota: str, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(device, "_cgroup", lambda name: quota)
    assert num_cores() == cores


def test_a_containers_memory_limit_is_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"memory.max": "1000000", "memory.current": "400000"}
    monkeypatch.setattr(device, "_cgroup", lambda name: values.get(name, ""))
    assert total_memory_bytes() == 1_000_000
    assert available_memory_bytes() == 600_000


def test_freed_memory_is_kept_for_the_next_step() -> None:
    """Run apart: how malloc behaves is a matter of the whole process."""
    program = (
        "import resource, torch\n"
        "from hanlin.base.device import keep_freed_memory\n"
        "kept = keep_freed_memory()\n"
        "def faults():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(5):\n"
        "        parts = [torch.ones(2**22) for _ in range(8)]\n"
        "        del parts\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "faults()\n"
        "print(int(kept), faults())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    kept, faults = map(int, done.stdout.split())
    if not kept:
        pytest.skip("not glibc")
    assert faults < 5 * 8 * 2**24 // 4096 // 10, "pages of 5 x 128 MB must not be asked for again"


def test_what_was_kept_goes_back_when_asked() -> None:
    program = (
        "import pathlib, resource, torch\n"
        "from hanlin.base.device import keep_freed_memory, return_freed_memory\n"
        "def held():\n"
        "    return int(pathlib.Path('/proc/self/statm').read_text().split()[1]) * resource.getpagesize()\n"
        "kept = keep_freed_memory()\n"
        "parts = [torch.ones(2**22) for _ in range(16)]\n"
        "del parts\n"
        "before = held() if kept else 0\n"
        "print(int(kept), before, int(return_freed_memory()), held() if kept else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    kept, before, gone, after = map(int, done.stdout.split())
    if not kept:
        pytest.skip("not glibc")
    assert gone and before - after > 200_000_000


def test_peak_memory_sees_a_large_tensor() -> None:
    before = peak_memory_bytes()
    size = max(0, before - current_bytes()) + 64_000_000
    torch.ones(size, dtype=torch.uint8)
    assert peak_memory_bytes() >= before + 30_000_000
    assert peak_memory_bytes() < total_memory_bytes()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="told by /proc")
def test_peak_memory_is_that_of_this_process_not_of_its_parent() -> None:
    child = "from hanlin.base.device import peak_memory_bytes; print(peak_memory_bytes())"
    parent = f"import subprocess, sys; x = b'x' * 10**9; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=True)
    assert 50_000_000 < int(done.stdout) < 900_000_000


def current_bytes() -> int:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * resource.getpagesize() if statm.exists() else 0


def test_memory_agrees_with_the_system() -> None:
    total = total_memory_bytes()
    assert total > 100_000_000
    assert 0 <= available_memory_bytes() <= total
    if Path("/proc/meminfo").exists():
        assert available_memory_bytes() > 0
        assert cpu_flags() or os.uname().machine != "x86_64"


def test_the_machine_describes_itself_for_a_report() -> None:
    described = json.loads(json.dumps(describe_machine()))
    assert described["torch"] == torch.__version__
    assert described["cores"] >= 1
    assert described["processor"]
