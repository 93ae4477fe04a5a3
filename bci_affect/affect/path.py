"""Path from chunks of EEG to estimates of affect, shared by live use and replay.

`AffectPath` has no threads and no clock. The live engine pushes chunks into it as they arrive;
``process`` pushes the chunks of a recording; nothing else makes estimates, so the two agree by
construction (invariant 1 of the design).
"""

from __future__ import annotations

from functools import partial

import numpy as np
from pydantic import ValidationError

from bci_affect.affect.estimator import AffectEstimator
from bci_affect.affect.fusion import Personalisation, PersonalModel
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
    normaliser : Normaliser, optional
        A profile's normaliser to continue; else one with the model's population prior.
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
        normaliser: Normaliser | None = None,
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
        self.smoothing_s = (affect or AffectSettings()).smoothing_s
        self.pipeline = Pipeline(self.settings, rate_hz, montage)
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

    def restart_normalisation(self) -> None:
        """Restart the normalisation to the person from here on."""
        self.estimator.normaliser = self._fresh_normaliser()
        self.estimator.personal.rebaselined()


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
