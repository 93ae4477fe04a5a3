"""Snapshot of a live session: one consistent state for a window or dashboard to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate
from bci_affect.eeg import FeatureWindow
from bci_affect.music import PlayerState, Suggestion, Track
from bci_affect.streams import Health, SideStream, StreamInfo

Policy = Literal["follow", "steer", "sham", "music-only", "manual"]
Level = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class SessionClock:
    """Time and life of a session.

    Attributes
    ----------
    time : float
        LSL time of the snapshot; the recording's clock in a replay.
    elapsed_s : float
        Seconds since the start.
    paused : bool
        True during a break (see `SessionControl.set_paused`).
    ended : bool
        True once the source has ended or the session was stopped.
    """

    time: float
    elapsed_s: float
    paused: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """EEG stream: its description and its health; and the streams that are received with it."""

    info: StreamInfo
    health: Health
    sides: tuple[SideStream, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Model in use, the profile it is tuned to, and the axes of what it reads.

    Attributes
    ----------
    name, summary : str
        From the model file.
    profile : str
        Name of the profile; "" for none.
    band_names : tuple of str
        Last axis of `AffectStatus.window.bands`.
    step_s : float
        Seconds per time step of the window; NaN before the start.
    smoothing_s : float
        Time constant of the estimate; NaN before the start.
    """

    name: str
    summary: str
    profile: str = ""
    band_names: tuple[str, ...] = ()
    step_s: float = float("nan")
    smoothing_s: float = float("nan")


@dataclass(frozen=True, slots=True)
class AffectStatus:
    """Newest window and estimate, with the latency of the last minute.

    Attributes
    ----------
    window : FeatureWindow or None
        None before the first.
    estimate : AffectEstimate or None
        Estimate at that window.
    latency_p50_ms, latency_p99_ms : float
        Milliseconds from the newest sample to the estimate; NaN without estimates.
    """

    window: FeatureWindow | None = None
    estimate: AffectEstimate | None = None
    latency_p50_ms: float = float("nan")
    latency_p99_ms: float = float("nan")


@dataclass(frozen=True, slots=True)
class BaselineStatus:
    """Rest baseline of the person.

    Attributes
    ----------
    features : ndarray of float32, shape (2, n_channels, n_bands), or None
        Mean and SD of the band features; None until measured.
    left_s : float
        Seconds left of a running measurement; 0 if none runs.
    """

    features: NDArray[np.float32] | None = None
    left_s: float = 0.0


@dataclass(frozen=True, slots=True)
class MusicStatus:
    """Player, playing track, reason for its choice, and queue.

    Attributes
    ----------
    player : PlayerState
    track : Track or None
        Playing track; None while none plays.
    why : Suggestion or None
        Reason for its choice; None where it was not chosen by the program.
    queue : tuple of Suggestion
        Next tracks.
    policy : str
        How music is chosen; a sham shows as ``follow``, so that the listener stays blinded.
    target : (float, float) or None
        Valence and arousal of the target of steering.
    """

    player: PlayerState
    track: Track | None = None
    why: Suggestion | None = None
    queue: tuple[Suggestion, ...] = ()
    policy: Policy = "follow"
    target: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class RecordingStatus:
    """A recording in progress (or the last one): file, bytes written, seconds, and any error.

    `active` is False once the file is finished.
    """

    path: str
    size_bytes: int
    seconds: float
    error: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Message:
    """One sentence for the user, with its LSL time and level (``info``, ``warning``, ``error``)."""

    time: float
    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class SessionSnapshot:
    """Consistent state of a session for a window or dashboard.

    Attributes
    ----------
    clock : SessionClock
    stream : StreamStatus or None
        None before the stream is open.
    model : ModelStatus
    affect : AffectStatus
    baseline : BaselineStatus
    music : MusicStatus or None
        None for a session without music.
    recording : RecordingStatus or None
        None before the first recording.
    messages : tuple of Message
        The newest messages, oldest first.
    """

    clock: SessionClock
    stream: StreamStatus | None
    model: ModelStatus
    affect: AffectStatus
    baseline: BaselineStatus
    music: MusicStatus | None
    recording: RecordingStatus | None
    messages: tuple[Message, ...]
