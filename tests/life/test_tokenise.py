"""Shards are the same bytes whatever wrote them: one thread or several, small groups or large, cut off or not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hanlin.base.files import read_json
from hanlin.data.shards import ShardSet
from hanlin.life.build_data import build_data
from hanlin.life.train_tokenizer import train_tokenizer

PROGRAM = """
import sys
from pathlib import Path
from hanlin.base.progress import Progress
from hanlin.data.config import ShardConfig
from hanlin.life.tokenise import tokenise
home, out, group = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
config = ShardConfig(batch_characters=group, shard_tokens=20_000)
tokenise(home / "corpus", home / "tokenizer", out, config=config, progress=Progress("none"))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("tokenise")
    rows = [{"text": f"第{n}行：床前明月光。The quick brown fox number {n} jumps. " * 20} for n in range(400)]
    (home / "a.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    build_data(str(home / "a.jsonl"), out=home / "corpus")
    train_tokenizer(str(home / "corpus"), vocab_size=500, out=home / "tokenizer")
    return home


def start(home: Path, out: Path, group: int, threads: int) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(home), str(out), str(group)], env=environ)


def checksums(out: Path) -> dict[str, str]:
    sums: dict[str, str] = read_json(out / "train" / "manifest.json")["checksums"]
    return sums


def test_threads_and_groups_change_no_byte(home: Path) -> None:
    for name, group, threads in (("one", 1 << 20, 1), ("many", 1 << 20, 4), ("small", 500, 2)):
        assert start(home, home / name, group, threads).wait() == 0
    assert checksums(home / "one") == checksums(home / "many") == checksums(home / "small")
    assert len(ShardSet.open(home / "one" / "train").manifest.shards) > 1


def test_killed_while_writing_it_leaves_nothing_half_made(home: Path) -> None:
    assert start(home, home / "whole", 500, 1).wait() == 0
    out = home / "killed"
    for _ in range(3):
        process = start(home, out, 500, 1)
        while process.poll() is None and not list(home.glob("killed/*building*")):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (out / "train" / "manifest.json").exists() or checksums(out) == checksums(home / "whole")
    assert start(home, out, 500, 1).wait() == 0
    assert checksums(out) == checksums(home / "whole")
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in (home / "whole").iterdir())
