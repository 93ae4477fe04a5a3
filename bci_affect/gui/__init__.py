"""The Qt window: draws what the session says, and sends the user's intents back.

What lives here: a model of what is shown (`viewmodel`, without Qt), the main window, one panel or
flow per file, themes and shortcuts as data. What never will: LSL, torch, and any step of the data
path.

The window pulls: one timer asks a `SessionControl` for a snapshot, so a window that is frozen or
hidden costs the session nothing. `run_window` is the one entry; Qt is imported inside it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
