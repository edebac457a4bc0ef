"""One seed split into named streams, so that drawing more from one never shifts another."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Seeds:
    """The seed of a run. Streams in use: "data", "init", "dropout", "sampling", "split"."""

    seed: int

    def derive(self, stream: str) -> int:
        """Return the 63-bit seed of one stream: the head of SHA-256 over seed and name (fits torch and numpy)."""
        digest = hashlib.sha256(f"{self.seed}/{stream}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1
