"""The command line, with pieces so small that a little corpus has many: a program for tests to start."""

from __future__ import annotations

import sys

from tests.text.building.messy import LARGE_BYTES, PIECE_BYTES

from hanlin.cli.main import main
from hanlin.text import reading

if __name__ == "__main__":
    reading.PIECE_BYTES, reading.LARGE_BYTES = PIECE_BYTES, LARGE_BYTES
    sys.exit(main())
