"""The live session: source to pipeline to affect to music, with everything that it publishes.

What lives here: the engine with its threads and bounded queues, the affect estimator, the choice of
music, LSL outlets, the session's recording, protocols and profiles. What never will: Qt. Whoever
shows a session asks for a `SessionSnapshot` and sends commands back.

What needs torch is imported when it is first asked for, so that light commands stay quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
