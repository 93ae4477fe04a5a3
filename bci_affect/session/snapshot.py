"""Snapshot of a live session: one consistent state for a window or dashboard to draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate
from bci_affect.eeg import FeatureWindow
from bci_affect.music import PlayerState, Suggestion, Track
from bci_affect.streams import Health, StreamInfo


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
