"""Running estimate of affect from feature windows: normalise, predict, smooth, personalise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect.estimate import AffectEstimate
from bci_affect.affect.fusion import Personalisation, PersonalModel
from bci_affect.affect.rest import ReferenceKind, RestNormaliser
from bci_affect.affect.step import AffectStep
from bci_affect.config import AffectSettings
from bci_affect.eeg import FeatureWindow, Montage, Normaliser, State
from bci_affect.model import Prediction, Predictor, RestScore


class _Input(NamedTuple):
    """Window with everything that a prediction is made from."""

    window: FeatureWindow
    quality: float
    state: State
    bands: NDArray[np.float32]
    person: NDArray[np.float32] | None = None
    score: RestScore | None = None
    n_electrodes: int = 0
    reference: ReferenceKind | None = None


class AffectEstimator:
    """Estimator of affect at each feature window; repeats the last estimate where there is none.

    Parameters
    ----------
    predictor : Predictor
        The loaded model.
    montage : Montage
        Channels of the windows.
    normaliser : Normaliser or RestNormaliser
        Causal normalisation to the person, updated by every window; a `RestNormaliser` for models
        that need the person's rest.
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
        normaliser: Normaliser | RestNormaliser,
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
        self._scores: dict[bytes, RestScore] = {}  # by mask
        self._scored_with: tuple[int, Predictor] | None = None

    def set_music(self, logits: NDArray[np.float64] | None) -> None:
        """Set the playing music's prediction, log-odds (2,); None while nothing plays."""
        self._music = logits

    def update(self, windows: Sequence[FeatureWindow]) -> list[AffectStep]:
        """Return the step of each window; its estimate is held where the window is no reading.

        Windows of one call are predicted in one batch: a recording is many times faster so, and
        the numbers are the same.
        """
        inputs = [self._input(window) for window in windows]
        ok = [i for i, one in enumerate(inputs) if one.state is State.OK]
        predictions: dict[int, Prediction] = {}
        if ok:
            people = [person for i in ok if (person := inputs[i].person) is not None]
            many = self.predictor.predict_many(
                np.stack([inputs[i].bands for i in ok]),
                np.stack([windows[i].mask for i in ok]),
                self._positions,
                np.stack(people) if people else None,
            )
            predictions = {
                i: Prediction(many.embedding[n], many.attention[n], many.logits[n])
                for n, i in enumerate(ok)
            }
        return [
            self._read(one, predictions[i])
            if i in predictions
            else AffectStep(one.window, one.bands, None, None, self._hold(one), one.person)
            for i, one in enumerate(inputs)
        ]

    def _input(self, window: FeatureWindow) -> _Input:
        """Normalise a window to the person, and update what is normal for the person."""
        quality = self._share_of_good(window)
        state = self._state(window, quality)
        if isinstance(self.normaliser, Normaliser):
            return _Input(window, quality, state, self.normaliser.apply(window))
        against = self.normaliser.apply(window)
        reference, features = self.normaliser.kind, against.features
        if features is None:
            state = State.ARTIFACT if state is State.OK else state
            return _Input(window, quality, state, against.bands, reference=reference)
        score = self._rest_score(window) if state is State.OK else None
        person = features.vector.astype(np.float32)
        n_electrodes = len(features.gain)
        return _Input(window, quality, state, against.bands, person, score, n_electrodes, reference)

    def _rest_score(self, window: FeatureWindow) -> RestScore:
        """Return the standardisation of log-odds against the person's rest.

        Computed once for a reference and a set of electrodes: the bands at rest are 0 by
        definition, the person features are those of the windows of rest.
        """
        normaliser, predictor = self.normaliser, self.predictor
        assert isinstance(normaliser, RestNormaliser)
        if self._scored_with != (normaliser.version, predictor):
            self._scored_with = (normaliser.version, predictor)
            self._scores.clear()
        key = window.mask.tobytes()
        if (found := self._scores.get(key)) is None:
            rest = normaliser.rest_features(window.mask)
            n = len(rest)
            logits: NDArray[np.float32] = np.zeros((0, 2), np.float32)
            if n:
                bands = np.zeros((n, *window.bands.shape), np.float32)
                mask = np.tile(window.mask, (n, 1))
                logits = predictor.predict_many(bands, mask, self._positions, rest).logits
            found = self._scores[key] = RestScore.from_rest(logits)
        return found

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

    def _read(self, one: _Input, prediction: Prediction) -> AffectStep:
        window, quality = one.window, one.quality
        logits = np.asarray(prediction.logits, np.float64)
        if one.score is not None:
            logits = self.predictor.card.log_odds(logits, one.score, one.n_electrodes)
        now = np.concatenate((logits, prediction.embedding), dtype=np.float64)
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
            reference=one.reference,
        )
        return AffectStep(window, one.bands, log_odds, embedding, self._held, one.person)

    def _hold(self, one: _Input) -> AffectEstimate:
        """Return the last estimate again under the window's state, with no confidence."""
        window, quality, state = one.window, one.quality, one.state
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
                reference=one.reference,
            )
        return replace(
            self._held,
            time=window.time,
            confidence=0.0,
            quality=quality,
            state=state,
            reference=one.reference,
        )
