"""How sure a share is that was counted."""

from __future__ import annotations

import math

Z_95 = 1.959963984540054


def wilson(num_right: int, num_cases: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927), sound for few cases and for shares near 0 and 1."""
    if not num_cases:
        return 0.0, 1.0
    p, z2 = num_right / num_cases, Z_95 * Z_95
    middle = (p + z2 / (2 * num_cases)) / (1 + z2 / num_cases)
    half = Z_95 / (1 + z2 / num_cases) * math.sqrt(p * (1 - p) / num_cases + z2 / (4 * num_cases * num_cases))
    return max(0.0, middle - half), min(1.0, middle + half)
