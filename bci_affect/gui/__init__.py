"""The Qt window: draws what the session says, and sends the user's intents back.

What lives here: a model of what is shown (`viewmodel`, without Qt), the main window, one panel or
flow per file, themes and shortcuts as data. What never will: LSL, torch, and any step of the data
path.

The window pulls: one timer asks a `SessionControl` for a snapshot, so a window that is frozen or
hidden costs the session nothing. `run_window` is the one entry; Qt is imported inside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bci_affect.session.control import SessionControl

__all__ = ["run_window"]


def run_window(control: SessionControl, **options: Any) -> int:
    """Show a session in a window until it is closed; see `bci_affect.gui.app.run_window`."""
    from bci_affect.gui.app import run_window as run

    return run(control, **options)
