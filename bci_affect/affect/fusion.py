"""Fusion of EEG and music: three separate estimates, with a confidence that can be unsure.

The training room's calibration fits a person's parameters; this module applies them. A live
session makes one `Personalisation` from the profile's `PersonalModel` (or from
`PersonalModel.population` without a profile) and calls it once per estimate:

    personal = Personalisation(profile.personal or PersonalModel.population(d))
    reading = personal.apply(logits, embedding, quality, music_logits, age_s)
    reading.fused_prob      # what to show and to steer by, (2,): valence, arousal
    reading.eeg_prob, reading.music_prob            # always shown with it
    reading.confidence, reading.decision, reading.reasons
    personal.wants_baseline                         # drift: ask for a 60 s rest
    personal.rebaselined()                          # after it

All arrays of two are (valence, arousal), in this order. Probabilities are of *high*.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from bci_affect.affect.trust import FRESH_S, Drift, gate

Array = NDArray[np.float64]
Decision = Literal["high", "low", "unsure"]
DIMENSIONS = ("valence", "arousal")

MAX_LOGIT = 4.0
"""Population log-odds are clipped here before a personal head sees them, when fitting and live."""


def music_log_odds(valence: float, arousal: float) -> Array:
    """Return log-odds (2,) of high from a track's valence and arousal; NaN where unknown.

    A value p in [-1, 1] maps to the probability (1 + p) / 2, limited to 0.02 and 0.98.
    """
    prob = np.clip((1 + np.array([valence, arousal], dtype=np.float64)) / 2, 0.02, 0.98)
    return np.asarray(logit(prob))


@dataclass(frozen=True)
class DimensionModel:
    """Personal parameters of one dimension, fitted by calibration.

    Personal log-odds are ``gain * z + bias + weights @ embedding`` of the population's ``z``
    (clipped to `MAX_LOGIT`). Times ``live_gain`` they are calibrated for what is shown live.

    Attributes
    ----------
    gain, bias : float
        Of the population's log-odds.
    weights : ndarray of float64, shape (d,)
        On the embedding; zeros where the population head was kept.
    live_gain : float
        One over the temperature, from windows of held-out clips.
    conformal : float
        Quantile of ``1 - p(true side)`` over held-out clips: a side is possible where its
        probability is at least one minus this. 1 where clips are too few: always unsure.
    eeg_weight, music_weight, fused_bias : float
        Fusion of calibrated log-odds, by measured reliability.
    rung : str
        Which head is active, in words.
    informative : bool
        Whether the EEG was above chance on this person's held-out clips.
    """

    gain: float
    bias: float
    weights: Array
    live_gain: float = 1.0
    conformal: float = 1.0
    eeg_weight: float = 0.0
    music_weight: float = 1.0
    fused_bias: float = 0.0
    rung: str = "population head"
    informative: bool = False


@dataclass(frozen=True)
class PersonalModel:
    """Personal model for live use: the result of a calibration.

    Attributes
    ----------
    valence, arousal : DimensionModel
    centre : ndarray of float64, shape (d,)
        Mean embedding of the calibration's windows.
    directions : ndarray of float64, shape (d, k)
        Projects ``embedding - centre`` to unit spread over the calibration's windows.
    reach : float
        95th percentile of the calibration windows' distance there; infinity where unknown.
    created : float
        Unix time of the calibration; 0 for the population model.
    n_clips : int
        Clips that it rests on.
    model : str
        Identity of the encoder that the embedding belongs to.
    encoder : dict of str to ndarray
        Parameters of the encoder that were tuned to this person; empty where it is as it was.
    """

    valence: DimensionModel
    arousal: DimensionModel
    centre: Array
    directions: Array
    reach: float
    created: float = 0.0
    n_clips: int = 0
    model: str = ""
    encoder: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    @classmethod
    def population(cls, n_dim: int, model: str = "") -> PersonalModel:
        """Return the model without calibration: population head, reliability unknown.

        The EEG then has no weight in the fused estimate while music plays, and every decision is
        ``unsure``: the value of this person's EEG has not been measured.
        """
        neutral = DimensionModel(gain=1.0, bias=0.0, weights=np.zeros(n_dim))
        return cls(
            neutral, neutral, np.zeros(n_dim), np.zeros((n_dim, 0)), float("inf"), model=model
        )

    @property
    def is_population(self) -> bool:
        """True without calibration."""
        return self.n_clips == 0

    @property
    def dimensions(self) -> tuple[DimensionModel, DimensionModel]:
        """Valence and arousal, in the order of every array of two."""
        return self.valence, self.arousal


@dataclass(frozen=True)
class PersonalReading:
    """Three estimates of one moment. Every array has shape (2,): valence, arousal.

    Attributes
    ----------
    eeg_prob : ndarray
        Calibrated probability of high by this person's EEG alone.
    music_prob : ndarray
        By the playing track alone; NaN where none plays or it is unknown.
    fused_prob : ndarray
        Both, weighted by measured reliability; the EEG's where there is no music.
    eeg_weight : ndarray
        Share of the EEG in the fused log-odds, 0 to 1.
    confidence : ndarray
        Certainty of the fused estimate ``|2 p - 1|``, gated, 0 to 1.
    eeg_confidence : ndarray
        Certainty of the EEG's own estimate, gated, 0 to 1.
    decision : tuple of str
        ``high``, ``low`` or ``unsure`` for the EEG's estimate at 90 % (conformal).
    novelty : float
        Distance from the calibration's data: up to 1 is inside, NaN where unknown.
    reasons : tuple of str
        Why confidence is low or a weight is zero, in words for the screen.
    calibrated : bool
        True for a personal model; the population's probabilities and confidence have not been
        tested on this person.
    """

    eeg_prob: Array
    music_prob: Array
    fused_prob: Array
    eeg_weight: Array
    confidence: Array
    eeg_confidence: Array
    decision: tuple[Decision, Decision]
    novelty: float
    reasons: tuple[str, ...]
    calibrated: bool = True


def personal_logits(personal: PersonalModel, logits: Array, embedding: Array) -> Array:
    """Return this person's calibrated log-odds (2,) from the population's (2,) and embedding (d,).

    Raises
    ------
    ValueError
        If the embedding's length is not the profile's (another model's profile).
    """
    if len(embedding) != len(personal.centre):
        raise ValueError(
            f"embedding has {len(embedding)} values, the personal model {len(personal.centre)}"
        )
    return np.array(
        [
            (m.gain * _limited(float(z), MAX_LOGIT) + m.bias + float(m.weights @ embedding))
            * m.live_gain
            for m, z in zip(personal.dimensions, logits, strict=True)
        ]
    )


def _limited(value: float, most: float) -> float:
    """Limit a value to +-`most`; NaN stays NaN. Ten times faster than an array's clip."""
    return value if value != value else min(max(value, -most), most)


def fuse(personal: PersonalModel, eeg: Array, music: Array | None) -> tuple[Array, Array]:
    """Fuse calibrated log-odds of the EEG (2,) and of the music (2,), NaN or None where unknown.

    Returns
    -------
    logit, eeg_share : ndarray, shape (2,)
        Fused log-odds, and the EEG's share of the weights. Without music the share is 1.
    """
    fused = np.empty(2)
    share = np.empty(2)
    for j, model in enumerate(personal.dimensions):
        if music is None or not np.isfinite(music[j]):
            fused[j], share[j] = eeg[j], 1.0
            continue
        fused[j] = (
            model.eeg_weight * eeg[j] + model.music_weight * float(music[j]) + model.fused_bias
        )
        total = model.eeg_weight + model.music_weight
        share[j] = model.eeg_weight / total if total > 0 else 0.0
    return fused, share


def novelty(personal: PersonalModel, embedding: Array) -> float:
    """Return the distance of an embedding from the calibration's windows (95th percentile: 1)."""
    if not math.isfinite(personal.reach):
        return float("nan")
    place = (embedding - personal.centre) @ personal.directions
    return float(np.sqrt(np.mean(place**2)) / personal.reach)


def decide(prob: float, conformal: float) -> Decision:
    """Return the conformal decision at 90 %: the only possible side, or ``unsure``."""
    high = 1.0 - prob <= conformal
    low = prob <= conformal
    if high == low:  # both are possible, or neither
        return "unsure"
    return "high" if high else "low"


class Personalisation:
    """Personalisation of the encoder's output, estimate by estimate.

    Parameters
    ----------
    personal : PersonalModel
        From a profile, or `PersonalModel.population`.
    now : float, optional
        Unix time, for the calibration's age.
    """

    def __init__(self, personal: PersonalModel, *, now: float | None = None) -> None:
        self.personal = personal
        moment = time.time() if now is None else now
        self._age_days = (
            (moment - personal.created) / 86400.0 if not personal.is_population else float("nan")
        )
        self._drift = Drift()

    @property
    def wants_baseline(self) -> bool:
        """True if drift calls for a 60 s rest with open eyes."""
        return self._drift.detected

    def rebaselined(self) -> None:
        """Reset the drift after a rest baseline."""
        self._drift.reset()

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
        """Compute the three estimates from the encoder's output.

        Parameters
        ----------
        logits : ndarray, shape (2,)
            Population log-odds of high valence and arousal, smoothed as they are shown.
        embedding : ndarray, shape (d,)
            The encoder's embedding, smoothed likewise.
        quality : float
            Share of good electrodes, 0 to 1.
        music_logits : ndarray, shape (2,), or None
            Log-odds of high by the playing track; NaN or None where unknown.
        age_s : float
            Seconds since the last valid window; 0 for a reading of now.
        time_s : float, optional
            LSL time of a valid window, for the drift; None for others.
        """
        z = np.asarray(logits, dtype=np.float64)
        x = np.asarray(embedding, dtype=np.float64)
        music = None if music_logits is None else np.asarray(music_logits, dtype=np.float64)
        eeg = personal_logits(self.personal, z, x)
        fused, share = fuse(self.personal, eeg, music)
        distance = novelty(self.personal, x)
        if time_s is not None and age_s <= FRESH_S:
            self._drift.update(time_s, distance)
        trust = gate(quality, distance, age_s, self._age_days)
        product = trust.product
        probs = expit(np.array((eeg, fused)))  # together: arrays of two cost as much as of four
        certainty = np.abs(2 * probs - 1)
        eeg_prob, fused_prob = probs
        eeg_confidence = certainty[0] * product
        # The part that depends on the music alone does not fade with the EEG's quality.
        confidence = certainty[1] * (share * product + (1 - share))
        decision = tuple(
            decide(p, m.conformal) if product >= 0.5 else "unsure"
            for p, m in zip(eeg_prob.tolist(), self.personal.dimensions, strict=True)
        )
        return PersonalReading(
            eeg_prob=eeg_prob,
            music_prob=np.full(2, np.nan) if music is None else expit(music),
            fused_prob=fused_prob,
            eeg_weight=share,
            confidence=confidence,
            eeg_confidence=eeg_confidence,
            decision=(decision[0], decision[1]),
            novelty=distance,
            reasons=trust.reasons + self._permanent_reasons(music),
            calibrated=not self.personal.is_population,
        )

    def _permanent_reasons(self, music: Array | None) -> tuple[str, ...]:
        """Return the reasons that hold for this person at all times."""
        if self.personal.is_population:
            return ("not calibrated to you: what your EEG tells is unknown",)
        out: list[str] = []
        for name, model in zip(DIMENSIONS, self.personal.dimensions, strict=True):
            if not model.informative:
                weight = "" if music is None else ", so the music decides"
                out.append(f"your EEG is not above chance for {name}{weight}")
        return tuple(out)
