"""Normalisation to a person's rest, for models that read EEG against it.

The reference is, in this order: a baseline measured in this session, the rest that the person's
profile holds from an earlier session, the first half minute of the session, the population. A
baseline replaces the reference at its end; from then on nothing follows the EEG but the gain of
single electrodes (`eeg.PersonReference`), so a state that lasts stays visible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import (
    ChannelCovariance,
    FeatureWindow,
    Montage,
    Normaliser,
    PersonFeatures,
    PersonReference,
    PopulationPrior,
    State,
)
from bci_affect.model import ModelCard

START_S = 30.0
"""Seconds at the start of a session that serve as rest where none is known."""

_NEVER_S = 1e12
"""Time constant of forgetting of a band's statistics at rest: none."""


class ReferenceKind(StrEnum):
    """Reference that an estimate is measured against."""

    POPULATION = "population"
    START = "start"
    STORED = "stored"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class RestWindow:
    """Window against the person's rest.

    Attributes
    ----------
    bands : ndarray of float32, shape (n_steps, n_channels, n_bands)
        Normalised band features.
    features : PersonFeatures or None
        None where too few electrodes are valid.
    """

    bands: NDArray[np.float32]
    features: PersonFeatures | None


class _Rest:
    """Rest of one stretch of EEG: covariance per window, and statistics of the bands."""

    def __init__(self, reference: PersonReference, bands: Normaliser, every_s: float) -> None:
        self.reference, self.bands = reference, bands
        self._every_s, self._last = every_s, -np.inf

    def add(self, window: FeatureWindow) -> bool:
        """Add a window; return True if it changed the covariance."""
        self.bands.follow(window)
        if window.covariance is None or window.time < self._last + self._every_s - 1e-6:
            return False
        self._last = window.time
        self.reference.add_rest(window.covariance)
        return True


class RestNormaliser:
    """Normalisation of windows to the person's rest.

    Parameters
    ----------
    card : ModelCard
        Bands, window and the population's band statistics.
    montage : Montage
        Channels of the windows.
    population : ndarray of float64, shape (n_bands, n_sites, n_sites), optional
        Mean rest of the training people; by default nothing is known of it.

    Raises
    ------
    BciAffectError
        If fewer than two electrodes have a known place.
    """

    def __init__(
        self, card: ModelCard, montage: Montage, population: NDArray[np.float64] | None = None
    ) -> None:
        self._card, self._montage = card, montage
        self._prior = None if population is None else PopulationPrior(population)
        self._spans: list[tuple[float, float]] = []
        self._measured: _Rest | None = None  # of the span that is being measured
        self._start: _Rest | None = self._empty()
        self._started = np.nan  # time of the first good window
        self._observed = -np.inf
        self._rest = self._empty()
        self.kind = ReferenceKind.POPULATION
        """Reference that windows are measured against."""
        self.version = 0
        """Number of changes of the reference."""

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean of the bands at rest in nats, (n_channels, n_bands); NaN where unknown."""
        return self._rest.bands.mean

    @property
    def sd(self) -> NDArray[np.float64]:
        """Standard deviation of the bands at rest in nats, (n_channels, n_bands)."""
        return self._rest.bands.sd

    @property
    def windows(self) -> tuple[ChannelCovariance, ...]:
        """Windows of the reference's rest; none where only the population is known."""
        return self._rest.reference.windows

    def begin(self, start: float, stop: float = np.inf) -> None:
        """Measure rest from `start` to `stop`, LSL times; known in advance or from now on."""
        self._spans.append((start, stop))

    def end(self, stop: float) -> None:
        """Set the end of the rest that began last."""
        if self._spans:
            start, planned = self._spans[-1]
            self._spans[-1] = (start, min(stop, planned))

    def cancel(self) -> None:
        """Discard the rest that is being measured; the reference stays as it is."""
        if self._spans:
            self._spans.clear()
            self._measured = None

    def apply(self, window: FeatureWindow) -> RestWindow:
        """Update the reference where the window belongs to rest; return it against the reference.

        Parameters
        ----------
        window : FeatureWindow
            With covariance.
        """
        if window.state is State.OK:
            self._follow(window)
        self._finish(window.time)
        return self._against_rest(window)

    def rest_features(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the features of windows of rest, (n_windows, n_bands * 316)."""
        return self._rest.reference.rest_features(mask)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the measured rest for the next session, as plain arrays.

        The first half minute of a session is not kept, as it may not have been rest.
        """
        known = self.kind in (ReferenceKind.REST, ReferenceKind.STORED)
        rest = self._rest if known else self._empty()
        return {**rest.bands.state(), **rest.reference.state()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue with the rest of an earlier session, if it has any.

        Raises
        ------
        BciAffectError
            If arrays are missing or belong to another montage.
        """
        rest = self._empty()
        rest.reference.restore(state)
        if rest.reference.has_rest:
            rest.bands = Normaliser.from_state(state)
            self._use(rest, ReferenceKind.STORED)
            self._start = None

    def _empty(self) -> _Rest:
        card = self._card
        bands = Normaliser(
            len(self._montage),
            len(card.bands),
            hop_s=card.hop_s,
            memory_s=_NEVER_S,
            mean=card.prior_mean or None,
            sd=card.prior_sd or None,
        )
        reference = PersonReference(self._montage, len(card.bands), prior=self._prior)
        return _Rest(reference, bands, card.window_s * (1.0 - reference.overlap))

    def _use(self, rest: _Rest, kind: ReferenceKind) -> None:
        self._rest, self.kind = rest, kind
        self.version += 1

    def _finish(self, time: float) -> None:
        """Replace the reference once a rest is over, if enough of it was clean."""
        while self._spans and time >= self._spans[0][1] - 1e-6:
            del self._spans[0]
            if self._measured is not None and self._measured.reference.has_rest:
                self._use(self._measured, ReferenceKind.REST)
                self._start = None
            self._measured = None

    def _follow(self, window: FeatureWindow) -> None:
        if self._spans:
            start, stop = self._spans[0]
            if start - 1e-6 <= window.time - self._card.window_s and window.time <= stop + 1e-6:
                self._measured = self._measured or self._empty()
                self._measured.add(window)
        if self._start is None or window.covariance is None:
            return
        if np.isnan(self._started):
            self._started = window.time
        if window.time > self._started + START_S:
            self._start = None
        elif self._start.add(window) and self._start.reference.has_rest:
            self._use(self._start, ReferenceKind.START)
        if not self._rest.reference.has_rest and window.time >= self._observed + 1.0 - 1e-6:
            self._observed = window.time
            self._rest.reference.observe(window.covariance, window.mask)
            self.version += 1

    def _against_rest(self, window: FeatureWindow) -> RestWindow:
        covariance, reference = window.covariance, self._rest.reference
        if covariance is None or not reference.usable(covariance, window.mask):
            return RestWindow(self._rest.bands.standardise(window), None)
        features = reference.features(covariance, window.mask)
        gain = np.zeros(len(window.mask), np.float32)
        gain[features.projection.electrodes] = features.gain
        return RestWindow(self._rest.bands.standardise(window, gain), features)
