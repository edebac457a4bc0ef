"""The user's browser, where this machine has one that can be seen."""

from __future__ import annotations

import os
import sys
import webbrowser

SCREENS = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
"""One of these is set where a browser has a window to open; without them Python would start one in the terminal."""


def open_page(address: str) -> bool:
    """Show an address in the browser; False where there is none, or it would not."""
    if sys.platform == "linux" and not any(os.environ.get(name) for name in SCREENS):
        return False
    try:
        return webbrowser.open(address)
    except (webbrowser.Error, OSError):
        return False
