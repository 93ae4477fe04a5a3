"""How an estimate may be shown: as a reading, as unsure, held, or not at all.

The one place that decides it, so that no panel shows a number with more certainty than it has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import State
from bci_affect.gui.texts import tr
from bci_affect.session import AffectEstimate, SessionSnapshot
from bci_affect.streams import ConnectionState

UNSURE_BELOW = 0.2
"""Confidence under which an estimate is shown as unsure: about a 60 to 40 probability."""
STALE_S = 2.0
"""An estimate older than this is no reading any more, whatever it says of itself."""


class Kind(StrEnum):
    """How an estimate is drawn: filled, hollow with a question mark, greyed, or not."""

    READING = "reading"
    UNSURE = "unsure"
    HELD = "held"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Reading:
    """An estimate with the manner in which it may be shown, and why.

    `valence` and `arousal` are NaN where `kind` is ``NONE``; `why` is one short sentence, "" for a
    plain reading; `age_s` counts from the last sample that was used.
    """

    kind: Kind
    valence: float
    arousal: float
    confidence: float
    why: str
    age_s: float


_STATE_WORDS = {
    State.WARMING: "Filters and window are filling",
    State.ARTIFACT: "Artefacts in the signal",
    State.GAP: "Samples are missing",
    State.LOST: "The stream is gone",
}


def judge(snapshot: SessionSnapshot) -> Reading:
    """Decide how the newest estimate of a snapshot may be shown."""
    estimate = snapshot.estimate
    lost = _connection_trouble(snapshot)
    if estimate is None or not (
        math.isfinite(estimate.valence) and math.isfinite(estimate.arousal)
    ):
        why = lost or (_state_reason(snapshot, estimate) if estimate else tr("No estimate yet"))
        return Reading(Kind.NONE, math.nan, math.nan, 0.0, why, math.nan)
    age = max(0.0, snapshot.time - estimate.time)
    if lost:
        kind, why = Kind.HELD, lost
    elif estimate.state is not State.OK:
        kind, why = Kind.HELD, _state_reason(snapshot, estimate)
    elif age > STALE_S:
        kind, why = Kind.HELD, tr("No new estimate for {age:.0f} s", age=age)
    elif estimate.confidence < UNSURE_BELOW:
        kind, why = Kind.UNSURE, tr("Low confidence: could be either side of the middle")
    else:
        kind, why = Kind.READING, ""
    return Reading(kind, estimate.valence, estimate.arousal, estimate.confidence, why, age)


def _connection_trouble(snapshot: SessionSnapshot) -> str:
    if snapshot.ended:
        return tr("The session has ended")
    health = snapshot.health
    if health is None or health.state is ConnectionState.STREAMING:
        return ""
    return health.reason or tr("The source is {state}", state=health.state.value)


def _state_reason(snapshot: SessionSnapshot, estimate: AffectEstimate) -> str:
    if estimate.state is State.OK:
        return ""
    window = snapshot.window
    if window is not None and window.reasons and window.state is estimate.state:
        return window.reasons[0]
    return tr(_STATE_WORDS[estimate.state])


def spread_ellipse(
    valence: NDArray[np.float64], arousal: NDArray[np.float64], n_points: int = 48
) -> NDArray[np.float64] | None:
    """Return the one-standard-deviation ellipse around the last readings, or None with under eight.

    Returns
    -------
    ndarray, shape (n_points, 2), or None
        Closed curve in valence and arousal, centred on the newest reading.
    """
    if len(valence) < 8:
        return None
    points = np.stack([valence, arousal])  # (2, n)
    values, vectors = np.linalg.eigh(np.cov(points) + 1e-6 * np.eye(2))
    angle = np.linspace(0, 2 * np.pi, n_points)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    axes = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray((axes @ circle + points[:, -1:]).T)


def fuse(estimate: Reading, music: tuple[float, float, float, float]) -> tuple[float, float]:
    """Weigh the EEG's estimate and the music's prediction by their certainty.

    Parameters
    ----------
    estimate : Reading
        The EEG's; its confidence is its weight, 0 where it is not a reading.
    music : tuple
        Valence, arousal and their SDs, as the library predicts them; weight 1 / (1 + (2 sd)^2).

    Returns
    -------
    tuple of float
        Valence and arousal; NaN where neither says anything.
    """
    weight = estimate.confidence if estimate.kind in (Kind.READING, Kind.UNSURE) else 0.0
    fused = []
    for own, other, sd in (
        (estimate.valence, music[0], music[2]),
        (estimate.arousal, music[1], music[3]),
    ):
        weights = np.array([weight, 1.0 / (1.0 + 4.0 * sd * sd) if math.isfinite(sd) else 0.5])
        pair = np.array([own, other])
        weights[~np.isfinite(pair)] = 0.0
        total = weights.sum()
        fused.append(float(np.nansum(weights * np.nan_to_num(pair)) / total) if total else math.nan)
    return fused[0], fused[1]
