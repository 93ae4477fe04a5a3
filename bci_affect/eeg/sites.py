"""Projection of any montage onto 24 fixed virtual sites on the scalp.

Potentials at the sites are predicted from the valid electrodes by a Gaussian process on the sphere.
Its kernel has no constant term, and the electrodes' mean is subtracted first, so that the device's
reference has no influence. The same process yields the covariance of the error: what a montage
cannot see. Electrode sets of 4 to 64 channels thus share one feature space.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from bci_affect.config import HEAD_CENTRE_M
from bci_affect.eeg.montage import Montage, make_montage
from bci_affect.errors import BciAffectError
from bci_affect.harmonics import spherical_harmonics

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SITES = (
    "Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "FC5", "FC6", "T7", "C3", "Cz",
    "C4", "T8", "CP5", "CP6", "P7", "P3", "Pz", "P4", "P8", "O1", "Oz", "O2",
)  # fmt: skip
"""Names of the virtual sites in the 10-10 system, in the order of the site axis."""

N_SITES = len(SITES)

N_HARMONICS = 16
"""Real spherical harmonics of degrees 0 to 3."""

NOISE = 0.03
"""Variance of an electrode's own noise, as a share of the variance of the potential."""

MAX_DEGREE = 12
"""Highest degree of the kernel's Legendre series."""

MIN_ELECTRODES = 2
"""With fewer electrodes no potential difference exists."""

_CACHED_MASKS = 32
_FIELD_PENALTY = 0.05
_DEGREE = np.array([0] + [1] * 3 + [2] * 5 + [3] * 7, np.float64)


def unit_directions(positions: NDArray[np.floating]) -> Floats:
    """Return the directions of electrodes from the centre of the head.

    Parameters
    ----------
    positions : ndarray, shape (n, 3)
        Metres in head coordinates, as in `Montage.positions`.

    Returns
    -------
    ndarray of float64, shape (n, 3)
        Unit vectors; NaN where the position is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from bci_affect.config import HEAD_CENTRE_M
    >>> unit_directions(np.array([HEAD_CENTRE_M]) + [[0.0, 0.0, 0.09]]).tolist()
    [[0.0, 0.0, 1.0]]
    """
    away = np.asarray(positions, np.float64) - np.array(HEAD_CENTRE_M)
    directions: Floats = away / np.linalg.norm(away, axis=-1, keepdims=True)
    return directions


def spherical_kernel(u: Floats, v: Floats) -> Floats:
    """Return the prior covariance of the scalp potential between two sets of directions.

    ``k(u, v) = sum over l = 1..12 of (2 l + 1) / (l (l + 1))^2 P_l(u . v)``, scaled to
    ``k(u, u) = 1``: the spherical spline kernel without its constant term.

    Parameters
    ----------
    u, v : ndarray of float64, shapes (n, 3) and (m, 3)
        Unit vectors.

    Returns
    -------
    ndarray of float64, shape (n, m)

    References
    ----------
    Perrin, Pernier, Bertrand, Echallier (1989), "Spherical splines for scalp potential and current
    density mapping".

    Examples
    --------
    >>> import numpy as np
    >>> up = np.array([[0.0, 0.0, 1.0]])
    >>> spherical_kernel(up, up).round(6).tolist()
    [[1.0]]
    """
    degree = np.arange(1, MAX_DEGREE + 1)
    weight = (2 * degree + 1) / (degree * (degree + 1.0)) ** 2
    series = np.concatenate([[0.0], weight / weight.sum()])
    kernel: Floats = legendre.legval(np.clip(u @ v.T, -1.0, 1.0), series)
    return kernel


