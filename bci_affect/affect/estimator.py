"""Running estimate of affect from feature windows: normalise, predict, smooth, personalise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect.estimate import AffectEstimate
from bci_affect.affect.fusion import Personalisation, PersonalModel
from bci_affect.affect.step import AffectStep
from bci_affect.config import AffectSettings
from bci_affect.eeg import FeatureWindow, Montage, Normaliser, State
from bci_affect.model import Prediction, Predictor


class AffectEstimator:
    """Estimator of affect at each feature window; repeats the last estimate where there is none.

    Parameters
    ----------
    predictor : Predictor
        The loaded model.
    montage : Montage
        Channels of the windows.
    normaliser : Normaliser
        Causal normalisation to the person, updated by every window.
    settings : AffectSettings
        Smoothing and the quality below which an estimate is held.
    hop_s : float
        Seconds between two windows.
    personal : Personalisation, optional
        The person's own head, fusion with the music, and confidence; the population's by default.

    Notes
    -----
    Log-odds and embedding are smoothed by an exponential average over the windows that are
    readings, so that a held stretch changes nothing. A gap restarts the average.
    """

    def __init__(
        self,
        predictor: Predictor,
        montage: Montage,
        normaliser: Normaliser,
        settings: AffectSettings,
        hop_s: float,
        *,
        personal: Personalisation | None = None,
    ) -> None:
        self.normaliser = normaliser
        self.predictor = predictor
        self._positions = montage.positions
        self._settings = settings
        self.personal = personal or Personalisation(PersonalModel.population(predictor.space))
        self._weight = 1.0 - np.exp(-hop_s / settings.smoothing_s)
        self._smooth: NDArray[np.float64] | None = None  # (2 + d,): log-odds, then the embedding
        self._held: AffectEstimate | None = None
        self._music: NDArray[np.float64] | None = None
        self._electrodes_version = -1  # of the window that `_quality` was computed from
        self._quality = 0.0

    def set_music(self, logits: NDArray[np.float64] | None) -> None:
        """Set the playing music's prediction, log-odds (2,); None while nothing plays."""
        self._music = logits

    def update(self, windows: Sequence[FeatureWindow]) -> list[AffectStep]:
        """Return the step of each window; its estimate is held where the window is no reading.

        Windows of one call are predicted in one batch: a recording is many times faster so, and
        the numbers are the same.
        """
        shares = [self._share_of_good(window) for window in windows]
        states = [self._state(window, share) for window, share in zip(windows, shares, strict=True)]
        bands = [self.normaliser.apply(window) for window in windows]
        ok = [i for i, state in enumerate(states) if state is State.OK]
        predictions: dict[int, Prediction] = {}
        if ok:
            many = self.predictor.predict_many(
                np.stack([bands[i] for i in ok]),
                np.stack([windows[i].mask for i in ok]),
                self._positions,
            )
            predictions = {
                i: Prediction(many.embedding[n], many.attention[n], many.logits[n])
                for n, i in enumerate(ok)
            }
        return [
            self._read(window, bands[i], shares[i], predictions[i])
            if i in predictions
            else AffectStep(window, bands[i], None, None, self._hold(window, shares[i], states[i]))
            for i, window in enumerate(windows)
        ]

    def _share_of_good(self, window: FeatureWindow) -> float:
        """Return the mean quality, in which a masked electrode counts as 0."""
        if window.electrodes_version != self._electrodes_version and len(window.mask):
            self._electrodes_version = window.electrodes_version
            self._quality = float(np.where(window.mask, window.quality, 0.0).mean())
        return self._quality

    def _state(self, window: FeatureWindow, quality: float) -> State:
        """Return the window's state; too few good electrodes make it an artifact."""
        poor = quality < self._settings.min_quality or not np.count_nonzero(window.mask)
        return State.ARTIFACT if window.state is State.OK and poor else window.state

    def _read(
        self,
        window: FeatureWindow,
        bands: NDArray[np.float32],
        quality: float,
        prediction: Prediction,
    ) -> AffectStep:
        now = np.concatenate((prediction.logits, prediction.embedding), dtype=np.float64)
        if self._smooth is not None:
            now = self._smooth + self._weight * (now - self._smooth)
        self._smooth = now
        log_odds, embedding = now[:2], now[2:]
        reading = self.personal.apply(
            log_odds, embedding, quality, self._music, 0.0, time_s=window.time
        )
        valence, arousal = (float(prob) for prob in reading.eeg_prob)
        self._held = AffectEstimate(
            time=window.time,
            valence=2 * valence - 1,
            arousal=2 * arousal - 1,
            valence_prob=valence,
            arousal_prob=arousal,
            confidence=float(reading.eeg_confidence[0] + reading.eeg_confidence[1]) / 2,
            embedding=prediction.embedding,
            attention=prediction.attention,
            quality=quality,
            state=State.OK,
            reading=reading,
        )
        return AffectStep(window, bands, log_odds, embedding, self._held)

    def _hold(self, window: FeatureWindow, quality: float, state: State) -> AffectEstimate:
        """Return the last estimate again under the window's state, with no confidence."""
        if state is State.GAP:
            self._smooth = None
        if self._held is None:
            n_steps, n_channels, _ = window.bands.shape
            dim = self.predictor.space
            nan = float("nan")
            return AffectEstimate(
                time=window.time,
                valence=nan,
                arousal=nan,
                valence_prob=nan,
                arousal_prob=nan,
                confidence=0.0,
                embedding=np.zeros(dim, dtype=np.float32),
                attention=np.zeros((n_channels, n_steps), dtype=np.float32),
                quality=quality,
                state=state,
            )
        return replace(self._held, time=window.time, confidence=0.0, quality=quality, state=state)
