"""Tests for signals that no scalp produces: tones, noise, copies, unrelated channels, spikes.

An electrode can be connected to something else than a head: the amplifier's test signal, another
sensor, the open air, or the gel of its neighbour. The size of such a signal can be that of EEG, so
each test rests on another property of EEG:

- its spectrum falls with frequency but is continuous. The spectral flatness (geometric over
  arithmetic mean; Gray and Markel 1974) of white noise is near 1. In a tone the most part of the
  spectrum is empty compared with its mean;
- electrodes on one head share their reference and the field of the same sources (volume
  conduction), so independent channels are no electrodes; and they differ, so a distance near zero
  is a bridge or a copy (electrical distance; Tenke and Kayser 2001, Alschuler et al. 2014), here
  relative to the signal's size;
- its amplitudes are close to normal within a second. A heart's beats are not: their kurtosis is
  high in every second (Delorme, Sejnowski and Makeig 2007).

The statistics are averages of the last seconds without artifacts. The bounds lie outside the range
of real recordings (``docs/bad-input.md``).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg.robust import middle

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

AVERAGE_S, RELATION_S = 4.0, 10.0
"""Time constants of the averaged spectra, and of the averaged relations between electrodes."""

BANDS_HZ = ((0.9, 3.9), (3.9, 7.9), (7.9, 12.9), (12.9, 29.9), (29.9, 45.1))
"""Bands of the relations; together they are the range of the spectrum."""
MOST_OF_RATE = 0.4
"""Share of the rate up to which frequencies are used."""
LEAST_FREQUENCIES = 8
"""Fewest frequencies of a spectrum that is tested."""

TONE_BELOW = 0.006
"""Bound of the spectrum's upper third relative to its mean, from the second band on."""
WHITE_ABOVE = 0.86
"""Bound of the flatness of the middle electrode."""
NOISE_ABOVE, NOISE_SHARES_BELOW, FEW_NOISE_SHARES_BELOW = 0.8, 0.5, 0.3
"""Bounds of flatness and best correlation of a single electrode that is noise."""
FEW, LEAST_RELATED = 8, 3
"""Electrodes of a small montage: fewer than the first and no fewer than the second."""
UNRELATED_BELOW, FEW_UNRELATED_BELOW, EARLY_UNRELATED_BELOW = 0.65, 0.3, 0.45
"""Bounds of the middle electrode's best correlation, in small montages and there at the start."""
START_S = 15.0
"""Seconds from the start until the bound of small montages is final."""
COPY_BELOW = 0.025
"""Bound of the difference from another electrode relative to the size, above the first band."""
ALL_COPIES_BELOW = 0.06
"""Bound of the middle electrode's difference."""
SPIKES_ABOVE, MOST_KURTOSIS = 10.0, 12.0
"""Bound of the middle electrode's kurtosis per tick; each tick counts at most this much."""
COUNTS_ABOVE = 0.75
"""Share of equal steps above which samples count up or down."""

_LEAST = 1e-12  # square microvolts: avoids a division by zero


class NotEeg(NamedTuple):
    """Electrodes whose signal is not EEG, each of shape (n_eeg,)."""

    copy: Bools
    tone: Bools
    noise: Bools
    unrelated: Bools


