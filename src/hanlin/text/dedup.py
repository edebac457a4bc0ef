"""Exact duplicates: a text whose every character was there before."""

from __future__ import annotations

import hashlib


def text_digest(text: str) -> bytes:
    """Return 16 bytes that stand for a text (BLAKE2b): two texts of a corpus share them with odds below 1e-20."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def text_key(text: str) -> int:
    """Return 64 bits that stand for a line among the lines of a corpus."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