@dataclass(frozen=True, slots=True)
class Projection:
    """Linear maps from one set of electrodes to the virtual sites.

    Attributes
    ----------
    electrodes : ndarray of int64, shape (n,)
        Rows of the montage that are used.
    matrix : ndarray of float64, shape (n_sites, n)
        Predicted potential at each site; each row sums to 0.
    unseen : ndarray of float64, shape (n_sites, n_sites)
        Covariance of the prediction error, as a share of the variance of the potential.
    from_sites : ndarray of float64, shape (n, n_sites)
        Predicted potential at the electrodes, from the sites.
    field : ndarray of float64, shape (16, n)
        Coefficients of spherical harmonics of a quantity measured at the electrodes.
    rough : ndarray of float64, shape (n, n)
        Part of that quantity that its harmonics do not explain, such as the gain of a contact.
    """

    electrodes: NDArray[np.int64]
    matrix: Floats
    unseen: Floats
    from_sites: Floats
    field: Floats
    rough: Floats


class SiteProjector:
    """Projections of a montage, one for each set of valid electrodes, cached.

    Parameters
    ----------
    montage : Montage
        Channels; those without a known place are never used.

    Raises
    ------
    BciAffectError
        If fewer than `MIN_ELECTRODES` electrodes have a known place.

    Examples
    --------
    >>> from bci_affect.eeg import CAPS, make_montage
    >>> projector = SiteProjector(make_montage(CAPS["muse"]))
    >>> projector.project(projector.placed).matrix.shape
    (24, 4)
    """

    def __init__(self, montage: Montage) -> None:
        self.placed: Bools = montage.placed
        """EEG electrodes of known place, (n_channels,)."""
        if self.placed.sum() < MIN_ELECTRODES:
            raise BciAffectError(
                f"Only {self.placed.sum()} of the stream's channels are electrodes of known place; "
                f"{MIN_ELECTRODES} are needed. Name their places in the settings' section "
                "[electrodes]."
            )
        self._directions = unit_directions(montage.positions)
        self._cache: OrderedDict[bytes, Projection] = OrderedDict()

    def usable(self, mask: Bools) -> bool:
        """Return whether enough electrodes of a mask have a known place."""
        return int(np.count_nonzero(mask & self.placed)) >= MIN_ELECTRODES

    def project(self, mask: Bools) -> Projection:
        """Return the projection of the electrodes that are valid now.

        Parameters
        ----------
        mask : ndarray of bool, shape (n_channels,)
            Valid electrodes.

        Raises
        ------
        BciAffectError
            If fewer than `MIN_ELECTRODES` of them have a known place.
        """
        valid = mask & self.placed
        key = valid.tobytes()
        found = self._cache.get(key)
        if found is None:
            electrodes = np.flatnonzero(valid)
            if electrodes.size < MIN_ELECTRODES:
                raise BciAffectError(
                    f"Only {electrodes.size} electrodes are valid; {MIN_ELECTRODES} are needed."
                )
            found = self._cache[key] = _projection(electrodes, self._directions[electrodes])
            if len(self._cache) > _CACHED_MASKS:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        return found


@lru_cache(maxsize=1)
def site_directions() -> Floats:
    """Return the unit vectors of the sites, (n_sites, 3)."""
    return unit_directions(make_montage(SITES).positions)


def _projection(electrodes: NDArray[np.int64], directions: Floats) -> Projection:
    n, sites = len(electrodes), site_directions()
    centre = np.eye(n) - 1.0 / n
    between = spherical_kernel(directions, directions)
    across = spherical_kernel(sites, directions)
    noisy = centre @ between @ centre + NOISE * np.eye(n)
    matrix = across @ centre @ np.linalg.inv(noisy) @ centre
    unseen = spherical_kernel(sites, sites) - matrix @ centre @ across.T
    prior = spherical_kernel(sites, sites) + NOISE * np.eye(N_SITES)
    code = np.stack(spherical_harmonics(*directions.T), axis=-1)
    gram = code.T @ code / n + np.diag(_FIELD_PENALTY * (1 + _DEGREE) ** 2)
    from_sites = np.linalg.solve(prior, across).T.astype(np.float64)
    field = np.linalg.solve(gram, code.T / n).astype(np.float64)
    return Projection(
        electrodes=electrodes,
        matrix=matrix,
        unseen=(unseen + unseen.T) / 2,
        from_sites=from_sites,
        field=field,
        rough=np.eye(n) - code @ field,
    )
