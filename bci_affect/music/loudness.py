"""Loudness after ITU-R BS.1770 / EBU R128, measured block by block in constant memory.

`pyloudnorm` measures the same for complete arrays; the tests compare the two. Here the filters run
as matrix products over blocks of 64 samples, in a third of the time of sample-wise filtering.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import signal

ANALYSIS_LUFS = -14.0
"""Loudness for analysis; embeddings depend on level, so without it "arousal" measures loudness."""
PLAYBACK_LUFS = -18.0
PEAK_DBFS = -1.0
MAX_GAIN_DB = 12.0
"""Maximum playback gain, for nearly silent recordings."""
SILENCE_LUFS = -70.0
"""Absolute gate of R128, also the reported loudness of silence."""
_STEP_S = 0.1  # gating blocks of 0.4 s every 0.1 s
_BLOCK = 64


@lru_cache(maxsize=8)
def _k_weighting(rate_hz: int) -> NDArray[np.float64]:
    """Return the two filters of BS.1770 as second-order sections: +4 dB shelf and high-pass."""
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
    """Meter of the integrated loudness and true peak of audio in blocks.

    Parameters
    ----------
    rate_hz : int
        Rate of the audio.
    n_channels : int
        Number of channels; from the fourth on they count as surround (+1.5 dB).
    peak : bool
        Measure the true peak, which doubles the computation.
    """

    def __init__(self, rate_hz: int, n_channels: int, *, peak: bool = True) -> None:
        self._filter = _BlockFilter(_k_weighting(rate_hz), n_channels)
        self._weights = np.where(np.arange(n_channels) >= 3, 1.41, 1.0).astype(np.float32)
        self._step = round(_STEP_S * rate_hz)
        self._rest: NDArray[np.float32] = np.empty((0, n_channels), np.float32)  # incomplete block
        self._left: NDArray[np.float32] = np.empty(0, np.float32)  # power of an incomplete step
        self._energies: list[NDArray[np.float64]] = []
        self._measure_peak = peak
        self._top = 0.0

    def push(self, block: NDArray[np.float32]) -> None:
        """Process the next frames, shape (n, n_channels)."""
        if not len(block):
            return
        frames = np.concatenate([self._rest, block]) if len(self._rest) else block
        complete = len(frames) // _BLOCK * _BLOCK
        piece = 2048 * _BLOCK  # limits memory
        for first in range(0, complete, piece):
            energies, self._left = self._steps(
                self._filter.push(frames[first : min(first + piece, complete)])
            )
            self._energies.append(energies)
        self._rest = frames[complete:].copy()
        if self._measure_peak:
            self._top = max(self._top, _true_peak(block, self._top))

    @np.errstate(over="ignore")  # damaged floats are detected by their peak
    def _steps(
        self, weighted: list[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the mean powers of complete steps, and the power of the rest.

        The weighted samples of each channel are overwritten.
        """
        for samples, weight in zip(weighted, self._weights, strict=True):
            np.square(samples, out=samples)
            if weight != 1.0:
                samples *= weight
        power = weighted[0]
        for samples in weighted[1:]:
            power += samples
        power = np.concatenate([self._left, power])
        n = len(power) // self._step
        steps = power[: n * self._step].reshape(n, self._step)
        return steps.mean(axis=1).astype(np.float64), power[n * self._step :]

    def lufs(self) -> float:
        """Return the integrated loudness so far, at least `SILENCE_LUFS`.

        Audio shorter than one gating block (0.4 s) is measured ungated.
        """
        n = len(self._rest)
        padded = np.pad(self._rest, ((0, _BLOCK - n), (0, 0)))
        last, left = self._steps([part[:n] for part in self._filter.peek(padded)])
        steps = np.concatenate([*self._energies, last])
        if len(steps) < 4:
            powers = np.concatenate([steps, [left.mean()] if len(left) else []])
            blocks = powers.mean(keepdims=True) if len(powers) else powers
        else:
            blocks = np.convolve(steps, np.full(4, 0.25), mode="valid")
        blocks = blocks[blocks > _energy(SILENCE_LUFS)]
        if not len(blocks):
            return SILENCE_LUFS
        gated = blocks[blocks > blocks.mean() * 0.1]  # 10 LU below the mean
        return max(SILENCE_LUFS, -0.691 + 10 * float(np.log10(gated.mean())))

    def peak_dbfs(self) -> float:
        """Return the true peak so far; -inf for silence."""
        return 20 * float(np.log10(self._top)) if self._top > 0 else -np.inf


