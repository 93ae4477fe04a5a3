"""The one handle that a window, dashboard or script holds on a session: look and command.

`LiveSession` fulfils it. Every command returns at once; what it did shows in the next snapshot (and
a failure as a message there). Any thread may call.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate, EstimateLog
from bci_affect.session.snapshot import SessionSnapshot

Policy = Literal["follow", "steer", "sham", "music-only", "manual"]
PINNED = "pinned by you"
"""Rule of a suggestion that the listener has pinned."""


class SessionControl(Protocol):
    """What can be asked of, and told to, a session."""

    def snapshot(self) -> SessionSnapshot:
        """Return everything that is shown, of one moment."""

    def due_in_s(self) -> float:
        """Return in how many seconds the EEG is expected that the next estimate needs.

        Negative while that is late or being worked on; NaN where nobody can tell. Who computes much
        leaves this moment to the session.
        """

    def traces(self, seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the newest filtered EEG: times (n,) and microvolts (n_channels, n).

        A gap shows as one NaN column between its neighbours.
        """

    def history(self, seconds: float) -> list[AffectEstimate]:
        """Return the newest estimates, oldest first; three minutes of them at most."""

    def estimate_log(self) -> EstimateLog:
        """Return all estimates of the session in short."""

    def events(self) -> list[tuple[float, str]]:
        """Return everything marked so far: LSL time and one JSON object, as recorded."""

    def play(self) -> None:
        """Start or go on playing."""

    def pause(self) -> None:
        """Pause the music; the session goes on."""

    def skip(self) -> None:
        """Change to the next track."""

    def seek(self, position_s: float) -> None:
        """Move within the playing track."""

    def set_volume(self, volume: float) -> None:
        """Set the volume, 0 to 1."""

    def choose(self, track_id: int) -> None:
        """Play this track now (manual choice always wins)."""

    def pin(self, track_id: int, pinned: bool = True) -> None:
        """Have this track follow what plays, whatever the policy; or take it back."""

    def like(self, track_id: int, liked: bool = True) -> None:
        """Like a track, or take it back."""

    def ban(self, track_id: int, banned: bool = True) -> None:
        """Never play a track again, or take it back; a playing one is skipped."""

    def set_policy(self, policy: Policy) -> None:
        """Change how music is chosen."""

    def set_target(self, valence: float, arousal: float) -> None:
        """Set the target of steering, each in [-1, 1]."""

    def mark(self, note: str = "") -> None:
        """Put a mark with a note at this moment."""

    def rate(self, valence: float, arousal: float, **other: float) -> None:
        """Store a self-report on 1-9 (familiarity and liking among `other`)."""

    def set_bad(self, channel: str, bad: bool = True) -> None:
        """Take a channel out of use by hand, or let the program judge it again."""

    def baseline(self, seconds: float = 60.0) -> None:
        """Measure a rest baseline from now on; the normalisation starts anew from it."""

    def set_paused(self, paused: bool) -> None:
        """Take a break, or go on: silence, no choices, and estimates that count as no readings.

        EEG and recording go on; the events ``session_pause`` and ``session_resume`` bound it.
        """

    def start_recording(self) -> None:
        """Begin a new recording file."""

    def stop_recording(self) -> None:
        """Finish the recording's file."""

    def stop(self) -> None:
        """End the session: finish the recording, silence the music, release the stream."""
