"""Set of electrodes with a version, so that what follows from it is computed once per change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class ElectrodeSet(NamedTuple):
    """Set of EEG electrodes.

    Attributes
    ----------
    mask : ndarray of bool, shape (n_eeg,)
        True for the members; never changed in place.
    version : int
        Number of changes so far: two sets of one owner with the same version are equal.

    Examples
    --------
    >>> every = ElectrodeSet.all_of(3)
    >>> every.changed_to(np.array([True, True, True])) is every
    True
    >>> every.changed_to(np.array([True, False, True])).version
    1
    """

    mask: NDArray[np.bool_]
    version: int = 0

    @classmethod
    def all_of(cls, n_eeg: int) -> ElectrodeSet:
        """Return the set of all electrodes."""
        return cls(np.ones(n_eeg, np.bool_))

    @classmethod
    def none_of(cls, n_eeg: int) -> ElectrodeSet:
        """Return the empty set."""
        return cls(np.zeros(n_eeg, np.bool_))

    def changed_to(self, mask: NDArray[np.bool_]) -> ElectrodeSet:
        """Return the set of `mask` under the next version, or this set if it is the same."""
        if np.count_nonzero(mask != self.mask):
            return ElectrodeSet(mask, self.version + 1)
        return self
