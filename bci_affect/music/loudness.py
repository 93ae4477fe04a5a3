"""Loudness after ITU-R BS.1770 / EBU R128: measured block by block, so that length costs no memory.

`pyloudnorm` measures the same of whole arrays; the tests compare the two.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import signal

ANALYSIS_LUFS = -14.0
"""Embeddings depend on level: without one fixed loudness "arousal" becomes a loudness meter."""
PLAYBACK_LUFS = -18.0
PEAK_DBFS = -1.0
MAX_GAIN_DB = 12.0
"""A recording that is nearly silent is not pulled up further than this."""
SILENCE_LUFS = -70.0
"""What R128 counts as silence; also what silent audio is reported as."""
_STEP_S = 0.1  # gating blocks of 0.4 s every 0.1 s


@lru_cache(maxsize=8)
def _k_weighting(rate_hz: int) -> NDArray[np.float64]:
    """BS.1770's two filters as second-order sections: a shelf of +4 dB, and a high-pass."""
    shelf_hz, shelf_q, shelf_db = 1500.0, 1 / np.sqrt(2), 4.0
    w, a = 2 * np.pi * shelf_hz / rate_hz, 10 ** (shelf_db / 40)
    alpha, c = np.sin(w) / (2 * shelf_q), np.cos(w)
    root = 2 * np.sqrt(a) * alpha
    shelf = [
        a * ((a + 1) + (a - 1) * c + root),
        -2 * a * ((a - 1) + (a + 1) * c),
        a * ((a + 1) + (a - 1) * c - root),
        (a + 1) - (a - 1) * c + root,
        2 * ((a - 1) - (a + 1) * c),
        (a + 1) - (a - 1) * c - root,
    ]
    w = 2 * np.pi * 38.0 / rate_hz
    alpha, c = np.sin(w) / (2 * 0.5), np.cos(w)
    high = [(1 + c) / 2, -(1 + c), (1 + c) / 2, 1 + alpha, -2 * c, 1 - alpha]
    sos = np.array([shelf, high])
    normed: NDArray[np.float64] = sos / sos[:, 3:4]
    return normed


class LoudnessMeter:
    """Integrated loudness and true peak of audio that arrives in blocks.

    Parameters
    ----------
    rate_hz : int
        Rate of the audio.
    n_channels : int
        Channels of every block; from the fourth on they count as surround (+1.5 dB).
    peak : bool
        Whether to measure the true peak, which costs as much again.
    """

    def __init__(self, rate_hz: int, n_channels: int, *, peak: bool = True) -> None:
        self._sos = _k_weighting(rate_hz)
        self._state = np.zeros((2, n_channels, 2))
        self._weights = np.where(np.arange(n_channels) >= 3, 1.41, 1.0)
        self._step = round(_STEP_S * rate_hz)
        self._left: NDArray[np.float64] = np.empty(0)
        self._energies: list[NDArray[np.float64]] = []
        self._measure_peak = peak
        self._top = 0.0

    def push(self, block: NDArray[np.float32]) -> None:
        """Take the next frames, shape (n, n_channels)."""
        if not len(block):
            return
        weighted, self._state = signal.sosfilt(self._sos, block.T, axis=1, zi=self._state)
        power = np.concatenate([self._left, self._weights @ np.square(weighted)])  # (n,)
        n = len(power) // self._step
        self._energies.append(power[: n * self._step].reshape(n, self._step).mean(axis=1))
        self._left = power[n * self._step :]
        if self._measure_peak:
            self._top = max(self._top, _true_peak(block, self._top))

    def lufs(self) -> float:
        """Return the integrated loudness so far; `SILENCE_LUFS` at least.

        Audio shorter than one gating block (0.4 s) is measured ungated.
        """
        steps = np.concatenate(self._energies) if self._energies else np.empty(0)
        if len(steps) < 4:
            whole = np.concatenate([steps, [self._left.mean()] if len(self._left) else []])
            blocks = whole.mean(keepdims=True) if len(whole) else whole
        else:
            blocks = np.convolve(steps, np.full(4, 0.25), mode="valid")
        blocks = blocks[blocks > _energy(SILENCE_LUFS)]
        if not len(blocks):
            return SILENCE_LUFS
        gated = blocks[blocks > blocks.mean() * 0.1]  # 10 LU below the mean
        return max(SILENCE_LUFS, -0.691 + 10 * float(np.log10(gated.mean())))

    def peak_dbfs(self) -> float:
        """Return the true peak so far, -inf of silence."""
        return 20 * float(np.log10(self._top)) if self._top > 0 else -np.inf


