"""Reference of one person's EEG: what rest looks like, for any set of valid electrodes.

Rest is kept in channel space, as sums per window, so that the reference can be computed again when
electrodes fail or return. The reference never follows the EEG once rest is recorded: a state that
lasts stays visible. Only gain is followed: a change of one electrode's power that is common to all
bands, less the mean over electrodes, is attributed to its contact and removed from every window, as
far as neighbouring electrodes differ by more than they do at rest (`gain_share`).
A population prior counts as a small number of windows. Without any rest the prior alone is used,
at the scale of the EEG received so far.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg.covariance import (
    KAPPA,
    N_TANGENT,
    ChannelCovariance,
    centred,
    log_power,
    mean_power,
    site_covariance,
    spd_exp,
    spd_log,
    tangent_vector,
)
from bci_affect.eeg.montage import Montage
from bci_affect.eeg.sites import N_HARMONICS, N_SITES, Projection, SiteProjector
from bci_affect.errors import BciAffectError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MAX_WINDOWS = 48
"""Rest windows that are kept; a longer rest keeps every second, fourth, ... window of it."""

SCORED_WINDOWS = 12
"""Rest windows, spread over the rest, that `PersonReference.rest_features` returns at most: bounds
the cost of a new set of electrodes."""

MIN_REST_WINDOWS = 3
"""Rest windows in which all valid electrodes must be present for only those to be used."""

PRIOR_WINDOWS = 1.0
"""Weight of the population prior, in independent windows of rest."""

REST_GROUPS = 8
"""Groups of neighbouring rest windows whose logarithms are averaged: bounds the cost of a mask."""

GAIN_NOISE_FACTOR = 2.0
"""Variance of the gain at rest, as a multiple of the measured one, that is not removed."""

_SCALE_WINDOWS = 100.0
"""Windows after which the scale of EEG without a rest hardly changes."""

_CACHED_MASKS = 16


@dataclass(frozen=True, slots=True)
class PopulationPrior:
    """Mean rest of many people, on the virtual sites.

    Attributes
    ----------
    covariance : ndarray of float64, shape (n_bands, n_sites, n_sites)
        Log-Euclidean mean of site covariances, each divided by the person's mean power.
    """

    covariance: Floats

    @classmethod
    def isotropic(cls, n_bands: int) -> PopulationPrior:
        """Return a prior without knowledge: equal, independent power at all sites."""
        return cls(np.tile(np.eye(N_SITES), (n_bands, 1, 1)))

    @classmethod
    def from_people(cls, log_covariances: Floats) -> PopulationPrior:
        """Return the log-Euclidean mean over people.

        Parameters
        ----------
        log_covariances : ndarray of float64, shape (n_people, n_bands, n_sites, n_sites)
            `PersonReference.normalised_log` of each person.
        """
        return cls(spd_exp(np.mean(log_covariances, axis=0)))

    def at_electrodes(self, projection: Projection) -> Floats:
        """Return the prior covariance of a projection's electrodes, of mean power 1."""
        predicted = centred(
            projection.from_sites @ self.covariance @ projection.from_sites.T
        )  # (n_bands, n, n)
        return predicted / mean_power(predicted)[:, None, None]


@dataclass(frozen=True, slots=True)
class RestStatistics:
    """Reference for one set of valid electrodes.

    Attributes
    ----------
    projection : Projection
        Of these electrodes.
    scale_uv2 : ndarray of float64, shape (n_bands,)
        Mean power at rest.
    log_mean : ndarray of float64, shape (n_bands, n_sites, n_sites)
        Mean logarithm of the site covariance at rest, with the prior.
    whitener : ndarray of float64, shape (n_bands, n_sites, n_sites)
        ``exp(-log_mean / 2)``.
    log_power : ndarray of float64, shape (n_bands, n)
        Mean log power of the electrodes at rest, with the prior.
    gain_noise : float
        Variance of the rough part of gain between windows of rest; 0 if rest is too short.
    """

    projection: Projection
    scale_uv2: Floats
    log_mean: Floats
    whitener: Floats
    log_power: Floats
    gain_noise: float


