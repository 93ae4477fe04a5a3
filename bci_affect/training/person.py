"""Features of windows against each person's rest, for any set of electrodes.

The covariance of every window and of each person's rest is kept in channel space, so that the
features can be computed again for fewer electrodes (electrode dropout) and for another population
prior (that of a fold's training people).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import (
    CAPS,
    ChannelCovariance,
    Montage,
    PersonReference,
    PopulationPrior,
    make_montage,
)

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

_SAME_PLACE_M = 0.025
"""Distance within which an electrode takes the place of a headset's."""


@dataclass(frozen=True)
class PersonWindows:
    """Covariance sums of windows and of their people's rest.

    Attributes
    ----------
    sums : ndarray of float32, shape (n_windows, n_bands, n_pairs)
        Upper triangle of `ChannelCovariance.sums` of each window.
    samples : ndarray of int64, shape (n_windows, n_channels)
        Samples of each electrode in the sums.
    rest_sums, rest_samples : tuple of ndarray
        The same of the windows of rest, by subject.
    """

    sums: Floats
    samples: NDArray[np.int64]
    rest_sums: tuple[Floats, ...]
    rest_samples: tuple[NDArray[np.int64], ...]

    def select(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> PersonWindows:
        """Return a subset of the windows; rest stays complete."""
        return replace(self, sums=self.sums[rows], samples=self.samples[rows])

    def window(self, row: int) -> ChannelCovariance:
        """Return the covariance of one window."""
        return ChannelCovariance(unpack(self.sums[row]), self.samples[row])

    def reference(
        self, subject: int, positions: Floats, prior: PopulationPrior | None = None
    ) -> PersonReference:
        """Return the reference of one person.

        Parameters
        ----------
        subject : int
            Index of the person.
        positions : ndarray of float32, shape (n_channels, 3)
            Places of the person's electrodes.
        prior : PopulationPrior, optional
            Mean rest of other people; by default nothing is known of it.
        """
        names = tuple(f"channel {i}" for i in range(len(positions)))
        montage = Montage(names, positions, np.ones(len(names), np.bool_))
        made = PersonReference(montage, self.sums.shape[1], prior=prior)
        rest = zip(self.rest_sums[subject], self.rest_samples[subject], strict=True)
        for sums, samples in rest:
            made.add_rest(ChannelCovariance(unpack(sums), samples))
        return made


def pack(sums: NDArray[np.floating]) -> Floats:
    """Return the upper triangles, (..., n_pairs), of symmetric matrices, (..., n, n)."""
    rows, columns = np.triu_indices(sums.shape[-1])
    packed: Floats = sums[..., rows, columns].astype(np.float32)
    return packed


def unpack(packed: Floats) -> NDArray[np.float64]:
    """Return the symmetric matrices of `pack`."""
    n = round((np.sqrt(8 * packed.shape[-1] + 1) - 1) / 2)
    rows, columns = np.triu_indices(n)
    sums = np.empty((*packed.shape[:-1], n, n))
    sums[..., rows, columns] = sums[..., columns, rows] = packed
    return sums


def population_prior(references: Sequence[PersonReference]) -> PopulationPrior | None:
    """Return the mean rest of people, or None if no rest is known."""
    logs = [one.normalised_log() for one in references if one.has_rest]
    return PopulationPrior.from_people(np.stack(logs)) if logs else None


def person_vectors(
    reference: PersonReference, person: PersonWindows, mask: Bools, rows: NDArray[np.int64]
) -> Floats:
    """Return the features of windows of one person, (n, n_bands * 316); 0 where too few are valid.

    Parameters
    ----------
    reference : PersonReference
        Of the person.
    person : PersonWindows
        Covariances.
    mask : ndarray of bool, shape (n, n_channels)
        Valid electrodes of each row.
    rows : ndarray of int64, shape (n,)
        Windows.
    """
    return reference.vectors(unpack(person.sums[rows]), person.samples[rows], mask)


def draw_electrodes(positions: Floats, fewest: int, rng: np.random.Generator) -> Bools:
    """Draw a set of electrodes: half of the time a real headset's, else of any size.

    Parameters
    ----------
    positions : ndarray of float32, shape (n_channels, 3)
        Places; NaN where unknown.
    fewest : int
        Fewest electrodes of a set.
    rng : numpy Generator

    Returns
    -------
    ndarray of bool, shape (n_channels,)
    """
    placed = np.flatnonzero(np.isfinite(positions).all(axis=1))
    chosen = np.zeros(len(positions), np.bool_)
    if rng.random() < 0.5:
        headsets = [one for one in _headset_sets(positions, placed) if len(one) >= fewest]
        if headsets:
            chosen[headsets[rng.integers(len(headsets))]] = True
            return chosen
    size = int(rng.integers(min(fewest, len(placed)), len(placed) + 1))
    chosen[rng.choice(placed, size, replace=False)] = True
    return chosen


def _headset_sets(positions: Floats, placed: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return the electrodes at the places of real headsets, those with fewer than all only."""
    found = []
    for names in CAPS.values():
        places = make_montage(names).positions
        distance = np.linalg.norm(positions[placed][:, None] - places, axis=2)
        nearest = distance.argmin(axis=0)
        near = distance[nearest, np.arange(len(places))] < _SAME_PLACE_M
        electrodes = np.unique(placed[nearest[near]])
        if near.mean() >= 0.75 and len(electrodes) < len(placed):
            found.append(electrodes)
    return found
