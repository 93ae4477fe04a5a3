"""Live session: source to estimates to music, with everything that it publishes and records.

This room holds the engine with its threads and bounded queues, the choice of music, LSL outlets,
the session's recording, and the guided calibration. It never holds Qt: a window polls
`SessionSnapshot`s and sends commands to `SessionControl`.

Names are imported on first use, so that commands which need no torch start fast.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
