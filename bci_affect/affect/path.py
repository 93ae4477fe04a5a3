"""Path from chunks of EEG to estimates of affect, shared by live use and replay.

`AffectPath` has no threads and no clock. The live engine pushes chunks into it as they arrive;
``process`` pushes the chunks of a recording; nothing else makes estimates, so the two agree by
construction (invariant 1 of the design).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from bci_affect.affect.estimator import AffectEstimator
from bci_affect.affect.fusion import Personalisation, PersonalModel
from bci_affect.affect.rest import RestNormaliser
from bci_affect.affect.step import AffectStep
from bci_affect.config import AffectSettings, SignalSettings, WindowSettings
from bci_affect.eeg import Chunk, Montage, Normaliser, Pipeline
from bci_affect.errors import BciAffectError
from bci_affect.model import ModelCard, Predictor


class AffectPath:
    """Signal pipeline and the estimator that fits it: chunks in, steps with estimates out.

    Parameters
    ----------
    predictor : Predictor
        The loaded model; its card fixes bands and window.
    rate_hz : float
        Nominal rate of the stream.
    montage : Montage
        Channels of the stream.
    signal : SignalSettings, optional
        Filters and quality in place of those that the model was trained with; bands and window
        are always the model's.
    affect : AffectSettings
        Smoothing.
    state : mapping of str to ndarray, optional
        State of the normalisation that a profile's last session left, to continue from; else the
        model's population is the start.
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
        signal: SignalSettings | None = None,
        affect: AffectSettings | None = None,
        state: Mapping[str, NDArray[Any]] | None = None,
        personal: Personalisation | None = None,
    ) -> None:
        card = predictor.card
        usable = montage.is_eeg & np.isfinite(montage.positions).all(axis=1)
        if not usable.any():
            raise BciAffectError(
                f"The model '{card.name}' needs electrodes of known position, and none of the "
                f"channels ({', '.join(montage.names[:8])}) is one; name them by the 10-20 system."
            )
        self.settings = model_signal(card, signal)
        if predictor.needs_person:
            self.settings = self.settings.model_copy(update={"covariance": True})
        self.smoothing_s = (affect or AffectSettings()).smoothing_s
        self.pipeline = Pipeline(self.settings, rate_hz, montage)
        self._predictor = predictor
        self._montage = montage
        self._before_baseline: Normaliser | None = None
        self.estimator = AffectEstimator(
            self.tuned(personal.personal) if personal else predictor,
            montage,
            self._normaliser(state),
            affect or AffectSettings(),
            self.settings.window.hop_s,
            personal=personal,
        )

    def _normaliser(
        self, state: Mapping[str, NDArray[Any]] | None = None
    ) -> Normaliser | RestNormaliser:
        predictor = self._predictor
        if predictor.needs_person:
            rest = RestNormaliser(predictor.card, self._montage, predictor.population)
            if state is not None:
                rest.restore(state)
            return rest
        if state is not None:
            return Normaliser.from_state(state)
        return population_normaliser(predictor.card, len(self._montage))

    def push(self, chunk: Chunk) -> list[AffectStep]:
        """Process the next samples; return the step of each window that they complete."""
        return self.estimator.update(self.pipeline.push(chunk))

    def tuned(self, personal: PersonalModel) -> Predictor:
        """Return the predictor for a person: with an encoder of their own, if they have one."""
        return (
            self._predictor.with_weights(personal.encoder) if personal.encoder else self._predictor
        )

    def personalise(self, personal: Personalisation, predictor: Predictor) -> None:
        """Switch to another personal model, with its predictor from `tuned`."""
        self.estimator.personal = personal
        self.estimator.predictor = predictor

    def baseline(self, start: float, stop: float) -> None:
        """Measure a baseline between two LSL times, from now on.

        A model that reads EEG against the person's rest takes these windows as rest once they are
        over; the normalisation of any other model restarts now.
        """
        if isinstance(self.estimator.normaliser, RestNormaliser):
            self.begin_rest(start, stop)
        else:
            self._before_baseline = self.estimator.normaliser
            self.estimator.normaliser = self._normaliser()
        self.estimator.personal.rebaselined()

    def cancel_baseline(self) -> None:
        """Discard the baseline that is being measured; the earlier normalisation continues."""
        normaliser = self.estimator.normaliser
        if isinstance(normaliser, RestNormaliser):
            normaliser.cancel()
        elif self._before_baseline is not None:
            self.estimator.normaliser = self._before_baseline
            self._before_baseline = None

    def begin_rest(self, start: float, stop: float = np.inf) -> None:
        """Note a rest between two LSL times, for models that need the person's rest."""
        normaliser = self.estimator.normaliser
        if isinstance(normaliser, RestNormaliser):
            normaliser.begin(start, stop)

    def end_rest(self, stop: float) -> None:
        """Set the end of the rest that began last."""
        normaliser = self.estimator.normaliser
        if isinstance(normaliser, RestNormaliser):
            normaliser.end(stop)


def population_normaliser(card: ModelCard, n_channels: int) -> Normaliser:
    """Return a normaliser that starts from the statistics of the model's training population."""
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