def _energy(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


_REACH = 24  # samples to each side that a value between samples is made from


@lru_cache(maxsize=1)
def _oversampling() -> NDArray[np.float32]:
    """Low-pass of a 4-fold oversampling, by phase: shape (2 * _REACH + 1, 4)."""
    taps = np.zeros((2 * _REACH + 1) * 4)
    taps[: 8 * _REACH + 1] = 4 * signal.firwin(8 * _REACH + 1, 0.25, window=("kaiser", 5.0))
    return np.ascontiguousarray(taps.reshape(-1, 4)[::-1], dtype=np.float32)


def _true_peak(block: NDArray[np.float32], known: float) -> float:
    """Peak between samples, by 4-fold oversampling of the loudest pieces.

    The true peak lies a few dB above the sample peak at most, and where the samples are loud: the
    64 loudest pieces of 128 samples are looked at.
    """
    piece, most = 128, 64
    magnitude = np.abs(block[:, 0])  # (n,); by columns, since a maximum over pairs is slow
    for channel in range(1, block.shape[1]):
        np.maximum(magnitude, np.abs(block[:, channel]), out=magnitude)
    peaks = np.maximum.reduceat(magnitude, np.arange(0, len(magnitude), piece))
    top = max(known, float(peaks.max()))
    loud = np.argsort(-peaks)[:most]
    loud = loud[peaks[loud] > 0.63 * top]
    if not len(loud):
        return top
    at = loud[:, None] * piece + np.arange(-_REACH, piece + _REACH)  # (n_loud, piece + 2 _REACH)
    parts = np.where(
        ((at >= 0) & (at < len(block)))[..., None], block[np.clip(at, 0, len(block) - 1)], 0.0
    )
    windows = np.lib.stride_tricks.sliding_window_view(parts, 2 * _REACH + 1, axis=1)
    between = windows.reshape(-1, 2 * _REACH + 1) @ _oversampling()
    return max(top, float(np.abs(between).max()))


def integrated_lufs(audio: NDArray[np.float32], rate_hz: int) -> float:
    """Return the integrated loudness of audio (n,) or (n, n_channels)."""
    frames = audio if audio.ndim == 2 else audio[:, None]
    meter = LoudnessMeter(rate_hz, frames.shape[1], peak=False)
    size = 10 * rate_hz  # in blocks: the meter works in double precision
    for first in range(0, len(frames), size):
        meter.push(frames[first : first + size])
    return meter.lufs()


def normalised(
    mono: NDArray[np.float32], rate_hz: int, target_lufs: float = ANALYSIS_LUFS
) -> NDArray[np.float32]:
    """Return the audio at the target loudness; silence stays silence.

    Peaks are not limited: the analysis has no ceiling.
    """
    loudness = integrated_lufs(mono, rate_hz)
    if loudness <= SILENCE_LUFS:
        return mono
    return mono * np.float32(10 ** ((target_lufs - loudness) / 20))


def playback_gain_db(
    loudness_lufs: float, peak_dbfs: float, target_lufs: float = PLAYBACK_LUFS
) -> float:
    """Return the gain to the playback target that keeps the true peak at -1 dBFS or below."""
    if loudness_lufs <= SILENCE_LUFS:
        return 0.0
    return float(min(target_lufs - loudness_lufs, PEAK_DBFS - peak_dbfs, MAX_GAIN_DB))
