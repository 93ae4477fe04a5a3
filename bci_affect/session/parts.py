"""Interfaces of the parts that the engine uses off its data path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate, RestNormaliser
from bci_affect.eeg import Normaliser
from bci_affect.events import Normalisation, SessionEvent
from bci_affect.music import PlayerState, Track
from bci_affect.session.control import MusicControl
from bci_affect.session.snapshot import Level, MusicStatus, Policy, RecordingStatus
from bci_affect.streams import Source

Notify = Callable[[Level, str], None]
"""Function that shows one sentence to the user, at a level."""
OnEvent = Callable[[SessionEvent, float | None], None]
"""Function that receives an event and its LSL time (None for now)."""


class Publishing(Protocol):
    """Publisher of results to other programs."""

    def estimate(self, estimate: AffectEstimate) -> None:
        """Send an estimate."""

    def event(self, event: SessionEvent, time: float) -> None:
        """Send an event."""

    def close(self) -> None:
        """Close the outlets."""


class Recording(Protocol):
    """Recorder of the session, to `folder`; None until one is known."""

    folder: Path | None

    def start(self, source: Source) -> None:
        """Begin a new file, or continue the current one."""

    def stop(self) -> None:
        """Finish the file; safe to call twice."""

    def discard(self) -> None:
        """Finish and delete the file of a session that did not start."""

    def estimate(self, estimate: AffectEstimate) -> None:
        """Record an estimate."""

    def event(self, event: SessionEvent, time: float) -> None:
        """Record an event."""

    def status(self) -> RecordingStatus | None:
        """Return the state of the current or last recording; None before the first."""


class NormaliserStore(Protocol):
    """Store of a person's normalisation between sessions."""

    def start_event(
        self, channels: Sequence[str], normaliser: Normaliser | RestNormaliser
    ) -> Normalisation:
        """Return the event that records the session's initial normalisation."""

    def save(self, channels: Sequence[str], normaliser: Normaliser | RestNormaliser) -> None:
        """Save the normaliser's state for the person's next session."""


class SessionMusic(MusicControl, Protocol):
    """Music of a session, chosen and played on a thread of its own; every call returns at once."""

    @property
    def policy(self) -> Policy:
        """True policy; `status` shows a sham as ``follow``."""

    def start(self) -> None:
        """Start choosing and playing."""

    def offer(self, estimate: AffectEstimate | None) -> None:
        """Pass an estimate; the newest wins. None suspends choosing until the next."""

    def log_odds(self) -> NDArray[np.float64] | None:
        """Return the playing track's prediction, log-odds (2,); None while none plays."""

    def status(self) -> MusicStatus:
        """Return the state of player, playing track, and queue."""

    def close(self) -> None:
        """Stop the music and the thread."""


class PlayerControl(Protocol):
    """Player as the `MusicChooser` needs it; `bci_affect.music.AudioPlayer` implements it."""

    failed: frozenset[int]

    def state(self) -> PlayerState:
        """Return what is audible now."""

    def play(self, track: Track, start_s: float = 0.0) -> None:
        """Play from `start_s` on."""

    def skip_to(self, track: Track, fade_s: float | None = None) -> None:
        """Change to a track with a crossfade."""

    def enqueue(self, track: Track | None) -> None:
        """Set the next track."""
