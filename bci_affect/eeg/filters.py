"""Causal filters: designs as second-order sections, and a bank that runs many of them at once.

A cascade of second-order sections is linear in its input and its state, so its effect on a block
of n samples is one matrix: ``[y; state'] = M [x; state]``. `FilterBank` derives M from
SciPy's ``sosfilt`` (by filtering unit vectors) and then runs all filters and channels of a block in
one matrix product. The results equal ``sosfilt``'s to rounding, at a tenth of its cost for the
short blocks of live use, where the call overhead of ``sosfilt`` dominates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

MAX_BLOCK = 32
"""Longest block of one matrix product; longer ones cost more per sample."""

PADDED_SECTIONS = 2
"""Difference in sections up to which cascades share one matrix product."""

NOTCH_Q = 30.0
"""Centre frequency over width of the mains notch: 1.7 Hz wide at 50 Hz."""


@dataclass(frozen=True, slots=True)
class Cascade:
    """A named filter as second-order sections, shape (n_sections, 6), for one sampling rate."""

    name: str
    sos: NDArray[np.float64]
    rate_hz: float

    def response(self, hz: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Complex gain at each frequency in Hz."""
        h: NDArray[np.complex128] = signal.sosfreqz(self.sos, worN=hz, fs=self.rate_hz)[1]
        return h

    def delay_s(self, hz: float) -> float:
        """Group delay in seconds at one frequency: minus the slope of the phase."""
        step = min(1e-3, hz / 10)
        low, high = self.response(np.array([hz - step, hz + step]))
        return float(-np.angle(high / low) / (2 * np.pi * 2 * step))

    def settle_s(self, share: float = 1e-3) -> float:
        """Seconds after which no more than `share` of the impulse response's energy is to come."""
        n = int(self.rate_hz * 4)
        while True:
            impulse = np.zeros(n)
            impulse[0] = 1.0
            energy = np.cumsum(signal.sosfilt(self.sos, impulse)[::-1] ** 2)[::-1]
            done = np.flatnonzero(energy <= share * energy[0])
            if (done.size and done[0] < n // 2) or n > self.rate_hz * 120:
                return float(done[0] if done.size else n) / self.rate_hz
            n *= 2


def high_pass(hz: float, rate_hz: float, order: int = 2) -> NDArray[np.float64]:
    """Butterworth high-pass."""
    return _sos(signal.butter(order, hz, "highpass", fs=rate_hz, output="sos"))


def low_pass(hz: float, rate_hz: float, order: int = 4) -> NDArray[np.float64]:
    """Butterworth low-pass; passes everything if the edge is too near the Nyquist frequency."""
    if hz >= 0.49 * rate_hz:
        return identity(1)
    return _sos(signal.butter(order, hz, "lowpass", fs=rate_hz, output="sos"))


def band_pass(low: float, high: float, rate_hz: float, order: int = 3) -> NDArray[np.float64]:
    """Butterworth band-pass with `order` poles at each edge.

    If the upper edge exceeds the usable range of the rate, the result is a high-pass.
    """
    if high >= 0.49 * rate_hz:
        return high_pass(low, rate_hz, order)
    return _sos(signal.butter(order, (low, high), "bandpass", fs=rate_hz, output="sos"))


def notches(
    line_hz: Sequence[float], rate_hz: float, top_hz: float, q: float
) -> NDArray[np.float64]:
    """Notches at each mains frequency and its harmonics, up to `top_hz` and below Nyquist.

    The harmonics keep the width of the first notch, so that all ring equally long.
    """
    sections = []
    for base in line_hz:
        hz = base
        while hz < min(0.47 * rate_hz, top_hz):
            b, a = signal.iirnotch(hz, q * hz / base, fs=rate_hz)
            sections.append(np.concatenate([b, a]))
            hz += base
    return np.array(sections) if sections else identity(1)


def identity(n_sections: int) -> NDArray[np.float64]:
    """Sections of the identity filter."""
    return np.tile(np.array([1.0, 0, 0, 1, 0, 0]), (n_sections, 1))


def _sos(sections: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ascontiguousarray(sections, np.float64)


class FilterBank:
    """Several causal filters over the same channels, run block by block with state.

    Parameters
    ----------
    cascades : sequence of ndarray, shape (n_sections, 6)
        Filters; each sees the same input.
    n_channels : int
        Channels, all filtered alike. All states begin at zero: subtract a channel's first value
        beforehand, so that the start has no step.
    """

    def __init__(self, cascades: Sequence[NDArray[np.float64]], n_channels: int) -> None:
        self._n_channels = n_channels
        self._cascades = list(cascades)
        self._groups = self._grouped(np.zeros((sum(map(_n_states, cascades)), n_channels)))

    def _grouped(self, states: NDArray[np.float64]) -> list[_Group]:
        """Group neighbours of similar length; `states` are those of all, concatenated."""
        groups, first, at = [], 0, 0
        for end in range(1, len(self._cascades) + 1):
            lengths = [len(sos) for sos in self._cascades[first : end + 1]]
            if end < len(self._cascades) and max(lengths) - min(lengths) <= PADDED_SECTIONS:
                continue
            group = _Group(self._cascades[first:end], first, self._n_channels)
            for sos, state in zip(self._cascades[first:end], group.state, strict=True):
                state[: _n_states(sos)] = states[at : at + _n_states(sos)]
                at += _n_states(sos)
            groups.append(group)
            first = end
        self._most = max(group.n_states for group in groups)
        self._room = np.empty((0, 0, 0))  # of outputs
        return groups

    def reset(self) -> None:
        """Reset all filters."""
        for group in self._groups:
            group.state[:] = 0.0

    def run(self, block: NDArray[np.float64], sizes: Sequence[int] = ()) -> NDArray[np.float64]:
        """Filter the next samples.

        Parameters
        ----------
        block : ndarray of float64, shape (n_samples, n_channels)
            Finite values.
        sizes : sequence of int
            Lengths of the hops in the block; the result is that of one call per hop. By default the
            block is one hop.

        Returns
        -------
        ndarray of float64, shape (n_filters, n_samples, n_channels)
            Memory of the bank, valid until the next call: reused memory stays in the cache.
        """
        n, n_channels = block.shape
        # A product writes the new states after its outputs, where the next outputs go.
        out = self._room
        if out.shape[1] < n + self._most:
            out = self._room = np.empty((len(self._cascades), n + self._most, n_channels))
        for group in self._groups:
            state, start = group.state, 0
            for size in sizes or (n,):
                end = start + size
                while start < end:
                    length = min(MAX_BLOCK, end - start)
                    matrix, given = group.plans.get(length) or group.plan(length)
                    given[:, :length] = block[start : start + length]
                    given[:, length:] = state
                    result = out[group.rows, start : start + length + group.n_states]
                    np.matmul(matrix, given, out=result)
                    state = result[:, length:]
                    start += length
            group.state[:] = state
        return out[:, :n]

    def peek(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Filter samples as `run` does, without a change of state (for a preview)."""
        kept = [group.state.copy() for group in self._groups]
        try:
            return self.run(block)
        finally:
            for group, state in zip(self._groups, kept, strict=True):
                group.state[:] = state

    def keep(self, chosen: Sequence[int]) -> None:
        """Keep only some of the filters, in this order, with their states."""
        pasts = [
            state[: _n_states(self._cascades[group.rows.start + i])]
            for group in self._groups
            for i, state in enumerate(group.state)
        ]
        self._cascades = [self._cascades[i] for i in chosen]
        self._groups = self._grouped(np.concatenate([pasts[i] for i in chosen]))


class _Group:
    """Filters of a bank padded to one length, which share each matrix product."""

    def __init__(
        self, cascades: Sequence[NDArray[np.float64]], first: int, n_channels: int
    ) -> None:
        longest = max(len(sos) for sos in cascades)
        self._sos = np.stack(
            [np.vstack([sos, identity(longest - len(sos))]) for sos in cascades]
        )  # (n_filters, n_sections, 6)
        self.rows = slice(first, first + len(cascades))
        self.n_states = 2 * longest
        self.state = np.zeros((len(cascades), self.n_states, n_channels))
        self.plans: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def plan(self, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Create the matrices for blocks of n samples, and the buffer of their operand."""
        matrix = _block_matrices(self._sos, n)
        room = np.empty((len(matrix), matrix.shape[1], self.state.shape[2]))
        self.plans[n] = plan = (matrix, room)
        return plan


def _n_states(sos: NDArray[np.float64]) -> int:
    return 2 * len(sos)


def _block_matrices(cascades: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Matrices from (input, state) to (output, new state) over n samples, one per filter."""
    n_states = 2 * cascades.shape[1]
    inputs = np.eye(n, n + n_states)  # a unit impulse at each sample, then none for the states
    states = np.eye(n + n_states)[n:].reshape(cascades.shape[1], 2, n + n_states)
    matrices = []
    for sos in cascades:
        out, final = signal.sosfilt(sos, inputs, axis=0, zi=states)
        matrices.append(np.vstack([out, final.reshape(n_states, -1)]))
    return np.stack(matrices)
