"""Filters of the signal path for one rate, with their delays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import SignalSettings
from bci_affect.eeg.filters import Cascade, band_pass, high_pass, low_pass
from bci_affect.errors import BciAffectError

TRACE_HZ = 10.0
"""Frequency at which the delay of the displayed traces is stated and corrected."""


class Design:
    """Filters of the settings at one sampling rate.

    Parameters
    ----------
    settings : SignalSettings
        Edges and orders.
    rate_hz : float
        Sampling rate.
    notch : ndarray, shape (n_sections, 6)
        Mains notch included in the delays.
    wide_notch : ndarray, shape (n_sections, 6)
        Mains notch for the range above the bands.

    Attributes
    ----------
    high_pass : Cascade
        High-pass that removes the offset.
    bands : list of Cascade
        One band-pass per band, after high-pass and notch.
    traces : Cascade
        Low-pass of the displayed EEG.
    high : Cascade
        Range above the bands (muscle and noise); passes nothing if the rate is too low.
    delays : dict of str to float
        Group delay in seconds from the electrode to each band (at its centre) and ``"traces"``.
    settle_s : float
        Seconds after which less than a thousandth of any impulse response's energy is to come.

    Raises
    ------
    BciAffectError
        If the rate cannot hold a band.
    """

    def __init__(
        self,
        settings: SignalSettings,
        rate_hz: float,
        notch: NDArray[np.float64],
        wide_notch: NDArray[np.float64],
    ) -> None:
        for name, (low, high) in settings.bands.items():
            if not 0 < low < high or low >= 0.45 * rate_hz:
                raise BciAffectError(
                    f"The band '{name}' ({low:g}-{high:g} Hz) cannot be taken from a stream of "
                    f"{rate_hz:g} Hz; leave it out of the settings' bands."
                )
        if settings.high_pass_hz >= settings.low_pass_hz:
            raise BciAffectError(
                f"The high-pass ({settings.high_pass_hz:g} Hz) must lie below the low-pass "
                f"({settings.low_pass_hz:g} Hz)."
            )
        top = max(settings.low_pass_hz, *(high for _, high in settings.bands.values()))
        self.high_pass = Cascade("high-pass", high_pass(settings.high_pass_hz, rate_hz), rate_hz)
        self.bands = [
            Cascade(name, band_pass(low, high, rate_hz, settings.band_order), rate_hz)
            for name, (low, high) in settings.bands.items()
        ]
        self.traces = Cascade("traces", low_pass(settings.low_pass_hz, rate_hz), rate_hz)
        if top < 0.4 * rate_hz:
            above = np.vstack([high_pass(top, rate_hz, 4), wide_notch])
        else:
            above = np.array([[0.0, 0, 0, 1, 0, 0]])
        self.high = Cascade("above the bands", above, rate_hz)
        whole = {
            c.name: Cascade(c.name, np.vstack([self.after_high_pass(notch), c.sos]), rate_hz)
            for c in (*self.bands, self.traces)
        }
        self.from_electrode = whole
        """Complete cascades of each band and of the traces, by name."""
        centres = {
            name: float(np.sqrt(low * min(high, 0.45 * rate_hz)))
            for name, (low, high) in settings.bands.items()
        } | {"traces": min(TRACE_HZ, 0.25 * rate_hz)}
        self.delays = {name: whole[name].delay_s(hz) for name, hz in centres.items()}
        self.settle_s = max(cascade.settle_s() for cascade in whole.values())

    def after_high_pass(self, notch: NDArray[np.float64]) -> NDArray[np.float64]:
        """High-pass and a notch in one cascade."""
        return np.vstack([self.high_pass.sos, notch])
