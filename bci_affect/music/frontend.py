"""Front end of the tagger: log-mel frames of mono audio at 16 kHz, computed in float32.

The network was trained on mel bands rounded to float16. The original also multiplied in float16,
which overflows to infinity in NumPy 2 in a third of all frames of loud music. Here only the
rounding is kept (without it ``pool5`` changes by up to 1e-3) and everything is computed in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

RATE_HZ = 16_000
N_FFT = 512
HOP = 256
N_MELS = 96
FRAME_S = HOP / RATE_HZ
VERSION = "musicnn-half-rounded-1"
"""Part of the key of stored embeddings; change it whenever the output of the front end changes."""

_BLOCK_FRAMES = 4096  # limits the memory for spectra


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel scale: linear below 1 kHz, logarithmic above (Auditory Toolbox, 1998)."""
    log_step = np.log(6.4) / 27.0
    above = 15.0 + np.log(np.maximum(hz, 1e-9) / 1000.0) / log_step
    return np.where(hz < 1000.0, hz * 3.0 / 200.0, above)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert `hz_to_mel`."""
    log_step = np.log(6.4) / 27.0
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp(log_step * (mel - 15.0)))


@lru_cache(maxsize=4)
def mel_filters(
    rate_hz: int = RATE_HZ, n_fft: int = N_FFT, n_mels: int = N_MELS
) -> NDArray[np.float32]:
    """Return triangular Slaney mel filters of equal area, shape (n_fft // 2 + 1, n_mels)."""
    top = np.array([0.0, rate_hz / 2.0])
    low, high = hz_to_mel(top)
    edges = mel_to_hz(np.linspace(low, high, n_mels + 2))  # (n_mels + 2,)
    bins = np.linspace(0.0, rate_hz / 2.0, n_fft // 2 + 1)[:, None]  # (n_bins, 1)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))
    return np.ascontiguousarray(weights * (2.0 / (edges[2:] - edges[:-2])), dtype=np.float32)


@lru_cache(maxsize=4)
def _window(n_fft: int) -> NDArray[np.float32]:
    window: NDArray[np.float32] = signal.get_window("hann", n_fft).astype(np.float32)
    return window


def power_blocks(
    mono: NDArray[np.float32], n_fft: int = N_FFT, hop: int = HOP
) -> Iterator[NDArray[np.float32]]:
    """Yield the power spectrum of frames centred on ``k * hop``, shape (n, n_fft // 2 + 1) each.

    The signal is padded with zeros, so that frame 0 is centred on the first sample.
    """
    padded = np.pad(np.asarray(mono, dtype=np.float32), n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    window = _window(n_fft)
    for start in range(0, len(mono) // hop + 1, _BLOCK_FRAMES):
        spectrum = fft.rfft(frames[start : start + _BLOCK_FRAMES] * window, axis=1)
        yield np.square(spectrum.real) + np.square(spectrum.imag)


def _as_half(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round to the precision of float16, except values outside its range."""
    limit = np.float32(np.finfo(np.float16).max)
    return np.where(mel < limit, np.minimum(mel, limit).astype(np.float16), mel)


def log_mel(mono: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``log10(10000 mel + 1)`` of mono audio at 16 kHz.

    Parameters
    ----------
    mono : ndarray of float32, shape (n_samples,)
        Audio at `RATE_HZ`.

    Returns
    -------
    ndarray of float32, shape (n_samples // 256 + 1, 96)
        Frame ``k`` is centred on second ``k * FRAME_S``.
    """
    out = np.empty((len(mono) // HOP + 1, N_MELS), dtype=np.float32)
    first = 0
    for power in power_blocks(mono):
        out[first : first + len(power)] = _as_half(power @ mel_filters())
        first += len(power)
    out *= np.float32(10_000.0)
    out += np.float32(1.0)
    return np.log10(out, out=out)
