"""One recording through the live path, with all that calibration wants to know of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import (
    AffectPath,
    Array,
    Personalisation,
    PersonalModel,
    PersonalReading,
    analyse,
)
from bci_affect.config import LiveSettings
from bci_affect.datasets import (
    Labels,
    Segment,
    find_segments,
    format_marker_names,
    session_of,
    subject_of,
)
from bci_affect.eeg import FeatureWindow, Normaliser, State
from bci_affect.errors import BciAffectError
from bci_affect.event_log import Breaks
from bci_affect.model import Predictor
from bci_affect.profiles import normalisation_key
from bci_affect.streams import Marker, XdfSource

EVERY_S = 0.5
"""Spacing of the readings that are kept of a clip."""


class _Tap(Personalisation):
    """Keeps what the live path would give to a person's head."""

    def __init__(self, n_dim: int) -> None:
        super().__init__(PersonalModel.population(n_dim))
        self.seen: list[tuple[float, Array, Array]] = []

    def apply(
        self,
        logits: NDArray[np.floating],
        embedding: NDArray[np.floating],
        quality: float,
        music_logits: NDArray[np.floating] | None,
        age_s: float,
        *,
        time_s: float | None = None,
    ) -> PersonalReading:
        if time_s is not None:
            self.seen.append((time_s, np.array(logits, float), np.array(embedding, float)))
        return super().apply(logits, embedding, quality, music_logits, age_s, time_s=time_s)


class _Keeper(Normaliser):
    """A normaliser that keeps some of the windows that the encoder is given."""

    def keep(self, spans: Sequence[tuple[float, float]]) -> None:
        """Keep a window every `EVERY_S` inside these spans of time from now on."""
        self._spans = spans
        self.kept: dict[float, tuple[NDArray[np.float32], NDArray[np.bool_]]] = {}
        self._last = -np.inf

    def apply(self, window: FeatureWindow) -> NDArray[np.float32]:
        bands = super().apply(window)
        inside = any(start <= window.time <= stop for start, stop in self._spans)
        if inside and window.state is State.OK and window.time - self._last >= EVERY_S - 1e-3:
            self._last = window.time
            self.kept[window.time] = (bands, window.mask.copy())
        return bands


@dataclass(frozen=True)
class Run:
    """One recording after the live path.

    Attributes
    ----------
    path : Path
    subject, session : str
    channels : tuple of str
    positions : ndarray, shape (n_channels, 3)
    time : ndarray, shape (n,)
        LSL times of the readings.
    logit : ndarray, shape (n, 2)
        Smoothed population log-odds.
    embedding : ndarray, shape (n, d)
        Smoothed.
    attention : ndarray, shape (n_channels,)
        Mean share of each electrode.
    quality_time, quality : ndarray, shape (m,)
        Share of good electrodes at every window, readings or not.
    segments : list of Segment
    alpha_rise : float
        Rise of alpha with closed eyes in nats, NaN without both rests.
    messages : tuple of str
        What the signal path found.
    kept : dict of float to (bands, mask)
        By LSL time, some windows as the encoder was given them.
    """

    path: Path
    subject: str
    session: str
    channels: tuple[str, ...]
    positions: NDArray[np.float32]
    time: Array
    logit: Array
    embedding: Array
    attention: Array
    quality_time: Array
    quality: Array
    segments: list[Segment]
    alpha_rise: float
    messages: tuple[str, ...]
    kept: dict[float, tuple[NDArray[np.float32], NDArray[np.bool_]]] = field(
        default_factory=dict, repr=False
    )


@dataclass(frozen=True)
class Plan:
    """A recording that was opened, and what its markers say."""

    source: XdfSource
    path: Path
    subject: str
    session: str
    segments: list[Segment]


def plan_of(path: Path, labels: Labels, stream: str | None) -> Plan:
    """Open a recording and read its markers, before any long work.

    Raises
    ------
    BciAffectError
        If it cannot be read, or its markers name no rated clip.
    """
    source = XdfSource(path, stream=stream, speed=float("inf"))
    source.open()
    eeg = source.recording.find_eeg(stream)
    end = float(eeg.corrected()[-1])
    return Plan(
        source=source,
        path=path,
        subject=subject_of(path, labels),
        session=session_of(path, labels),
        segments=_segments(path, source.recording.markers(), end, labels),
    )


