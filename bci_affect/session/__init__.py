"""Live session: source to pipeline to affect to music, with everything that it publishes.

This room holds the engine with its threads and bounded queues, the choice of music, LSL outlets,
recording, and protocols. It never holds Qt: a window asks for a `SessionSnapshot` and sends
commands back.

Code that needs torch is imported on first use, so that light commands stay quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
