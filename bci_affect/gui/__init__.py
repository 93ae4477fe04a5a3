"""Qt window: draws the state of a session and sends the user's commands to it.

This room holds the view model (without Qt), the main window, one panel or flow per file, and themes
and shortcuts as data. It never holds LSL, torch, or a step of the data path.

The window pulls: one timer asks a `SessionControl` for a snapshot, so a window that is frozen or
hidden costs the session nothing. `run_window` is the one entry; Qt is imported inside it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
