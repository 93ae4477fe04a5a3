"""Recording of a session: raw EEG as received, markers, events and estimates in one XDF file."""

from __future__ import annotations

import time
from pathlib import Path

from bci_affect.affect import ESTIMATE_VALUES, AffectEstimate
from bci_affect.errors import BciAffectError
from bci_affect.events import SessionEvent, encode
from bci_affect.session.publish import ESTIMATE_STREAM, ESTIMATE_UNITS
from bci_affect.session.snapshot import RecordingStatus
from bci_affect.storage import bids_label
from bci_affect.streams import (
    EVENT_STREAM,
    Recorder,
    Source,
    build_header,
    event_header,
    recording_path,
)


class SessionRecording:
    """Recordings of one session, each a new file that is never overwritten.

    Parameters
    ----------
    folder : Path or None
        Folder of the recordings, which are named as in LabRecorder; it may be set later.
    participant : str
        Name of the listener; characters that file names cannot have are removed.
    session_id : str
        Identity of the session, from `bci_affect.streams.new_session_id`; a new one where empty.
    """

    def __init__(self, folder: Path | None, participant: str = "", session_id: str = "") -> None:
        self.folder = folder
        self._events = event_header(session_id)
        self._participant = bids_label(participant, "P001")
        self._recorder: Recorder | None = None
        self._source: Source | None = None
        self._active = False

    def start(self, source: Source) -> None:
        """Begin a new file, unless one is being written; a failed one is kept.

        Raises
        ------
        BciAffectError
            If there is no folder, or it cannot be written.
        """
        if self.folder is None:
            raise BciAffectError(
                "This session has no folder to record to; start it with --record DIR."
            )
        if self._active and self._recorder and self._recorder.status.error:
            self.stop()
        if self._active:
            return
        day = time.strftime("%Y%m%d")  # recordings of one day are one session
        recorder = Recorder(recording_path(self.folder, self._participant, day))
        recorder.open_stream(
            ESTIMATE_STREAM,
            build_header(ESTIMATE_STREAM, "Affect", ESTIMATE_VALUES, units=ESTIMATE_UNITS),
        )
        recorder.open_stream(EVENT_STREAM, self._events)
        self._recorder, self._source, self._active = recorder, source, True
        source.tap = recorder

    def stop(self) -> None:
        """Finish the file; safe to call twice."""
        if self._active and self._recorder and self._source:
            self._active = False
            self._source.tap = None
            self._recorder.stop()

    def discard(self) -> None:
        """Finish and delete the file of a session that did not start."""
        self.stop()
        if self._recorder:
            path = Path(self._recorder.status.path)
            path.unlink(missing_ok=True)
            self._recorder = None

    def estimate(self, estimate: AffectEstimate) -> None:
        """Record an estimate."""
        if self._active and self._recorder:
            self._recorder.push(ESTIMATE_STREAM, estimate.values(), estimate.time)

    def event(self, event: SessionEvent, time: float) -> None:
        """Record an event."""
        if self._active and self._recorder:
            self._recorder.mark(EVENT_STREAM, encode(event), time)

    def status(self) -> RecordingStatus | None:
        """Return the status of the present or last recording; None before the first."""
        if self._recorder is None:
            return None
        status = self._recorder.status
        return RecordingStatus(
            status.path,
            status.size_bytes,
            status.seconds,
            status.error,
            self._active and not status.error,
        )
