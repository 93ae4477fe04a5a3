"""What a stream's numbers are in microvolts."""

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
"""Robust SD, in microvolts, of what may be scalp EEG (with its artefacts and mains hum)."""


def units_scale(units: Sequence[str]) -> NDArray[np.float64]:
    """Return the factor to microvolts per channel, NaN where the unit is none that we know.

    Parameters
    ----------
    units : sequence of str
        Unit of each channel as the stream names it.

    Returns
    -------
    ndarray of float64, shape (n_channels,)
    """
    return np.array([_factor(unit) for unit in units], np.float64)


def _factor(unit: str) -> float:
    name = unit.strip()
    if name == "MV":  # some streams shout; nobody's EEG is in megavolts
        name = "mV"
    return _FACTORS.get(name.casefold(), np.nan)


def judge_units(samples: NDArray[np.floating]) -> float:
    """Judge from the size of the signal which factor turns it into microvolts.

    The median over channels of the robust SD is compared with what scalp EEG can have. Volts,
    millivolts and microvolts lie three decades apart, so that the ranges meet but do not overlap.

    Parameters
    ----------
    samples : ndarray, shape (n_channels, n_samples)
        About a second of EEG without offsets and mains hum; channels that do not move are left out.

    Returns
    -------
    float
        1 (microvolts), 1e3 (millivolts), 1e6 (volts) or 1e-3 (nanovolts); 1 when nothing moves.
    """
    centred = samples - np.median(samples, axis=1, keepdims=True)
    spread = 1.4826 * np.median(np.abs(centred), axis=1)
    moving = spread[np.isfinite(spread) & (spread > 0)]
    if not moving.size:
        return 1.0
    typical = float(np.median(moving))
    low, high = PLAUSIBLE_SD_UV
    for factor in (1.0, 1e3, 1e6, 1e-3):
        if low <= typical * factor < high:
            return factor
    return 1.0
