"""What the session's event strings mean on a time axis: marks, tracks, self-reports, and the rest.

A session records one JSON object per event (see DESIGN.md, Files). Whatever is not understood is
still shown, with its own name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Note:
    """One event for a time axis.

    Attributes
    ----------
    time : float
        LSL time.
    kind : str
        ``mark``, ``track``, ``rating``, ``baseline``, or the event's own name.
    text : str
        What is written beside it.
    values : dict
        The event's other fields.
    """

    time: float
    kind: str
    text: str
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def rating(self) -> tuple[float, float] | None:
        """Self-report on the valence-arousal plane, [-1, 1]; None where this is no report."""
        try:
            valence, arousal = float(self.values["valence"]), float(self.values["arousal"])
        except (KeyError, TypeError, ValueError):
            return None
        return ((valence - 5) / 4, (arousal - 5) / 4) if self.kind == "rating" else None


HIDDEN = frozenset(
    {
        *("choice", "music_choice", "music_command", "track_stop", "rest_stop", "policy"),
        *("target", "channel", "session_start", "session_stop", "recording_start"),
        "normalisation",
    }
)
"""Events of the session's book-keeping: recorded and published, but not drawn over the EEG."""
_KINDS = {"track_start": "track", "rest_start": "baseline", "baseline_start": "baseline"}


def read_note(time: float, text: str) -> Note:
    """Read one event; text that is no JSON object is a mark with that text."""
    try:
        values = json.loads(text)
    except ValueError:
        return Note(time, "mark", text)
    if not isinstance(values, dict):
        return Note(time, "mark", text)
    event = str(values.get("event", "mark"))
    kind = _KINDS.get(event, event)
    shown = values.get("note") or values.get("title") or values.get("track") or ""
    word = kind if kind == "baseline" else event.replace("_", " ")
    return Note(time, kind, str(shown) or word, values)
