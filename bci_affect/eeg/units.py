"""Conversion of EEG to microvolts: factors from declared units, or inferred from the signal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Spellings of units in lower case, with both micro signs, as XDF files and LSL streams have them.
_FACTORS = {
    "microvolt": 1.0,
    "microvolts": 1.0,
    "micro volt": 1.0,
    "micro-volts": 1.0,
    "uv": 1.0,
    "µv": 1.0,  # micro sign
    "μv": 1.0,  # Greek mu
    "mcv": 1.0,
    "millivolt": 1e3,
    "millivolts": 1e3,
    "mv": 1e3,
    "volt": 1e6,
    "volts": 1e6,
    "v": 1e6,
    "nanovolt": 1e-3,
    "nanovolts": 1e-3,
    "nv": 1e-3,
}

PLAUSIBLE_SD_UV = (0.5, 2000.0)
"""Robust SD, in microvolts, that scalp EEG (with artifacts and mains hum) may have."""

UNIT_NAMES = {1.0: "microvolts", 1e3: "millivolts", 1e6: "volts", 1e-3: "nanovolts"}
"""Names of the factors that `infer_scale` can return."""

_ABSURD = 1e30  # no unit yields EEG from such a number


def units_scale(units: Sequence[str]) -> NDArray[np.float64]:
    """Return the factor to microvolts per channel, NaN where the unit is unknown.

    Parameters
    ----------
    units : sequence of str
        Declared unit of each channel.

    Returns
    -------
    ndarray of float64, shape (n_channels,)
    """
    return np.array([_factor(unit) for unit in units], np.float64)


def eeg_scales(units: Sequence[str], is_eeg: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the factors that make EEG microvolts and leave other channels as they are.

    Parameters
    ----------
    units : sequence of str
        Declared unit of each channel; empty if there is none.
    is_eeg : ndarray of bool, shape (n_channels,)

    Returns
    -------
    ndarray of float64, shape (n_channels,)
        NaN for EEG of unknown unit; `with_inferred` replaces it.
    """
    return np.where(is_eeg, units_scale(units or [""] * len(is_eeg)), 1.0)


def with_inferred(
    scales: NDArray[np.float64], samples: NDArray[np.generic], rate_hz: float
) -> NDArray[np.float64]:
    """Return the factors of `eeg_scales` with one inferred from the signal in place of each NaN.

    Parameters
    ----------
    scales : ndarray, shape (n_channels,)
    samples : ndarray, shape (n_samples, n_channels)
        Raw samples from the start of the stream.
    rate_hz : float
        Nominal rate.
    """
    unknown = np.isnan(scales)
    if not unknown.any():
        return scales
    return np.where(unknown, infer_scale(samples[:, unknown].T, rate_hz), scales)


def _factor(unit: str) -> float:
    name = unit.strip()
    if name == "MV":  # upper-case units occur; no EEG is in megavolts
        name = "mV"
    return _FACTORS.get(name.casefold(), np.nan)


def infer_scale(samples: NDArray[np.generic], rate_hz: float) -> float:
    """Infer from the size of raw EEG the factor that turns it into microvolts.

    The robust SD of the first second is compared with what scalp EEG can have, for the median
    channel.

    Parameters
    ----------
    samples : ndarray, shape (n_channels, n_samples)
        Channels that do not change, and samples that are not finite, are excluded.
    rate_hz : float
        Nominal rate.

    Returns
    -------
    float
        1 (microvolts), 1e3 (millivolts), 1e6 (volts) or 1e-3 (nanovolts), tried in this order; 1 if
        no channel changes.
    """
    second = samples[:, : round(rate_hz)].astype(np.float64)
    spreads = np.array([_spread(channel[np.abs(channel) < _ABSURD]) for channel in second])
    moving = spreads[spreads > 0]
    if not moving.size:
        return 1.0
    typical = float(np.median(moving))
    low, high = PLAUSIBLE_SD_UV
    return next((factor for factor in UNIT_NAMES if low <= typical * factor < high), 1.0)


def _spread(channel: NDArray[np.float64]) -> float:
    """Return the robust SD of samples (n,); 0 for none."""
    if not len(channel):
        return 0.0
    return float(1.4826 * np.median(np.abs(channel - np.median(channel))))
