"""Another sampling rate, in a stream, with anti-aliasing, and with stamps that stay true."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Resampler:
    """Linear-phase polyphase resampling through soxr, the same for any chunking.

    Output sample m stands for input position ``m * rate_in / rate_out``: its stamp is interpolated
    between the stamps of its input neighbours, so that nothing is shifted in time. What the filter
    costs is waiting: the newest input is heard `delay_s` later.

    Parameters
    ----------
    rate_in_hz, rate_out_hz : float
        Sampling rates.
    n_channels : int
        Channels.
    """

    def __init__(self, rate_in_hz: float, rate_out_hz: float, n_channels: int) -> None:
        import soxr

        self._ratio = rate_in_hz / rate_out_hz
        self._n_channels = n_channels

        def new() -> soxr.ResampleStream:
            return soxr.ResampleStream(
                rate_in_hz, rate_out_hz, n_channels, dtype="float64", quality="HQ"
            )

        self._new = new
        self.reset()
        seconds = 2
        came = len(self.push(np.zeros((int(seconds * rate_in_hz), n_channels)), np.zeros(0))[0])
        self.delay_s = float(int(seconds * rate_in_hz) / rate_in_hz - came / rate_out_hz)
        """Seconds by which the newest output lags behind the newest input."""
        self.reset()

    def reset(self) -> None:
        """Begin anew (after a gap)."""
        self._stream = self._new()
        self._times = np.empty(0)  # stamps of input samples from number `_first` on
        self._first = 0
        self._out = 0

    def push(
        self, block: NDArray[np.float64], times: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Resample the next samples, (n, n_channels), with their stamps, (n,)."""
        if self._n_channels == 1:  # soxr gives one channel back as one dimension
            out = self._stream.resample_chunk(block[:, 0])[:, None]
        else:
            out = self._stream.resample_chunk(np.ascontiguousarray(block))
        self._times = np.concatenate([self._times, times])
        at = (self._out + np.arange(len(out))) * self._ratio - self._first
        stamps = (
            np.interp(at, np.arange(len(self._times)), self._times)
            if len(self._times)
            else np.zeros(len(out))
        )
        self._out += len(out)
        done = min(int(self._out * self._ratio) - self._first, len(self._times))
        self._times = self._times[done:]
        self._first += done
        return out, stamps
