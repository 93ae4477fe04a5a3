"""Ring buffer whose newest rows are always one contiguous view."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class SampleRing:
    """The newest `length` rows of a stream of rows.

    Every row is written twice, `length` rows apart, so that the newest rows are always contiguous
    in memory.

    Parameters
    ----------
    length : int
        Capacity in rows.
    shape : tuple of int
        Shape of one row.
    dtype : dtype
        Type of the values.
    """

    def __init__(
        self, length: int, shape: tuple[int, ...] = (), dtype: DTypeLike = np.float64
    ) -> None:
        self.length = length
        self._data: NDArray[Any] = np.zeros((2 * length, *shape), dtype)
        self._next = 0
        self.count = 0
        """Rows held, at most `length`."""

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows, shape (n, *shape), newest last; only the last `length` are kept."""
        n, at = len(rows), self._next
        if at + n < self.length:  # the common and fastest case
            self._data[at : at + n] = rows
            self._data[at + self.length : at + self.length + n] = rows
            self._next = at + n
            self.count = min(self.length, self.count + n)
            return
        rows = rows[-self.length :]
        first = min(len(rows), self.length - self._next)
        for part, start in ((rows[:first], self._next), (rows[first:], 0)):
            if len(part):
                self._data[start : start + len(part)] = part
                self._data[start + self.length : start + self.length + len(part)] = part
        self._next = (self._next + len(rows)) % self.length
        self.count = min(self.length, self.count + len(rows))

    def newest(self, n: int | None = None) -> NDArray[Any]:
        """Return a view of the newest `n` rows (all that are held by default), oldest first.

        Rows that were never written are zeros when `n` asks for more than `count`. The view changes
        with the next `append`: copy what is to be kept.
        """
        n = self.count if n is None else min(n, self.length)
        end = self._next + self.length
        return self._data[end - n : end]

    def clear(self) -> None:
        """Remove all rows."""
        self._data[:] = 0
        self._next = self.count = 0
