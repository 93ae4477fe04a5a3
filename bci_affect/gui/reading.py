"""Rules for showing an estimate: as a reading, as unsure, held, or not at all.

All panels use these rules, so that none shows a number with more certainty than it has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate
from bci_affect.eeg import State
from bci_affect.gui.texts import tr
from bci_affect.session import SessionSnapshot
from bci_affect.streams import ConnectionState

UNSURE_BELOW = 0.2
"""Confidence under which an estimate without a decision is shown as unsure: about 60 to 40."""
STALE_S = 2.0
"""Age in seconds after which an estimate is no longer a reading."""


class Kind(StrEnum):
    """Style of an estimate: filled, hollow with a question mark, grey, or not drawn."""

    READING = "reading"
    UNSURE = "unsure"
    HELD = "held"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Reading:
    """Estimate with the style in which it is shown, and the reason.

    Attributes
    ----------
    kind : Kind
        The style.
    valence, arousal : float
        The EEG's estimate in [-1, 1]; NaN where `kind` is ``NONE``.
    confidence : float
        Of the EEG's estimate, 0 to 1.
    why : str
        One short sentence: the reason why it is not a reading, or its limits; else "".
    age_s : float
        Since the last sample that was used.
    decisions : tuple of str
        ``high``, ``low`` or ``unsure`` for valence and arousal; "" without a decision.
    fused : tuple of float, or None
        EEG and music weighed by their measured reliability, in [-1, 1]; None without music.
    probabilities, confidences : tuple of float
        Probability of high, and confidence, of valence and arousal by the EEG alone.
    calibrated : bool
        False where probabilities and confidence have not been tested on this person.
    """

    kind: Kind
    valence: float
    arousal: float
    confidence: float
    why: str
    age_s: float
    decisions: tuple[str, str] = ("", "")
    fused: tuple[float, float] | None = None
    probabilities: tuple[float, float] = (math.nan, math.nan)
    confidences: tuple[float, float] = (math.nan, math.nan)
    calibrated: bool = False


def is_sure(estimate: AffectEstimate) -> bool:
    """Return True if at least one dimension is decided at 90 %."""
    if estimate.reading is not None:
        return any(decision != "unsure" for decision in estimate.reading.decision)
    return estimate.confidence >= UNSURE_BELOW


_STATE_WORDS = {
    State.WARMING: "Filters and window are filling",
    State.ARTIFACT: "Artifacts in the signal",
    State.GAP: "Samples are missing",
    State.LOST: "The stream is gone",
    State.PAUSED: "Break: the numbers are held",
}


def classify(snapshot: SessionSnapshot) -> Reading:
    """Return the newest estimate of a snapshot with the style in which it is shown."""
    estimate = snapshot.affect.estimate
    lost = _connection_trouble(snapshot)
    if estimate is None or not (
        math.isfinite(estimate.valence) and math.isfinite(estimate.arousal)
    ):
        why = lost or (_state_reason(snapshot, estimate) if estimate else tr("No estimate yet"))
        return Reading(Kind.NONE, math.nan, math.nan, 0.0, why, math.nan)
    age = max(0.0, snapshot.clock.time - estimate.time)
    if lost:
        kind, why = Kind.HELD, lost
    elif snapshot.clock.paused:
        kind, why = Kind.HELD, tr("Break: the numbers are held")
    elif estimate.state is not State.OK:
        kind, why = Kind.HELD, _state_reason(snapshot, estimate)
    elif age > STALE_S:
        kind, why = Kind.HELD, tr("No new estimate for {age:.0f} s", age=age)
    elif not is_sure(estimate):
        kind = Kind.UNSURE
        why = _standing(estimate) or tr("Low confidence: could be either side of the middle")
    else:
        kind, why = Kind.READING, _standing(estimate)
    return Reading(
        kind,
        estimate.valence,
        estimate.arousal,
        estimate.confidence,
        why,
        age,
        decisions=estimate.reading.decision if estimate.reading is not None else ("", ""),
        fused=_fused(estimate) if kind is not Kind.HELD else None,
        probabilities=(estimate.valence_prob, estimate.arousal_prob),
        confidences=_confidences(estimate),
        calibrated=estimate.reading is not None and estimate.reading.calibrated,
    )


def _confidences(estimate: AffectEstimate) -> tuple[float, float]:
    if estimate.reading is None:
        return estimate.confidence, estimate.confidence
    valence, arousal = (float(value) for value in estimate.reading.eeg_confidence)
    return valence, arousal


def _standing(estimate: AffectEstimate) -> str:
    """Return the limits of an estimate as sentences of the session."""
    if estimate.reading is None or not estimate.reading.reasons:
        return ""
    text = "; ".join(estimate.reading.reasons)
    return text[:1].upper() + text[1:]


def _fused(estimate: AffectEstimate) -> tuple[float, float] | None:
    reading = estimate.reading
    if reading is None or not np.isfinite(reading.music_prob).any():
        return None
    valence, arousal = 2 * np.asarray(reading.fused_prob) - 1
    return float(valence), float(arousal)


def _connection_trouble(snapshot: SessionSnapshot) -> str:
    if snapshot.clock.ended:
        return tr("The session has ended")
    health = snapshot.stream.health if snapshot.stream is not None else None
    if health is None or health.state is ConnectionState.STREAMING:
        return ""
    return health.reason or tr("The source is {state}", state=health.state.value)


def _state_reason(snapshot: SessionSnapshot, estimate: AffectEstimate) -> str:
    if estimate.state is State.OK:
        return ""
    window = snapshot.affect.window
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
