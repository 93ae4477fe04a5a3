"""Loudness after ITU-R BS.1770 / EBU R128: measured block by block, so that length costs no memory.

`pyloudnorm` measures the same of whole arrays; the tests compare the two. Here the filters run as
matrix products over stretches of 64 samples, which takes a third of the time of a sample after the
other.
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
_STRETCH = 64


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
        self._filter = _StretchFilter(_k_weighting(rate_hz), n_channels)
        self._weights = np.where(np.arange(n_channels) >= 3, 1.41, 1.0).astype(np.float32)
        self._step = round(_STEP_S * rate_hz)
        self._rest: NDArray[np.float32] = np.empty((0, n_channels), np.float32)  # under a stretch
        self._left: NDArray[np.float32] = np.empty(0, np.float32)  # power, under a step
        self._energies: list[NDArray[np.float64]] = []
        self._measure_peak = peak
        self._top = 0.0

    def push(self, block: NDArray[np.float32]) -> None:
        """Take the next frames, shape (n, n_channels)."""
        if not len(block):
            return
        frames = np.concatenate([self._rest, block]) if len(self._rest) else block
        whole = len(frames) // _STRETCH * _STRETCH
        piece = 2048 * _STRETCH  # bounds memory
        for first in range(0, whole, piece):
            energies, self._left = self._steps(
                self._filter.push(frames[first : min(first + piece, whole)])
            )
            self._energies.append(energies)
        self._rest = frames[whole:].copy()
        if self._measure_peak:
            self._top = max(self._top, _true_peak(block, self._top))

    @np.errstate(over="ignore")  # of damaged floats, whose peak is told as damage
    def _steps(
        self, weighted: list[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return mean powers of steps from the next weighted samples by channel, and what is left.

        The samples are spoilt.
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
        """Return the integrated loudness so far; `SILENCE_LUFS` at least.

        Audio shorter than one gating block (0.4 s) is measured ungated.
        """
        n = len(self._rest)
        padded = np.pad(self._rest, ((0, _STRETCH - n), (0, 0)))
        last, left = self._steps([part[:n] for part in self._filter.peek(padded)])
        steps = np.concatenate([*self._energies, last])
        if len(steps) < 4:
            whole = np.concatenate([steps, [left.mean()] if len(left) else []])
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


class _StretchFilter:
    """Second-order sections by matrix products: 64 samples at a time, in float32.

    What a stretch gives is linear in its samples and in the state that it finds. The states of all
    stretches follow from each other in logarithmically many steps: first from the one before, then
    from two before, four, eight, until nothing is left of so old a state.

    Parameters
    ----------
    sos : ndarray, shape (n_sections, 6)
        Sections.
    n_channels : int
        Channels.
    """

    def __init__(self, sos: NDArray[np.float64], n_channels: int) -> None:
        n_states = 2 * len(sos)
        given = np.eye(_STRETCH + n_states)  # each sample, then each state, alone
        states = given[:, _STRETCH:].T.reshape(len(sos), 2, -1).transpose(0, 2, 1)
        out, after = signal.sosfilt(sos, given[:, :_STRETCH], axis=1, zi=states)
        self._out = out.astype(np.float32)  # (64 + n_states, 64)
        left = after.transpose(1, 0, 2).reshape(-1, n_states)
        self._to_state = left[:_STRETCH].astype(np.float32)
        self._onwards = left[_STRETCH:]  # (n_states, n_states), float64
        self._states = np.zeros((n_channels, n_states))

    def push(self, frames: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return the next samples of each channel, (n,), from frames (n, n_channels)."""
        made = [self._run(frames[:, c], state) for c, state in enumerate(self._states)]
        self._states = np.stack([state for _, state in made])
        return [samples for samples, _ in made]

    def peek(self, frames: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return what `push` would, and forget it."""
        return [self._run(frames[:, c], state)[0] for c, state in enumerate(self._states)]

    @np.errstate(over="ignore", invalid="ignore")  # of damaged floats, as in `_steps`
    def _run(
        self, samples: NDArray[np.float32], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Filter samples (n,), n a multiple of 64, from a state (n_states,)."""
        n = len(samples) // _STRETCH
        given = np.empty((n, len(self._out)), np.float32)
        given[:, :_STRETCH] = samples.reshape(n, _STRETCH)
        states = np.empty((n + 1, len(state)))
        states[0] = state
        states[1:] = given[:, :_STRETCH] @ self._to_state
        far, onwards = 1, self._onwards
        while far <= n and np.abs(onwards).max() > 1e-12:
            states[far:] += states[:-far] @ onwards
            far, onwards = 2 * far, onwards @ onwards
        given[:, _STRETCH:] = states[:-1]
        return (given @ self._out).ravel(), states[-1]


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
