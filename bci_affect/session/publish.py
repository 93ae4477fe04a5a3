"""Publisher of a session's results as LSL streams.

Three outlets, each stamped with the time of the last EEG sample used: ``bci_affect.estimate``,
``bci_affect.embedding``, and ``bci_affect.events`` (one JSON object per sample).
"""

from __future__ import annotations

from bci_affect.affect import ESTIMATE_VALUES, AffectEstimate
from bci_affect.events import SessionEvent
from bci_affect.streams import EventOutlet, FloatOutlet

ESTIMATE_STREAM = "bci_affect.estimate"
"""Name of the stream of estimates, on LSL and in recordings."""
ESTIMATE_UNITS = ("-1..1", "-1..1", "probability", "probability", "0..1", "0..1")


class Publisher:
    """Three outlets of a session.

    Parameters
    ----------
    embedding_dim : int
        Length of the embedding.
    session_id : str
        Identity of the session, from `bci_affect.streams.new_session_id`, by which receivers find
        the outlets after an interruption.
    """

    def __init__(self, embedding_dim: int, session_id: str) -> None:
        self._estimate = FloatOutlet(
            ESTIMATE_STREAM,
            "Affect",
            ESTIMATE_VALUES,
            ESTIMATE_UNITS,
            source_id=f"{session_id}-estimate",
        )
        self._embedding = FloatOutlet(
            "bci_affect.embedding",
            "Affect",
            tuple(f"e{index}" for index in range(embedding_dim)),
            ("unit vector",) * embedding_dim,
            source_id=f"{session_id}-embedding",
        )
        self._events = EventOutlet(session_id)

    def estimate(self, estimate: AffectEstimate) -> None:
        """Push an estimate and its embedding."""
        self._estimate.push(estimate.values(), estimate.time)
        self._embedding.push(estimate.embedding, estimate.time)

    def event(self, event: SessionEvent, time: float) -> None:
        """Push an event."""
        self._events.push(event, time)

    def close(self) -> None:
        """Close the outlets."""
        for outlet in (self._estimate, self._embedding, self._events):
            outlet.close()