def run_through(
    plan: Plan,
    predictor: Predictor,
    model: str,
    settings: LiveSettings,
    states: dict[str, dict[str, NDArray[Any]]],
    progress: Callable[[str, float], None],
) -> tuple[Run, dict[str, dict[str, NDArray[Any]]], float]:
    """Run one recording through the live path.

    Returns
    -------
    run : Run
    state : dict
        State of the normaliser at its end, by its key in profiles.
    smoothing_s : float
        Time constant of the readings.
    """
    source, path, segments = plan.source, plan.path, plan.segments
    info = source.info
    key = normalisation_key(model, info.labels)
    tap = _Tap(predictor.space)
    live = AffectPath(
        predictor,
        info.rate_hz,
        info.montage,
        units=info.units,
        signal=settings.signal,
        affect=settings.affect,
        normaliser=Normaliser.from_state(states[key]) if key in states else None,
        personal=tap,
    )
    keeper = _Keeper.from_state(live.estimator.normaliser.state())
    assert isinstance(keeper, _Keeper)
    rated = [s for s in segments if not s.rest and np.isfinite(s.valence)]
    keeper.keep([stretch for segment in rated for stretch in segment.stretches])
    live.estimator.normaliser = keeper
    alpha = list(live.settings.bands).index("alpha") if "alpha" in live.settings.bands else None
    times: list[float] = []
    quality: list[float] = []
    attention = np.zeros(len(info.labels))
    alphas: list[tuple[float, float]] = []
    first: float | None = None
    for window, estimate in analyse(source, live, Breaks(source.recording.events())):
        first = window.time if first is None else first
        times.append(window.time)
        quality.append(estimate.quality)
        if estimate.state is State.OK:
            attention += estimate.attention.sum(axis=1)
            if alpha is not None:
                alphas.append((window.time, float(window.bands[-1, window.mask, alpha].mean())))
        progress(path.name, (window.time - first) / max(source.duration_s, 1e-9))
    source.close()
    if not times:
        raise BciAffectError(f"{path.name} is too short to hold one window of EEG.")
    run = Run(
        path=path,
        subject=plan.subject,
        session=plan.session,
        channels=info.labels,
        positions=info.montage.positions,
        time=np.array([time for time, _, _ in tap.seen]),
        logit=np.array([logit for _, logit, _ in tap.seen]).reshape(-1, 2),
        embedding=np.array([x for _, _, x in tap.seen]).reshape(-1, predictor.space),
        attention=attention / max(attention.sum(), 1e-12),
        quality_time=np.array(times),
        quality=np.array(quality),
        segments=segments,
        alpha_rise=_alpha_rise(segments, alphas),
        messages=live.pipeline.messages,
        kept=keeper.kept,
    )
    return run, {key: live.estimator.normaliser.state()}, live.smoothing_s


def _segments(path: Path, markers: list[Marker], end: float, labels: Labels) -> list[Segment]:
    segments = find_segments(markers, end, labels)
    clips = [s for s in segments if not s.rest]
    if not clips:
        wanted = ", ".join(f"'{name}'" for name in labels.labels) or "clip_start with ratings"
        raise BciAffectError(
            f"No marker of {path.name} ({format_marker_names(markers)}) is one of the labels "
            f"({wanted}); name its markers under [labels]."
        )
    if not any(np.isfinite(s.valence) for s in clips):
        raise BciAffectError(
            f"{path.name} has {len(clips)} clips and no rating of any of them; add [labels] for "
            "its markers or rate clips while recording."
        )
    return segments


def _alpha_rise(segments: list[Segment], alphas: list[tuple[float, float]]) -> float:
    """Alpha with closed eyes against open ones, in nats of power."""
    found = {}
    for kind in ("open", "closed"):
        names = (kind, f"eyes_{kind}")
        stretches = [one for s in segments if s.rest in names for one in s.stretches]
        spans = [(start + 2.0, stop) for start, stop in stretches]
        values = [a for t, a in alphas if any(low <= t <= high for low, high in spans)]
        found[kind] = float(np.median(values)) if values else float("nan")
    return found["closed"] - found["open"]
