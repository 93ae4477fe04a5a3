"""The live session: source to pipeline to affect to music, with everything that it publishes.

What lives here: the engine with its threads and bounded queues, the affect estimator, the choice of
music, LSL outlets, the session's recording, protocols and profiles. What never will: Qt. Whoever
shows a session asks for a `SessionSnapshot` and sends commands back.
"""

from bci_affect.session.types import AffectEstimate, Message, RecordingStatus, SessionSnapshot

__all__ = ["AffectEstimate", "Message", "RecordingStatus", "SessionSnapshot"]
