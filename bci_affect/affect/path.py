"""From band features to a running estimate of affect: the step that live use and replay share.

`AffectPath` is the whole of the way from chunks to estimates, without threads or clocks. The live
engine pushes chunks into it as they arrive; ``process`` pushes the chunks of a recording; nothing
else makes estimates, so the two agree by construction (invariant 1 of the design).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from bci_affect.affect.estimate import AffectEstimate
from bci_affect.affect.fusion import Personalisation, PersonalModel
from bci_affect.config import AffectSettings, SignalSettings, WindowSettings
from bci_affect.eeg import Chunk, FeatureWindow, Montage, Normaliser, Pipeline, State
from bci_affect.errors import BciAffectError
from bci_affect.model import ModelCard, Prediction, Predictor


class AffectEstimator:
    """Turns feature windows into smoothed estimates, and holds the last one while there is none.

    Parameters
    ----------
    predictor : Predictor
        The loaded model.
    montage : Montage
        Where the window's channels sit.
    normaliser : Normaliser
        Causal normalisation to the person; carries its memory on from window to window.
    settings : AffectSettings
        Smoothing and the quality below which an estimate is held.
    hop_s : float
        Seconds between two windows.
    personal : Personalisation, optional
        The person's own head, fusion with the music, and confidence; the population's by default.

    Notes
    -----
    Logits and embedding are smoothed by an exponential average whose time constant counts windows
    that were readings, so that a held stretch neither decays nor invents anything. A gap starts it
    anew.
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
        self._smooth: NDArray[np.float64] | None = None  # (2 + d,): logits, then the embedding
        self._held: AffectEstimate | None = None
        self._music: NDArray[np.float64] | None = None
        # Mask and quality of the last window, and what they come to: most windows share them.
        self._standing: tuple[NDArray[np.bool_] | None, NDArray[np.float32] | None, float] = (
            None,
            None,
            0.0,
        )

    def set_music(self, logits: NDArray[np.float64] | None) -> None:
        """Set the playing music's prediction, log-odds (2,); None while nothing plays."""
        self._music = logits

    def update(self, windows: Sequence[FeatureWindow]) -> list[AffectEstimate]:
        """Return the estimate at each window; a held one, marked so, where it is no reading.

        Windows that come together are predicted together: a recording is many times faster so, and
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
            self._read(window, share, predictions[i])
            if i in predictions
            else self._hold(window, share, state)
            for i, (window, share, state) in enumerate(zip(windows, shares, states, strict=True))
        ]

    def _share_of_good(self, window: FeatureWindow) -> float:
        """Mean quality, an electrode that may not be used counting as 0."""
        if not len(window.mask):
            return 0.0
        mask, quality, share = self._standing
        if window.mask is not mask or window.quality is not quality:
            share = float(np.where(window.mask, window.quality, 0.0).mean())
            self._standing = (window.mask, window.quality, share)
        return share

    def _state(self, window: FeatureWindow, quality: float) -> State:
        """Return the window's state; too few good electrodes make it an artefact."""
        poor = quality < self._settings.min_quality or not np.count_nonzero(window.mask)
        return State.ARTIFACT if window.state is State.OK and poor else window.state

    def _read(
        self, window: FeatureWindow, quality: float, prediction: Prediction
    ) -> AffectEstimate:
        now = np.concatenate((prediction.logits, prediction.embedding), dtype=np.float64)
        if self._smooth is not None:
            now = self._smooth + self._weight * (now - self._smooth)
        self._smooth = now
        reading = self.personal.apply(
            now[:2], now[2:], quality, self._music, 0.0, time_s=window.time
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
        return self._held

    def _hold(self, window: FeatureWindow, quality: float, state: State) -> AffectEstimate:
        """Repeat the last reading under the window's state, with no confidence in it."""
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


class AffectPath:
    """Chunks in, estimates out: the pipeline and the estimator that fits it.

    Parameters
    ----------
    predictor : Predictor
        The loaded model; its card fixes bands and window.
    rate_hz : float
        Nominal rate of the stream.
    montage : Montage
        Channels of the stream.
    units : sequence of str
        Units of the channels as the stream names them.
    signal : SignalSettings, optional
        Filters and quality in place of those that the model was trained with; bands and window are
        the model's in any case.
    affect : AffectSettings
        Smoothing.
    normaliser : Normaliser, optional
        A profile's, to go on from; else one with the model's population prior.
    personal : Personalisation, optional
        A profile's head; else the population's.

    Raises
    ------
    BciAffectError
        If the model cannot use any of the stream's channels.
    """

    def __init__(
        self,
        predictor: Predictor,
        rate_hz: float,
        montage: Montage,
        *,
        units: tuple[str, ...] = (),
        signal: SignalSettings | None = None,
        affect: AffectSettings | None = None,
        normaliser: Normaliser | None = None,
        personal: Personalisation | None = None,
    ) -> None:
        card = predictor.card
        usable = montage.is_eeg & np.isfinite(montage.positions).all(axis=1)
        if not usable.any():
            raise BciAffectError(
                f"The model '{card.name}' needs electrodes of known place, and none of the "
                f"channels ({', '.join(montage.names[:8])}) is one; name them by the 10-20 system."
            )
        self.settings = model_signal(card, signal)
        self.smoothing_s = (affect or AffectSettings()).smoothing_s
        self.pipeline = Pipeline(self.settings, rate_hz, montage, units=units)
        self._predictor = predictor
        self._fresh_normaliser = partial(population_normaliser, card, len(montage))
        self.estimator = AffectEstimator(
            self.tuned(personal.personal) if personal else predictor,
            montage,
            normaliser or self._fresh_normaliser(),
            affect or AffectSettings(),
            self.settings.window.hop_s,
            personal=personal,
        )

    def push(self, chunk: Chunk) -> list[tuple[FeatureWindow, AffectEstimate]]:
        """Take the next samples; return the windows that they complete, each with its estimate."""
        windows = self.pipeline.push(chunk)
        return list(zip(windows, self.estimator.update(windows), strict=True))

    def tuned(self, personal: PersonalModel) -> Predictor:
        """Return the predictor for a person: with an encoder of their own, if they have one."""
        return (
            self._predictor.with_weights(personal.encoder) if personal.encoder else self._predictor
        )

    def personalise(self, personal: Personalisation, predictor: Predictor) -> None:
        """Go on with another personal model, and what `tuned` gave for it."""
        self.estimator.personal = personal
        self.estimator.predictor = predictor

    def restart_normalisation(self) -> None:
        """Forget what is normal for this person, and measure it anew from here on."""
        self.estimator.normaliser = self._fresh_normaliser()
        self.estimator.personal.rebaselined()


def population_normaliser(card: ModelCard, n_channels: int) -> Normaliser:
    """Return a normaliser that starts from what the model's training population looked like."""
    return Normaliser(
        n_channels,
        len(card.bands),
        hop_s=card.hop_s,
        mean=card.prior_mean or None,
        sd=card.prior_sd or None,
    )


def model_signal(card: ModelCard, signal: SignalSettings | None = None) -> SignalSettings:
    """Return signal settings for a model: its training's, or `signal` with its bands and window.

    Raises
    ------
    BciAffectError
        If the model file names settings that this version does not know.
    """
    if signal is None:
        try:
            signal = SignalSettings.model_validate(card.signal)
        except ValidationError as error:
            raise BciAffectError(
                f"The model '{card.name}' was made with signal settings that this version does not "
                f"know ({error.errors()[0]['loc'][0]}); update bci_affect or choose another model."
            ) from None
    window = WindowSettings(window_s=card.window_s, step_s=card.step_s, hop_s=card.hop_s)
    return signal.model_copy(update={"window": window, "bands": dict(card.bands)})
