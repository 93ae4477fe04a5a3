"""Display check before Qt starts, because Qt aborts the process without a display."""

from __future__ import annotations

import os
import sys

from bci_affect.errors import BciAffectError


def has_display() -> bool:
    """Return True if a screen or a Qt platform without one is available."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(key) for key in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def check_display() -> None:
    """Raise `BciAffectError` if no window can open."""
    if not has_display():
        raise BciAffectError(
            "There is no screen for a window (neither DISPLAY nor WAYLAND_DISPLAY is set); use "
            "--headless for the terminal, or QT_QPA_PLATFORM=offscreen for pictures."
        )
