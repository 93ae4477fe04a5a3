"""Handle that a window, dashboard or script holds on a session: snapshots and commands.

`LiveSession` fulfils it. Every command returns at once; its effect shows in the next snapshot (a
failure as a message there). Any thread may call.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate, EstimateLog
from bci_affect.event_log import TimedEvent
from bci_affect.session.snapshot import Policy, SessionSnapshot
from bci_affect.streams import Marker

PINNED = "pinned by you"
"""Rule of a suggestion that the listener has pinned."""


class MusicControl(Protocol):
    """Commands to the music of a session."""

    def play(self) -> None:
        """Start or resume playing."""

    def pause(self) -> None:
        """Pause the music; the session continues."""

    def skip(self) -> None:
        """Change to the next track."""

    def seek(self, position_s: float) -> None:
        """Move within the playing track."""

    def set_volume(self, volume: float) -> None:
        """Set the volume, 0 to 1."""

    def choose(self, track_id: int) -> None:
        """Play this track now (manual choice always wins)."""

    def pin(self, track_id: int, pinned: bool = True) -> None:
        """Queue this track next under any policy, or unpin it."""

    def like(self, track_id: int, liked: bool = True) -> None:
        """Like a track, or remove the like."""

    def ban(self, track_id: int, banned: bool = True) -> None:
        """Ban a track (a playing one is skipped), or lift the ban."""

    def set_policy(self, policy: Policy) -> None:
        """Change how music is chosen; a sham stays a sham where following is asked for."""

    def set_target(self, valence: float, arousal: float) -> None:
        """Set the target of steering, each in [-1, 1]."""


class SessionControl(Protocol):
    """State of a session and commands to it."""

    def begin(self) -> None:
        """Begin a session that was started for a check of the contact: its clock and its music."""

    @property
    def music(self) -> MusicControl | None:
        """Commands to the music; None for a session without music."""

    def snapshot(self) -> SessionSnapshot:
        """Return the session's state at this moment."""

    def electrode_faults(self) -> dict[str, tuple[str, ...]]:
        """Return electrodes with faults, used or not, and the faults in words."""

    def due_in_s(self) -> float:
        """Return in how many seconds the EEG is expected that the next estimate needs.

        Negative while it is late or being processed; NaN where it is unknown. Callers with long
        computations leave this moment to the session.
        """

    def traces(self, seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the newest filtered EEG: times (n,) and microvolts (n_channels, n).

        A gap shows as one NaN column between its neighbours.
        """

    def history(self, seconds: float) -> list[AffectEstimate]:
        """Return the newest estimates, oldest first; three minutes of them at most."""

    def estimate_log(self) -> EstimateLog:
        """Return a compact log of all estimates of the session."""

    def events(self) -> list[TimedEvent]:
        """Return all events so far: LSL time and event."""

    def markers(self, first: int = 0) -> list[Marker]:
        """Return the markers of other programs from number `first` on."""

    def mark(self, note: str = "", time: float | None = None) -> float:
        """Put a mark with a note at an LSL time, now where None; return its time."""

    def remove_mark(self, time: float) -> None:
        """Remove the mark of this LSL time; the recording keeps both events."""

    def rate(self, valence: float, arousal: float, **other: float) -> None:
        """Store a self-report on 1-9; `other` may be dominance, familiarity and liking."""

    def set_bad(self, channel: str, bad: bool = True) -> None:
        """Exclude a channel by hand, or return it to automatic quality control."""

    def baseline(self, seconds: float = 60.0) -> None:
        """Measure a rest baseline from now on, without music, and normalise by it."""

    def cancel_baseline(self) -> None:
        """Discard the baseline that is being measured; the earlier normalisation continues."""

    def set_paused(self, paused: bool) -> None:
        """Pause or resume the session.

        During a pause there is silence, no music is chosen, and estimates do not count as readings.
        EEG and recording continue; the events ``session_pause`` and ``session_resume`` bound it.
        """

    @property
    def record_folder(self) -> Path | None:
        """Folder of the recordings; None until one is given."""

    def start_recording(self, folder: Path | None = None) -> None:
        """Begin a new recording file, in a folder that is used from now on where it is given."""

    def stop_recording(self) -> None:
        """Finish the recording's file."""

    def stop(self) -> None:
        """End the session: finish the recording, silence the music, release the stream."""