class _BlockFilter:
    """Second-order sections as matrix products on blocks of 64 samples, in float32.

    The output of a block is linear in its samples and in its initial state. The states of all
    blocks are computed by a parallel scan with a logarithmic number of steps: from the preceding
    block, then from two blocks before, four, eight, until the contribution has decayed.

    Parameters
    ----------
    sos : ndarray, shape (n_sections, 6)
        Second-order sections.
    n_channels : int
        Number of channels.
    """

    def __init__(self, sos: NDArray[np.float64], n_channels: int) -> None:
        n_states = 2 * len(sos)
        unit = np.eye(_BLOCK + n_states)  # impulses of each sample, then of each state
        states = unit[:, _BLOCK:].T.reshape(len(sos), 2, -1).transpose(0, 2, 1)
        out, after = signal.sosfilt(sos, unit[:, :_BLOCK], axis=1, zi=states)
        self._out = out.astype(np.float32)  # (64 + n_states, 64)
        final = after.transpose(1, 0, 2).reshape(-1, n_states)
        self._to_state = final[:_BLOCK].astype(np.float32)
        self._transition = final[_BLOCK:]  # (n_states, n_states), float64
        self._states = np.zeros((n_channels, n_states))

    def push(self, frames: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return the next samples of each channel, (n,), from frames (n, n_channels)."""
        results = [self._run(frames[:, c], state) for c, state in enumerate(self._states)]
        self._states = np.stack([state for _, state in results])
        return [samples for samples, _ in results]

    def peek(self, frames: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return the result of `push` without a change of state."""
        return [self._run(frames[:, c], state)[0] for c, state in enumerate(self._states)]

    @np.errstate(over="ignore", invalid="ignore")  # damaged floats, as in `_steps`
    def _run(
        self, samples: NDArray[np.float32], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Filter samples (n,), n a multiple of 64, from a state (n_states,)."""
        n = len(samples) // _BLOCK
        inputs = np.empty((n, len(self._out)), np.float32)
        inputs[:, :_BLOCK] = samples.reshape(n, _BLOCK)
        states = np.empty((n + 1, len(state)))
        states[0] = state
        states[1:] = inputs[:, :_BLOCK] @ self._to_state
        distance, transition = 1, self._transition
        while distance <= n and np.abs(transition).max() > 1e-12:
            states[distance:] += states[:-distance] @ transition
            distance, transition = 2 * distance, transition @ transition
        inputs[:, _BLOCK:] = states[:-1]
        return (inputs @ self._out).ravel(), states[-1]


def _energy(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


_REACH = 24  # samples on each side used for interpolation


@lru_cache(maxsize=1)
def _oversampling() -> NDArray[np.float32]:
    """Return the low-pass filter of 4-fold oversampling by phase, shape (2 * _REACH + 1, 4)."""
    taps = np.zeros((2 * _REACH + 1) * 4)
    taps[: 8 * _REACH + 1] = 4 * signal.firwin(8 * _REACH + 1, 0.25, window=("kaiser", 5.0))
    return np.ascontiguousarray(taps.reshape(-1, 4)[::-1], dtype=np.float32)


def _true_peak(block: NDArray[np.float32], known: float) -> float:
    """Return the true peak, by 4-fold oversampling of the loudest pieces.

    The true peak is at most a few dB above the sample peak and occurs where samples are large, so
    only the 64 loudest pieces of 128 samples are oversampled.
    """
    piece, most = 128, 64
    magnitude = np.abs(block[:, 0])  # (n,); by columns, since a maximum along rows is slow
    for channel in range(1, block.shape[1]):
        np.maximum(magnitude, np.abs(block[:, channel]), out=magnitude)
    peaks = np.maximum.reduceat(magnitude, np.arange(0, len(magnitude), piece))
    top = max(known, float(peaks.max()))
    loud = np.argsort(-peaks)[:most]
    loud = loud[peaks[loud] > 0.63 * top]
    if not len(loud):
        return top
    index = loud[:, None] * piece + np.arange(-_REACH, piece + _REACH)  # (n_loud, piece + 2 _REACH)
    inside = (index >= 0) & (index < len(block))
    parts = np.where(inside[..., None], block[np.clip(index, 0, len(block) - 1)], 0.0)
    windows = np.lib.stride_tricks.sliding_window_view(parts, 2 * _REACH + 1, axis=1)
    interpolated = windows.reshape(-1, 2 * _REACH + 1) @ _oversampling()
    return max(top, float(np.abs(interpolated).max()))


def integrated_lufs(audio: NDArray[np.float32], rate_hz: int) -> float:
    """Return the integrated loudness of audio (n,) or (n, n_channels)."""
    frames = audio if audio.ndim == 2 else audio[:, None]
    meter = LoudnessMeter(rate_hz, frames.shape[1], peak=False)
    size = 10 * rate_hz  # limits memory: the meter works in double precision
    for first in range(0, len(frames), size):
        meter.push(frames[first : first + size])
    return meter.lufs()


def normalise_loudness(
    mono: NDArray[np.float32], rate_hz: int, target_lufs: float = ANALYSIS_LUFS
) -> NDArray[np.float32]:
    """Return the audio at the target loudness, without a limit on peaks; silence is unchanged."""
    loudness = integrated_lufs(mono, rate_hz)
    if loudness <= SILENCE_LUFS:
        return mono
    return mono * np.float32(10 ** ((target_lufs - loudness) / 20))


def playback_gain_db(
    loudness_lufs: float, peak_dbfs: float, target_lufs: float = PLAYBACK_LUFS
) -> float:
    """Return the gain to the playback loudness that keeps the true peak at or below -1 dBFS."""
    if loudness_lufs <= SILENCE_LUFS:
        return 0.0
    return float(min(target_lufs - loudness_lufs, PEAK_DBFS - peak_dbfs, MAX_GAIN_DB))
