"""Artifact subspace reconstruction, calibrated on the wearer, by the mne-denoise library; optional.

After Kothe and Jung (2016) and Mullen et al. (2015): from a calibration stretch the usual range of
every direction in electrode space is learned; later, directions that carry far more than that are
rebuilt from the others. It repairs what artefact detection would only name, and it also removes
some EEG; it is off by default. It adds no delay (covariance of the last half second, no
look-ahead), makes the path about eight times as expensive (``asr_cost_ratio`` of ``bci-affect
benchmark --only signal``), and once, when the calibration ends, computes for some seconds in the
thread that pushes; samples wait in the stream's buffer meanwhile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import AsrSettings
from bci_affect.errors import BciAffectError

WINDOW_S = 0.5
"""Seconds over which the present covariance is taken."""

MIN_ELECTRODES = 4
"""Fewer directions leave nothing to rebuild from."""


class Asr:
    """Learns the usual range from the first good seconds, then cleans hop by hop.

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
        """Whether hops are cleaned by now."""
        return self._state is not None

    def reset(self) -> None:
        """Forget the last half second (after a gap); a calibration that is complete stays."""
        self._recent.clear()
        if not self.calibrated:
            self._calibration.clear()
            self._collected = 0

    def apply(self, block: NDArray[np.float64], good: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Clean one hop of filtered EEG, (n, n_channels); while calibrating, return it as it is.

        Electrodes that are not good when the calibration ends are left alone from then on.
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
            max_mem_mb=1,  # a rolling covariance, at the updates only: far cheaper
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
