"""`hanlin serve` as a process of its own, with a tiny model behind it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanlin.bundle.bundle import save_bundle
from hanlin.bundle.lineage import Lineage
from hanlin.model.config import ModelConfig
from hanlin.model.transformer import build_model
from hanlin.text.chat import Template
from hanlin.text.tokenizer import Tokenizer

LONG = 8192  # a context in which an answer lasts long enough to be cut
KEY = "sk-for-tests"
HANLIN = (sys.executable, "-m", "hanlin.cli.main")


@dataclass
class Process:
    """`hanlin serve` and what it says."""

    process: subprocess.Popen[str]
    address: str
    ready: dict[str, Any]

    def end(self, *signals: int) -> tuple[int, list[dict[str, Any]], str]:
        """Send signals; return exit code, the rows that were still said, and stderr."""
        for number in signals:
            self.process.send_signal(number)
            time.sleep(0.5)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], err


def save_tiny(
    folder: Path, tokenizer: Tokenizer, *, length: int = LONG, scores: Mapping[str, Any] | None = None
) -> Path:
    """A bundle of a tiny model whose context is `length` tokens."""
    shape = ModelConfig(vocab_size=tokenizer.vocab_size, hidden_size=64, num_layers=2, num_heads=2, max_seq_len=length)
    return save_bundle(
        folder,
        model=build_model(shape, seed=1),
        tokenizer=tokenizer,
        template=Template.default(tokenizer.special),
        lineage=Lineage("finetune", 1),
        scores=scores,
    )


@contextlib.contextmanager
def served(
    bundle: Path, *words: str, command: Sequence[str] = HANLIN, env: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """The server on a free port, from its first row on; killed at the end where it still runs."""
    environment = {**(os.environ if env is None else env), "OMP_NUM_THREADS": "1", "HANLIN_HOME": str(bundle.parent)}
    with subprocess.Popen(
        [*command, "serve", str(bundle), "--port", "0", "--json", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=bundle.parent,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the server did not start: {process.communicate()[1]}"
        ready = json.loads(line)
        try:
            yield Process(process, ready["address"], ready)
        finally:
            process.kill()
            process.communicate()