@dataclass(frozen=True, slots=True)
class PersonFeatures:
    """One window against the person's rest; 0 everywhere means "as at rest, or unknown".

    Attributes
    ----------
    covariance : ndarray of float64, shape (n_bands, 300)
        Tangent vector of the whitened site covariance.
    power : ndarray of float64, shape (n_bands, 16)
        Spherical harmonics of log amplitude against rest, in nats.
    gain : ndarray of float64, shape (n,)
        Log amplitude attributed to each valid electrode's contact and removed, in nats.
    amplitude : ndarray of float64, shape (n_bands, n)
        Log amplitude of each valid electrode against rest after that, in nats.
    projection : Projection
        Of the valid electrodes.
    """

    covariance: Floats
    power: Floats
    gain: Floats
    amplitude: Floats
    projection: Projection

    @property
    def vector(self) -> Floats:
        """All features as one vector, covariance first, (n_bands * 316,)."""
        return np.concatenate([self.covariance.ravel(), self.power.ravel()])


class PersonReference:
    """Rest of one person and one montage.

    Parameters
    ----------
    montage : Montage
        Channels of the covariance sums (EEG channels of the stream).
    n_bands : int
        Bands.
    prior : PopulationPrior, optional
        Mean rest of many people; isotropic by default.
    prior_windows : float
        Weight of the prior, in independent windows.
    kappa : float
        Share of the mean power that unseen directions hold.
    overlap : float
        Share of a rest window that the next one repeats; windows count ``1 - overlap`` each.

    Raises
    ------
    BciAffectError
        If the montage has too few electrodes of known place, or the prior has other bands.

    Examples
    --------
    >>> import numpy as np
    >>> from bci_affect.eeg import CAPS, make_montage
    >>> reference = PersonReference(make_montage(CAPS["muse"]), n_bands=1)
    >>> rest = ChannelCovariance(np.eye(4)[None] * 600.0, np.full(4, 60))
    >>> for _ in range(4):
    ...     reference.add_rest(rest)
    >>> everything = np.ones(4, dtype=bool)
    >>> reference.features(rest, everything).covariance.shape
    (1, 300)

    References
    ----------
    Kobler, Hirayama, Zhao, Kawanabe (2022), "SPD domain-specific batch normalization to crack
    interpretable unsupervised domain adaptation in EEG".
    """

    def __init__(
        self,
        montage: Montage,
        n_bands: int,
        *,
        prior: PopulationPrior | None = None,
        prior_windows: float = PRIOR_WINDOWS,
        kappa: float = KAPPA,
        overlap: float = 0.5,
    ) -> None:
        self.sites = SiteProjector(montage)
        self.prior = PopulationPrior.isotropic(n_bands) if prior is None else prior
        if len(self.prior.covariance) != n_bands:
            raise BciAffectError(
                f"The population prior has {len(self.prior.covariance)} bands; the signal has "
                f"{n_bands}."
            )
        self.kappa, self.prior_windows, self.overlap = kappa, prior_windows, overlap
        self._n_channels, self._n_bands = len(montage), n_bands
        self._rest: list[ChannelCovariance] = []
        self._received, self._stride = 0, 1  # windows of rest so far; every stride-th is kept
        self._log_scale = np.zeros(n_bands)
        self._scale_weight = 0.0
        self._cache: OrderedDict[bytes, RestStatistics] = OrderedDict()

    @property
    def n_rest(self) -> int:
        """Rest windows that are kept."""
        return len(self._rest)

    @property
    def has_rest(self) -> bool:
        """True once enough of the person's own rest is known."""
        return len(self._rest) >= MIN_REST_WINDOWS

    @property
    def windows(self) -> tuple[ChannelCovariance, ...]:
        """Rest windows that are kept, oldest first."""
        return tuple(self._rest)

    def add_rest(self, window: ChannelCovariance) -> None:
        """Add a window of rest; ignored if it has no samples.

        Once `MAX_WINDOWS` are kept, every second of them is dropped, and from then on every second
        window is kept, so that the reference covers the complete rest.
        """
        self._check(window)
        if not window.samples.any():
            return
        number, self._received = self._received, self._received + 1
        if number % self._stride:
            return
        if len(self._rest) == MAX_WINDOWS:
            del self._rest[1::2]
            self._stride *= 2
            if number % self._stride:
                return
        self._rest.append(window)
        self._cache.clear()

    def observe(self, window: ChannelCovariance, mask: Bools) -> None:
        """Follow the scale of the EEG while no rest is known; no effect afterwards."""
        self._check(window)
        if self.has_rest or not self.sites.usable(mask & present(window)):
            return
        here = mask & present(window)
        power = mean_power(window.matrix(self.sites.project(here).electrodes))
        self._scale_weight = min(self._scale_weight + 1.0, _SCALE_WINDOWS)
        self._log_scale += (np.log(power) - self._log_scale) / self._scale_weight
        self._cache.clear()

    def usable(self, window: ChannelCovariance, mask: Bools) -> bool:
        """Return True if enough valid electrodes are present in a window for `features`."""
        return self.sites.usable(mask & present(window))

    def statistics(self, mask: Bools) -> RestStatistics:
        """Return the reference for the electrodes that are valid now.

        Parameters
        ----------
        mask : ndarray of bool, shape (n_channels,)

        Raises
        ------
        BciAffectError
            If too few electrodes are valid.
        """
        key = np.asarray(mask & self.sites.placed).tobytes()
        found = self._cache.get(key)
        if found is None:
            found = self._cache[key] = self._statistics(self.sites.project(mask))
            if len(self._cache) > _CACHED_MASKS:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        return found

    def features(self, window: ChannelCovariance, mask: Bools) -> PersonFeatures:
        """Return a window against rest, gain of single electrodes removed.

        Parameters
        ----------
        window : ChannelCovariance
            Of the same channels as rest.
        mask : ndarray of bool, shape (n_channels,)
            Valid electrodes; those that are absent from half of the window are not used.

        Raises
        ------
        BciAffectError
            If too few electrodes are valid or the window has another shape.
        """
        self._check(window)
        rest = self.statistics(mask & present(window))
        covariance = window.matrix(rest.projection.electrodes)
        return PersonFeatures(*self._against(covariance, rest), rest.projection)

    def vectors(self, sums: Floats, samples: NDArray[np.int64], mask: Bools) -> NDArray[np.float32]:
        """Return the features of many windows at once; 0 where too few electrodes are valid.

        Parameters
        ----------
        sums : ndarray, shape (n_windows, n_bands, n_channels, n_channels)
            `ChannelCovariance.sums`.
        samples : ndarray of int64, shape (n_windows, n_channels)
            `ChannelCovariance.samples`.
        mask : ndarray of bool, shape (n_windows, n_channels)
            Valid electrodes.

        Returns
        -------
        ndarray of float32, shape (n_windows, n_bands * 316)
            `PersonFeatures.vector` of each window.
        """
        n = len(sums)
        vectors = np.zeros((n, self._n_bands * (N_TANGENT + N_HARMONICS)), np.float32)
        most = samples.max(axis=1, keepdims=True, initial=0)
        valid = mask & self.sites.placed & (samples > 0) & (2 * samples >= most)
        sets, which = np.unique(valid, axis=0, return_inverse=True)
        for number, electrodes in enumerate(sets):
            if not self.sites.usable(electrodes):
                continue
            rows = np.flatnonzero(which.ravel() == number)
            rest = self.statistics(electrodes)
            chosen = rest.projection.electrodes
            weight = 1.0 / np.sqrt(np.maximum(samples[rows[:, None], chosen], 1))  # (n_rows, n)
            part = sums[rows[:, None, None], :, chosen[:, None], chosen]  # bands last
            part = np.moveaxis(part, -1, 1) * weight[:, None, :, None] * weight[:, None, None, :]
            covariance, power, _, _ = self._against(centred(part), rest)
            vectors[rows] = np.concatenate(
                [covariance.reshape(len(rows), -1), power.reshape(len(rows), -1)], axis=1
            )
        return vectors

    def rest_features(self, mask: Bools) -> NDArray[np.float32]:
        """Return the features of windows of the rest itself, (n_windows, n_bands * 316).

        At most `SCORED_WINDOWS`, spread over the rest. Windows in which too few of the electrodes
        are present are left out.

        Parameters
        ----------
        mask : ndarray of bool, shape (n_channels,)
            Valid electrodes.
        """
        usable = [one for one in self._rest if self.sites.usable(mask & present(one))]
        if not usable or not self.has_rest:
            return np.zeros((0, self._n_bands * (N_TANGENT + N_HARMONICS)), np.float32)
        rows = np.linspace(0, len(usable) - 1, min(SCORED_WINDOWS, len(usable))).round().astype(int)
        chosen = [usable[row] for row in rows]
        return self.vectors(
            np.stack([one.sums for one in chosen]),
            np.stack([one.samples for one in chosen]),
            np.tile(mask, (len(chosen), 1)),
        )

    def normalised_log(self) -> Floats:
        """Return the mean log site covariance of rest at mean power 1, without the prior.

        Input of `PopulationPrior.from_people`, (n_bands, n_sites, n_sites).

        Raises
        ------
        BciAffectError
            If no rest is known.
        """
        if not self.has_rest:
            raise BciAffectError("The person has no rest; record a baseline first.")
        projection = self.sites.project(self.sites.placed)
        rest = np.stack([group.matrix(projection.electrodes) for group in _grouped(self._rest)])
        scale = np.exp(np.log(mean_power(rest)).mean(axis=0))
        shape = rest / scale[:, None, None]
        return _mean_log(shape, projection, np.ones(self._n_bands), self.kappa)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return everything that `restore` needs, as plain arrays."""
        channels = self._n_channels
        rows, columns = np.triu_indices(channels)
        sums = [window.sums[:, rows, columns] for window in self._rest]
        samples = [window.samples for window in self._rest]
        return {
            "rest_sums": np.array(sums, np.float32).reshape(-1, self._n_bands, len(rows)),
            "rest_samples": np.array(samples, np.int64).reshape(-1, channels),
            "scale": np.concatenate([[self._scale_weight], self._log_scale]),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Replace rest by that of an earlier sitting.

        Raises
        ------
        BciAffectError
            If arrays are missing or belong to another montage.
        """
        try:
            upper = np.asarray(state["rest_sums"], np.float64)
            samples = np.asarray(state["rest_samples"], np.int64)
            scale = np.asarray(state["scale"], np.float64)
            n, bands, channels = len(samples), self._n_bands, self._n_channels
            rows, columns = np.triu_indices(channels)
            shapes = (upper.shape, samples.shape, scale.shape)
            if shapes != ((n, bands, len(rows)), (n, channels), (bands + 1,)):
                raise ValueError("shapes")
            if not (np.isfinite(upper).all() and np.isfinite(scale).all()):
                raise ValueError("values")
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise BciAffectError(
                f"The person's rest is damaged or of another montage ({error}); record a baseline "
                "again."
            ) from None
        sums = np.empty((n, bands, channels, channels))
        sums[..., rows, columns] = sums[..., columns, rows] = upper
        self._rest = [ChannelCovariance(*pair) for pair in zip(sums, samples, strict=True)]
        self._received, self._stride = n, 1
        self._scale_weight, self._log_scale = float(scale[0]), scale[1:].copy()
        self._cache.clear()

    def _against(
        self, covariance: Floats, rest: RestStatistics
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Return tangent vectors, harmonics of power, gain and amplitude of (..., bands, n, n)."""
        covariance, gain = remove_gain(
            covariance, rest.log_power, rest.projection.rough, rest.gain_noise
        )
        sites = site_covariance(covariance, rest.projection, rest.scale_uv2, self.kappa)
        logs = spd_log(rest.whitener @ sites @ rest.whitener)
        away = (log_power(covariance) - rest.log_power) / 2
        return tangent_vector(logs), away @ rest.projection.field.T, gain, away

    def _check(self, window: ChannelCovariance) -> None:
        if window.sums.shape != (self._n_bands, self._n_channels, self._n_channels):
            raise BciAffectError(
                f"The reference is for {self._n_channels} channels and {self._n_bands} bands; this "
                f"stream has {window.sums.shape[1]} and {window.sums.shape[0]}."
            )

    def _statistics(self, projection: Projection) -> RestStatistics:
        electrodes = projection.electrodes
        prior = self.prior.at_electrodes(projection)  # (n_bands, n, n)
        prior_log = _mean_log(prior[None], projection, np.ones(self._n_bands), self.kappa)
        prior_power = log_power(prior)
        gain_noise = 0.0
        if self.has_rest:
            windows = self._rest_of(electrodes)
            gain_noise = _gain_noise(windows, projection)
            rest = np.stack([group.matrix(electrodes) for group in _grouped(windows)])
            log_scale = np.log(mean_power(rest)).mean(axis=0)
            n = max(1.0, len(windows) * (1.0 - self.overlap))
            share = n / (n + self.prior_windows)
            own_log = _mean_log(rest, projection, np.exp(log_scale), self.kappa)
            own_power = log_power(rest).mean(axis=0)
        else:
            log_scale, share = self._log_scale, 0.0
            own_log, own_power = np.zeros_like(prior_log), np.zeros_like(prior_power)
        prior_log = prior_log + log_scale[:, None, None] * np.eye(N_SITES)
        log_mean = share * own_log + (1 - share) * prior_log
        return RestStatistics(
            projection=projection,
            scale_uv2=np.exp(log_scale),
            log_mean=log_mean,
            whitener=spd_exp(-log_mean / 2),
            log_power=share * own_power + (1 - share) * (prior_power + log_scale[:, None]),
            gain_noise=gain_noise,
        )

    def _rest_of(self, electrodes: NDArray[np.int64]) -> list[ChannelCovariance]:
        """Rest windows in which all electrodes are present, or all if those are too few."""
        enough = np.stack([present(window)[electrodes] for window in self._rest])
        whole = np.flatnonzero(enough.all(axis=1))
        if len(whole) < MIN_REST_WINDOWS:
            return self._rest
        return [self._rest[i] for i in whole]


def _grouped(windows: list[ChannelCovariance]) -> list[ChannelCovariance]:
    """Return the sums of at most `REST_GROUPS` groups of neighbouring windows."""
    groups = np.array_split(np.arange(len(windows)), min(REST_GROUPS, len(windows)))
    return [
        ChannelCovariance(
            np.sum([windows[i].sums for i in group], axis=0),
            np.sum([windows[i].samples for i in group], axis=0),
        )
        for group in groups
    ]


def present(window: ChannelCovariance) -> Bools:
    """Return which electrodes have samples in at least half of a window, (n_channels,)."""
    most = window.samples.max(initial=0)
    there: Bools = (window.samples > 0) & (2 * window.samples >= most)
    return there


def remove_gain(
    covariance: Floats, rest_log_power: Floats, rough: Floats, noise: float = 0.0
) -> tuple[Floats, Floats]:
    """Remove changes of single electrodes' power that are common to all bands.

    Parameters
    ----------
    covariance : ndarray of float64, shape (..., n_bands, n, n)
        Of one window, or of several.
    rest_log_power : ndarray of float64, shape (n_bands, n)
        Mean log power at rest.
    rough : ndarray of float64, shape (n, n)
        `Projection.rough` of the electrodes.
    noise : float
        `RestStatistics.gain_noise`; 0 removes all of the change.

    Returns
    -------
    covariance : ndarray of float64, shape (..., n_bands, n, n)
        At the gain of rest, centred.
    gain : ndarray of float64, shape (..., n)
        Log amplitude that was removed, in nats; its mean over electrodes is 0.

    Examples
    --------
    >>> import numpy as np
    >>> power = np.array([[4.0, 1.0, 1.0]])
    >>> _, gain = remove_gain(np.array([np.diag(power[0])]), np.zeros((1, 3)), np.eye(3))
    >>> gain.round(3).tolist()
    [0.462, -0.231, -0.231]
    """
    change = (log_power(covariance) - rest_log_power).mean(axis=-2) / 2
    gain = change - change.mean(axis=-1, keepdims=True)
    gain = gain * gain_share(gain @ rough.T, noise)[..., None]
    factor = np.exp(-gain)[..., None, :]  # (..., 1, n): the same in all bands
    return centred(covariance * factor[..., None] * factor[..., None, :]), gain


def gain_share(rough_gain: Floats, noise: float) -> Floats:
    """Return the share of the apparent gain that is attributed to contacts, 0 to 1.

    Contacts drift independently, whereas the EEG of neighbouring electrodes changes together. Gain
    is therefore removed only as far as its rough part exceeds its variance at rest; otherwise
    changes of the EEG itself would be removed where no contact drifts.

    Parameters
    ----------
    rough_gain : ndarray of float64, shape (..., n)
        Rough part of the apparent gain, in nats.
    noise : float
        Variance of the rough part at rest.

    Returns
    -------
    ndarray of float64, shape (...)

    Examples
    --------
    >>> import numpy as np
    >>> gain_share(np.array([[0.1] * 4, [0.4] * 4]), noise=0.01).round(3).tolist()
    [0.0, 0.875]
    """
    variance = np.maximum(np.mean(rough_gain**2, axis=-1), 1e-30)
    share: Floats = np.maximum(0.0, 1.0 - GAIN_NOISE_FACTOR * noise / variance)
    return share


def _gain_noise(windows: list[ChannelCovariance], projection: Projection) -> float:
    """Return `RestStatistics.gain_noise` of windows of rest, 0 with fewer than three."""
    n = len(windows)
    if n < MIN_REST_WINDOWS:
        return 0.0
    power = np.stack([log_power(one.matrix(projection.electrodes)) for one in windows])
    change = (power - power.mean(axis=0)).mean(axis=1) / 2  # (n_windows, n)
    rough = (change - change.mean(axis=1, keepdims=True)) @ projection.rough.T
    # A new window differs from the mean of n windows by (n + 1) / (n - 1) times this variance.
    return float((rough**2).mean() * (n + 1) / (n - 1))


def _mean_log(covariance: Floats, projection: Projection, scale: Floats, kappa: float) -> Floats:
    """Mean log site covariance over windows, (n_bands, n_sites, n_sites)."""
    logs = spd_log(site_covariance(covariance, projection, scale, kappa))
    mean: Floats = logs.mean(axis=0)
    return mean
