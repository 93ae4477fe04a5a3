"""What a live session says: estimates, and one consistent snapshot for whoever draws it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import FeatureWindow, State
from bci_affect.music import PlayerState, Suggestion, Track
from bci_affect.session.fusion import PersonalReading
from bci_affect.streams import Health, StreamInfo


@dataclass(frozen=True, slots=True)
class AffectEstimate:
    """Running estimate of how the listener seems to feel, with what it rests on.

    Attributes
    ----------
    time : float
        LSL time of the last EEG sample used.
    valence, arousal : float
        Smoothed estimate in [-1, 1].
    valence_prob, arousal_prob : float
        Calibrated probability that the dimension is high, 0 to 1.
    confidence : float
        0 to 1: calibrated certainty, gated by quality, novelty and age.
    embedding : ndarray of float32, shape (d,)
        Place in the common space of EEG and music.
    attention : ndarray of float32, shape (n_channels, n_steps)
        Share of the encoder's weight; sums to 1; masked electrodes have 0.
    quality : float
        Share of good electrodes, 0 to 1.
    state : State
        A reading only where it is ``OK``; otherwise the last reading is held.
    reading : PersonalReading or None
        The three estimates (EEG, music, both), the decision and its reasons, behind the numbers
        above, which are the EEG's alone; None before the first reading.
    """

    time: float
    valence: float
    arousal: float
    valence_prob: float
    arousal_prob: float
    confidence: float
    embedding: NDArray[np.float32]
    attention: NDArray[np.float32]
    quality: float
    state: State
    reading: PersonalReading | None = None


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
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class SessionSnapshot:
    """Everything that a window or dashboard shows, taken at one moment.

    Latencies are of the last minute, newest sample to estimate, in milliseconds. `band_names` and
    `step_s` name the axes of `window.bands`; `smoothing_s` is the estimate's time constant (NaN
    if unknown). `baseline` is mean and SD of the person's band features, shape (2, n_channels,
    n_bands), None until it is measured; `baseline_left_s` counts down while it is being measured.
    `paused` is True during a break (see `SessionControl.set_paused`).
    """

    time: float
    info: StreamInfo | None
    health: Health | None
    model_name: str
    model_summary: str
    profile: str
    policy: str
    target: tuple[float, float] | None
    window: FeatureWindow | None
    estimate: AffectEstimate | None
    latency_p50_ms: float
    latency_p99_ms: float
    player: PlayerState | None
    track: Track | None
    why: Suggestion | None
    queue: tuple[Suggestion, ...]
    recording: RecordingStatus | None
    messages: tuple[Message, ...]
    elapsed_s: float
    ended: bool
    band_names: tuple[str, ...] = ()
    step_s: float = 0.5
    smoothing_s: float = float("nan")
    baseline: NDArray[np.float32] | None = None
    baseline_left_s: float = 0.0
    paused: bool = False
