"""What the engine asks of the parts that stand beside its data path, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate
from bci_affect.eeg import Normaliser
from bci_affect.music import PlayerState, Suggestion, Track
from bci_affect.session.control import Policy
from bci_affect.session.snapshot import RecordingStatus
from bci_affect.streams import Source

Notify = Callable[[str], None]
"""Takes one sentence for the user."""
OnEvent = Callable[[dict[str, object], float | None], None]
"""Takes an event's fields and its LSL time (now, where None)."""


class Publishing(Protocol):
    """Sends results to other programs."""

    def estimate(self, estimate: AffectEstimate) -> None:
        """Send an estimate."""

    def event(self, text: str, time: float) -> None:
        """Send an event, one JSON object."""

    def close(self) -> None:
        """Go off the network."""


class Recording(Protocol):
    """Records the session."""

    def start(self, source: Source) -> None:
        """Begin a new file, or go on with the one that runs."""

    def stop(self) -> None:
        """Finish the file; safe to call twice."""

    def discard(self) -> None:
        """Finish the file and take it away: there never was a session."""

    def estimate(self, estimate: AffectEstimate) -> None:
        """Record an estimate."""

    def event(self, text: str, time: float) -> None:
        """Record an event, one JSON object."""

    def status(self) -> RecordingStatus | None:
        """Say how the recording, or the last one, stands; None before the first."""


class NormaliserStore(Protocol):
    """Saves a person's normalisation from session to session."""

    def start_event(self, channels: Sequence[str], normaliser: Normaliser) -> dict[str, object]:
        """Return the event that records the session's initial normalisation."""

    def save(self, channels: Sequence[str], normaliser: Normaliser) -> None:
        """Save the normaliser's state for the person's next session."""


class Music(Protocol):
    """Chooses and plays music on a thread of its own; every call returns at once."""

    def start(self) -> None:
        """Begin to choose and play."""

    def offer(self, estimate: AffectEstimate | None) -> None:
        """Leave an estimate; the newest wins. None: nothing is chosen until the next."""

    def logits(self) -> NDArray[np.float64] | None:
        """Return what the playing track predicts, log-odds (2,); None while none plays."""

    def state(
        self,
    ) -> tuple[PlayerState, Track | None, Suggestion | None, tuple[Suggestion, ...]]:
        """Return player, playing track, why it plays, and what comes next."""

    def play(self) -> None:
        """Start or go on playing."""

    def pause(self) -> None:
        """Pause."""

    def skip(self) -> None:
        """Change to the next track."""

    def seek(self, position_s: float) -> None:
        """Move within the playing track."""

    def set_volume(self, volume: float) -> None:
        """Set the volume, 0 to 1."""

    def choose(self, track_id: int) -> None:
        """Play this track now."""

    def pin(self, track_id: int, pinned: bool) -> None:
        """Have a track follow what plays, or take it back."""

    def like(self, track_id: int, liked: bool) -> None:
        """Like a track, or take it back."""

    def ban(self, track_id: int, banned: bool) -> None:
        """Ban a track, or take it back."""

    def set_policy(self, policy: Policy) -> None:
        """Change how music is chosen."""

    def set_target(self, valence: float, arousal: float) -> None:
        """Set the target of steering."""

    def close(self) -> None:
        """Silence the music and end."""


class PlayerControl(Protocol):
    """What the choice of music asks of a player; `bci_affect.music.AudioPlayer` gives it."""

    failed: frozenset[int]

    def state(self) -> PlayerState:
        """Return what is heard now."""

    def play(self, track: Track, start_s: float = 0.0) -> None:
        """Play from a place on."""

    def skip_to(self, track: Track, fade_s: float | None = None) -> None:
        """Change to a track with a crossfade."""

    def enqueue(self, track: Track | None) -> None:
        """Set what follows."""
