"""Event stream of a session: its header, and its recognition among streams of other programs.

Only events of our own stream count as events. Text of any other program is a marker, whatever its
content: JSON in our form cannot become a rating or end a calibration.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Final

from bci_affect.events import (
    ClipStart,
    ClipStop,
    RestStart,
    RestStop,
    SelfReport,
    SessionEvent,
    read,
)
from bci_affect.streams.header import StreamHeader, build_header

EVENT_STREAM: Final = "bci_affect.events"
"""Name of the event stream, on LSL and in files."""
SIMULATED_EVENTS: Final = "simulated-events"
"""Source id of the event stream of a simulated session."""
_TYPE: Final = "Markers"
_SESSION = re.compile(r"bci_affect-[0-9a-f]{12}")
_SOURCE = re.compile(rf"{_SESSION.pattern}-events")
_ANNOTATIONS = (ClipStart, ClipStop, SelfReport, RestStart, RestStop)


def new_session_id() -> str:
    """Return an identity for the streams of a session that starts now."""
    return f"bci_affect-{uuid.uuid4().hex[:12]}"


def event_header(session_id: str = "") -> StreamHeader:
    """Return the header of a session's event stream.

    Parameters
    ----------
    session_id : str
        From `new_session_id`; a new one where empty.
    """
    return _header(f"{session_id or new_session_id()}-events")


def simulated_event_header() -> StreamHeader:
    """Return the header of a simulated session's event stream."""
    return _header(SIMULATED_EVENTS)


def _header(source_id: str) -> StreamHeader:
    return build_header(EVENT_STREAM, _TYPE, ["event"], fmt="string", source_id=source_id)


def is_event_stream(name: str, kind: str, source_id: str) -> bool:
    """Return whether a live stream is the event stream of a session, simulated ones included.

    Players append a suffix to the source id, so only its start is compared.
    """
    known = _SOURCE.match(source_id) or source_id.startswith(SIMULATED_EVENTS)
    return (name, kind) == (EVENT_STREAM, _TYPE) and bool(known)


def event_streams(headers: Sequence[StreamHeader]) -> set[int]:
    """Return which streams of a recording are the session's own event streams.

    The session writes its own into its recording, without the ``uid`` that every stream received
    over LSL has. Such a stream excludes all others, for example the events of a second session on
    the network. In a recording of another program (LabRecorder) the source id of a live session
    excludes simulated ones and those without source id.
    """
    ranks = {i: _rank(header) for i, header in enumerate(headers) if _matches(header)}
    return {i for i, rank in ranks.items() if rank == min(ranks.values())}


def is_session_recording(headers: Sequence[StreamHeader]) -> bool:
    """Return whether a live session wrote these streams into its own recording."""
    return any(
        _matches(header) and not header.uid and bool(_SOURCE.match(header.source_id))
        for header in headers
    )


def annotation(header: StreamHeader, text: str) -> SessionEvent | None:
    """Read a marker of a data set that was converted to XDF; None for any other marker.

    A converted file has no event stream of a session, and its streams were never on LSL (they have
    no ``uid``). There, clips, rests and ratings in our form are the data set's own.
    """
    if header.uid or header.type != _TYPE:
        return None
    event = read(text)
    return event if isinstance(event, _ANNOTATIONS) else None


def _matches(header: StreamHeader) -> bool:
    own = header.is_text and (header.name, header.type) == (EVENT_STREAM, _TYPE)
    known = not header.source_id or is_event_stream(header.name, header.type, header.source_id)
    return own and known


def _rank(header: StreamHeader) -> tuple[bool, bool]:
    return bool(header.uid), not _SOURCE.match(header.source_id)
