"""Common reference, robust to electrodes that leave and return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg.electrodes import ElectrodeSet
from bci_affect.eeg.montage import MASTOIDS, Montage
from bci_affect.errors import BciAffectError

MIN_FOR_AVERAGE = 8
"""Fewest electrodes whose average is near zero; subtracting another one smears the EEG."""


class Reference:
    """Subtraction of the mean of some good electrodes from all.

    It follows the high-pass filter: an electrode that leaves the average then changes it by tens of
    microvolts, not by its offset of tens of thousands. A change of electrodes fades in over one
    hop.

    Parameters
    ----------
    kind : {"none", "average", "mastoids"} or tuple of str
        Keep the device's reference; average of good EEG electrodes (of montages with at least
        `MIN_FOR_AVERAGE`); linked mastoids or ear lobes; the mean of the named electrodes.
    montage : Montage
        Channels of the stream.

    Raises
    ------
    BciAffectError
        If the stream lacks the electrodes.
    """

    def __init__(
        self, kind: Literal["none", "average", "mastoids"] | tuple[str, ...], montage: Montage
    ) -> None:
        names = [n for n, eeg in zip(montage.names, montage.is_eeg, strict=True) if eeg]
        folded = [name.casefold() for name in names]
        self._members = np.zeros(len(names), np.bool_)
        if kind == "average":
            self._members[:] = len(names) >= MIN_FOR_AVERAGE
        elif kind != "none":
            wanted = _mastoids(folded) if kind == "mastoids" else kind
            missing = [name for name in wanted if name.casefold() not in folded]
            if missing or not wanted:
                what = ", ".join(missing) if missing else "mastoids (M1 M2, A1 A2, TP9 TP10)"
                raise BciAffectError(
                    f"The reference needs electrodes that the stream lacks: {what}; choose "
                    'reference = "average" or "none".'
                )
            for name in wanted:
                self._members[folded.index(name.casefold())] = True
        self._weights: NDArray[np.float64] = self._members / max(1, self._members.sum())
        self._on = bool(self._members.any())
        self._version = -1  # of the good electrodes of the last hop

    def apply(
        self, block: NDArray[np.float64], sizes: Sequence[int], good: ElectrodeSet
    ) -> NDArray[np.float64]:
        """Subtract from hops, (n, n_channels), the mean of the electrodes that are good now.

        `sizes` are the samples of each hop.
        """
        if not self._on:
            return block
        if good.version == self._version:
            return self._subtract(block, sizes)
        self._version = good.version
        before, members = self._weights, self._members & good.mask
        if members.any():  # otherwise the last electrodes remain the reference
            self._weights = members / members.sum()
        if np.array_equal(before, self._weights):
            return self._subtract(block, sizes)
        first = sizes[0]
        fade = np.arange(1, first + 1)[:, None] / first
        weights = before * (1 - fade) + self._weights * fade  # (n, n_channels)
        mean: NDArray[np.float64] = np.einsum("nc,nc->n", block[:first], weights)
        faded = block[:first] - mean[:, None]
        if len(sizes) == 1:
            return faded
        return np.concatenate([faded, self._subtract(block[first:], sizes[1:])])

    def peek(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Subtract the mean of the last hop's electrodes; the state stays."""
        return self._subtract(block, (len(block),)) if self._on else block

    def _subtract(self, block: NDArray[np.float64], sizes: Sequence[int]) -> NDArray[np.float64]:
        """Subtract the mean, found hop by hop: sums over electrodes may go by a block's shape."""
        if len(sizes) == 1:
            return block - (block @ self._weights)[:, None]
        mean = np.empty((len(block), 1))
        start = 0
        for size in sizes:
            end = start + size
            mean[start:end, 0] = block[start:end] @ self._weights
            start = end
        return block - mean


def _mastoids(names: list[str]) -> tuple[str, ...]:
    """First pair of mastoid or ear electrodes that the stream has."""
    for left, right in zip(MASTOIDS[::2], MASTOIDS[1::2], strict=True):
        if left.casefold() in names and right.casefold() in names:
            return left, right
    return ()
