"""Artifact subspace reconstruction, calibrated on the wearer, by the mne-denoise library; optional.

After Kothe and Jung (2016) and Mullen et al. (2015): the usual range of every direction in
electrode space is estimated from a calibration period; later, directions with far more variance are
reconstructed from the others. It repairs artifacts that detection would only mark, and it also
removes some EEG; it is off by default. It adds no delay (covariance of the last half second, no
look-ahead), costs about eight times as much as the rest of the path (``asr_cost_ratio`` of
``bci-affect benchmark --only signal``), and computes for a few seconds in the pushing thread when
the calibration ends; samples wait in the stream's buffer meanwhile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import AsrSettings
from bci_affect.errors import BciAffectError

WINDOW_S = 0.5
"""Seconds of the running covariance."""

MIN_ELECTRODES = 4
"""Fewest electrodes from which a direction can be reconstructed."""


class Asr:
    """Cleaner that is calibrated on the first good seconds and then runs hop by hop.

    Parameters
    ----------
    settings : AsrSettings
        Cut-off and length of the calibration.
    rate_hz : float
        Sampling rate.
    hop_s : float
        Seconds of one hop.

    Raises
    ------
    BciAffectError
        If the library is not installed.
    """

    def __init__(self, settings: AsrSettings, rate_hz: float, hop_s: float) -> None:
        try:
            from mne_denoise import asr
        except ImportError:
            raise BciAffectError(
                "Cleaning by subspace reconstruction needs the mne-denoise library; install it "
                'with: pip install "bci_affect[asr]", or set asr.enabled = false.'
            ) from None
        self._library: Any = asr
        self._settings = settings
        self._rate = rate_hz
        self._hops_before = int(np.ceil(WINDOW_S / hop_s))
        self._calibration: list[NDArray[np.float64]] = []
        self._collected = 0
        self._recent: list[NDArray[np.float64]] = []
        self._used = np.zeros(0, np.bool_)
        self._state: Any = None

    @property
    def calibrated(self) -> bool:
        """True once the calibration is complete."""
        return self._state is not None

    def reset(self) -> None:
        """Clear the last half second (after a gap); a complete calibration is kept."""
        self._recent.clear()
        if not self.calibrated:
            self._calibration.clear()
            self._collected = 0

    def apply(self, block: NDArray[np.float64], good: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Clean one hop of filtered EEG, (n, n_channels); unchanged while calibrating.

        Electrodes that are not good at the end of the calibration are never changed.
        """
        self._recent = [*self._recent[-self._hops_before :], block]
        if self._state is None:
            self._calibration.append(block)
            self._collected += len(block)
            if self._collected >= self._settings.calibration_s * self._rate:
                self._calibrate(good)
            return block
        if self._used.sum() < MIN_ELECTRODES:
            return block
        recent = np.concatenate(self._recent)[:, self._used].T
        cleaned, _ = self._library.process_asr(
            recent,
            self._rate,
            self._state,
            window_length=WINDOW_S,
            lookahead=0.0,
            stepsize=len(block),
            max_mem_mb=1,  # running covariance at the updates only: far cheaper
            verbose="error",
        )
        out = block.copy()
        out[:, self._used] = cleaned[:, -len(block) :].T
        return out

    def _calibrate(self, good: NDArray[np.bool_]) -> None:
        self._used = good.copy()
        samples = np.concatenate(self._calibration).T
        self._calibration.clear()
        if self._used.sum() < MIN_ELECTRODES:
            self._state = False  # calibrated, with nothing to clean
            return
        self._state, _ = self._library.calibrate_asr(
            samples[self._used],
            self._rate,
            cutoff=self._settings.cutoff,
            window_length=WINDOW_S,
            calibration="auto",
            verbose="error",
        )