class NotEegDetector:
    """Detector of copies, tones, noise and unrelated channels, tick by tick.

    Parameters
    ----------
    n_eeg : int
        Electrodes.
    tick_s : float
        Seconds between two calls of `update`.
    """

    def __init__(self, n_eeg: int, tick_s: float) -> None:
        self._tick_s = tick_s
        self._ticks = 0
        self._spectrum: Floats = np.empty((0, n_eeg))
        self._relations = np.zeros((len(BANDS_HZ), n_eeg, n_eeg))
        self._products = np.zeros((n_eeg, n_eeg))

    def update(self, clean: Floats, alive: Bools) -> NotEeg:
        """Add a tick without artifacts and test the electrodes.

        Parameters
        ----------
        clean : ndarray of float64, shape (n, n_eeg)
            Without offset and mains hum, before the reference.
        alive : ndarray of bool, shape (n_eeg,)
            Electrodes that are not flat; only these are tested and compared.
        """
        none = np.zeros(len(alive), np.bool_)
        rate_hz = len(clean) / self._tick_s
        hz: Floats = np.fft.rfftfreq(len(clean), 1.0 / rate_hz).astype(np.float64)
        hz = hz[(hz >= BANDS_HZ[0][0]) & (hz < min(BANDS_HZ[-1][1], MOST_OF_RATE * rate_hz))]
        n_alive = int(np.count_nonzero(alive))
        if np.count_nonzero(hz > BANDS_HZ[1][0]) < LEAST_FREQUENCIES or not n_alive:
            return NotEeg(none, none, none, none)
        self._ticks += 1
        window = np.hanning(len(clean))[:, None]
        first = round(hz[0] * self._tick_s)
        waves = np.fft.rfft(clean * window, axis=0)[first : first + len(hz)]
        now = _products(waves, hz)
        self._relations += self._mix(RELATION_S) * (now - self._relations)
        self._products += self._mix(AVERAGE_S) * (now[1:].sum(axis=0) - self._products)
        flatness, tonality = self._shapes(waves, hz)
        shared = _best_correlation(self._relations)
        apart = _distance(self._products, alive)
        shares = NOISE_SHARES_BELOW if n_alive >= FEW else FEW_NOISE_SHARES_BELOW
        noise = (flatness > NOISE_ABOVE) & (shared < shares) & (n_alive > 1)
        return NotEeg(
            copy=alive & ((apart < COPY_BELOW) | (middle(apart[alive]) < ALL_COPIES_BELOW)),
            tone=alive & (tonality < TONE_BELOW),
            noise=alive & (noise | (middle(flatness[alive]) > WHITE_ABOVE)),
            unrelated=alive & (middle(shared[alive]) < self._least_related(n_alive)),
        )

    def _mix(self, seconds: float) -> float:
        """Return the weight of a tick in an average over `seconds`: at first, that of a mean."""
        return max(self._tick_s / seconds, 1.0 / self._ticks)

    def _least_related(self, n_alive: int) -> float:
        """Return the bound of the best correlation: chance is larger early and for many."""
        if n_alive < LEAST_RELATED:
            return 0.0
        if n_alive >= FEW:
            return UNRELATED_BELOW
        early = math.sqrt(max(1.0, START_S / (self._ticks * self._tick_s)))
        return min(EARLY_UNRELATED_BELOW, FEW_UNRELATED_BELOW * early)

    def _shapes(self, waves: Complexes, hz: Floats) -> tuple[Floats, Floats]:
        """Return each averaged spectrum's flatness, and its upper third relative to its mean."""
        power = waves.real**2 + waves.imag**2 + _LEAST
        if self._spectrum.shape != power.shape:  # the first tick, or one of another length
            self._spectrum = power
        self._spectrum += self._mix(AVERAGE_S) * (power - self._spectrum)
        flatness = np.exp(np.log(self._spectrum).mean(axis=0)) / self._spectrum.mean(axis=0)
        above = self._spectrum[hz > BANDS_HZ[1][0]]
        upper_third = np.sort(above, axis=0)[(2 * len(above)) // 3]
        return flatness, upper_third / above.mean(axis=0)


class SpikeDetector:
    """Detector of regular spikes in most electrodes, tick by tick.

    Parameters
    ----------
    n_eeg : int
        Electrodes.
    tick_s : float
        Seconds between two calls of `update`.
    """

    def __init__(self, n_eeg: int, tick_s: float) -> None:
        self._mix = min(1.0, tick_s / AVERAGE_S)
        self._ticks = 0
        self._kurtosis = np.full(n_eeg, 3.0)  # of a normal distribution

    def update(self, clean: Floats, alive: Bools) -> bool:
        """Add a tick, with or without artifacts; return True if the electrodes show spikes.

        Parameters
        ----------
        clean : ndarray of float64, shape (n, n_eeg)
            Without offset and mains hum, before the reference.
        alive : ndarray of bool, shape (n_eeg,)
            Electrodes that are not flat.
        """
        squares = clean * clean
        power = np.add.reduce(squares)
        now = len(clean) * np.einsum("nc,nc->c", squares, squares)
        now /= np.maximum(power * power, _LEAST)
        self._ticks += 1
        mix = max(self._mix, 1.0 / (self._ticks + 1))
        self._kurtosis += mix * (np.minimum(now, MOST_KURTOSIS) - self._kurtosis)
        return bool(alive.any()) and middle(self._kurtosis[alive]) > SPIKES_ABOVE


def counts(raw: Floats) -> Bools:
    """Return the channels whose samples rise or fall by equal steps, (n_channels,).

    Parameters
    ----------
    raw : ndarray of float64, shape (n, n_channels)
        As received.
    """
    steps = np.diff(raw, axis=0)
    least = 1e-6 * np.maximum(1.0, np.ptp(raw, axis=0))
    equal = (np.abs(np.diff(steps, axis=0)) < least) & (np.abs(steps[1:]) > least)
    counting: Bools = np.count_nonzero(equal, axis=0) > COUNTS_ABOVE * len(raw)
    return counting


def _products(waves: Complexes, hz: Floats) -> Floats:
    """Return the real parts of the channels' cross-spectra per band, (n_bands, n_eeg, n_eeg)."""
    parts = np.stack([waves.real, waves.imag], axis=1)  # (n_frequencies, 2, n_eeg)
    found = np.zeros((len(BANDS_HZ), parts.shape[2], parts.shape[2]))
    for products, (low, high) in zip(found, BANDS_HZ, strict=True):
        band = parts[(hz >= low) & (hz < high)].reshape(-1, parts.shape[2])
        np.matmul(band.T, band.copy(), out=products)  # BLAS is slower on a matrix and itself
    return found


def _best_correlation(relations: Floats) -> Floats:
    """Return each channel's largest correlation, of either sign, with another in any band."""
    power = np.sqrt(np.maximum(np.einsum("bcc->bc", relations), _LEAST))
    correlation = np.abs(relations) / (power[:, :, None] * power[:, None])
    np.einsum("bcc->bc", correlation)[:] = 0.0
    best: Floats = correlation.max(axis=(0, 2))
    return best


def _distance(products: Floats, alive: Bools) -> Floats:
    """Return each channel's least distance from another that is alive, relative to its size."""
    power = np.maximum(np.diagonal(products), _LEAST)
    apart = power[:, None] + power - 2 * products
    apart /= np.maximum(power[:, None], power)
    np.fill_diagonal(apart, np.inf)
    apart[:, ~alive] = np.inf
    least: Floats = np.sqrt(np.maximum(np.minimum.reduce(apart, axis=1), 0.0))
    return least
