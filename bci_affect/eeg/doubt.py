"""Doubt about a declared unit, from the size of the EEG."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg.units import PLAUSIBLE_SD_UV, UNIT_NAMES

PEDESTAL_UV = 500.0
"""Least offset common to all channels that indicates raw values of a converter."""
MUSE_UV = (680.0, 920.0)
"""Offsets of a Muse whose scale is right: the middle of its converter's range."""
COMMON_SHARE = 0.05
"""Most spread of such offsets, as a share of them."""
LEAST_CHANNELS = 3
RAILED_SHARE = 0.3
"""Least share of samples at the limits, in half of the channels, of a railed converter."""


def unit_doubt(eeg: NDArray[np.floating], name: str, scale: float = 1.0) -> str:
    """Return one sentence that doubts the declared unit of EEG.

    Parameters
    ----------
    eeg : ndarray, shape (n_channels, n_samples)
        EEG of a second at least, in microvolts by the declared unit.
    name : str
        Name of the stream.
    scale : float
        Factor from the declared unit to microvolts.

    Returns
    -------
    str
        "" for a plausible size, and where no channel changes.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 10, (4, 500))
    >>> unit_doubt(noise, "Cap")
    ''
    >>> unit_doubt(noise * 1e-6, "Cap")
    "The EEG of 'Cap' changes by 1e-05 microvolts by its unit; it may be in volts."
    """
    finite = np.where(np.isfinite(eeg), eeg, np.nan).astype(np.float64)
    if not finite.size or np.isnan(finite).all(axis=1).any():
        return ""
    offsets = np.nanmedian(finite, axis=1)
    spreads = 1.4826 * np.nanmedian(np.abs(finite - offsets[:, None]), axis=1)
    moving = spreads[spreads > 0]
    if not moving.size:
        return ""
    typical = float(np.median(moving))
    low, high = PLAUSIBLE_SD_UV
    if typical >= 2 * high and _railed(finite[spreads > 0]):
        return (
            f"The EEG of '{name}' stands at the limits of the converter; check the reference and "
            "ground electrodes, and the gain."
        )
    if typical < low or typical >= 2 * high:
        raw = typical / scale
        factor = next((f for f in UNIT_NAMES if low <= raw * f < high and f != scale), 0.0)
        guess = f"; it may be in {UNIT_NAMES[factor]}" if factor else ""
        return f"The EEG of '{name}' changes by {typical:.1g} microvolts by its unit{guess}."
    level = float(np.median(offsets))
    common = len(offsets) >= LEAST_CHANNELS and np.ptp(offsets) < COMMON_SHARE * abs(level)
    if abs(level) < PEDESTAL_UV or not common or MUSE_UV[0] < level < MUSE_UV[1]:
        return ""
    text = (
        f"All EEG channels of '{name}' have the same offset of {level:.0f} microvolts, as raw "
        "values of a converter have; their scale is doubtful."
    )
    if "athena" in name.casefold():
        text += (
            " BrainFlow 5.21 and 5.22 send the EEG of a Muse S Athena 4.55 times too large: update "
            "it to 5.23."
        )
    return text


def _railed(eeg: NDArray[np.float64]) -> bool:
    """Return True if many samples (n_channels, n_samples) are at the limits of the converter."""
    limits = np.nanmin(eeg, axis=1, keepdims=True), np.nanmax(eeg, axis=1, keepdims=True)
    share = np.mean((eeg == limits[0]) | (eeg == limits[1]), axis=1)
    return bool(np.median(share) >= RAILED_SHARE)
