"""Projection of electrodes onto a head seen from above, and interpolation between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import Montage

MIN_FOR_MAP = 8
"""Fewest electrodes for which values are interpolated between them."""
N_PIXELS = 112
"""Side of the head's image in pixels."""


def project(montage: Montage) -> NDArray[np.float64]:
    """Return positions on a head of radius 1 seen from above, nose up.

    An azimuthal equidistant projection about the vertex: the distance from the centre is the angle
    from the vertex, the ear line (Fpz, T7, Oz, T8) lying at 0.8.

    Returns
    -------
    ndarray, shape (n_channels, 2)
        x to the right ear, y to the nose; NaN if the position is unknown.
    """
    xyz = np.asarray(montage.positions, dtype=np.float64)
    centre = np.array([0.0, 0.0, 0.04])  # of the sphere that fits standard_1005 best, metres
    rel = xyz - centre
    radius = np.linalg.norm(rel, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        angle = np.arccos(np.clip(rel[:, 2] / radius, -1, 1))
    around = np.arctan2(rel[:, 1], rel[:, 0])
    reach = np.minimum(angle / (np.pi / 2) * 0.8, 0.97)
    return np.stack([reach * np.cos(around), reach * np.sin(around)], axis=1)


def spread(places: NDArray[np.float64], n_pixels: int = N_PIXELS) -> NDArray[np.float64]:
    """Return weights that spread electrodes' values over a square image of the head (see `blend`).

    Gaussian weights of the distance: smooth, and never beyond the range of the values.

    Returns
    -------
    ndarray, shape (n_pixels, n_pixels, n_channels)
        Top row is the nose.
    """
    axis = np.linspace(-1, 1, n_pixels)
    x, y = np.meshgrid(axis, axis[::-1])
    near = np.nan_to_num(places, nan=1e6)
    square = (x[..., None] - near[:, 0]) ** 2 + (y[..., None] - near[:, 1]) ** 2
    known = np.isfinite(places).all(axis=1)
    spacing = 0.8 / np.sqrt(max(1, int(known.sum())))
    return np.asarray(np.exp(-square / (2 * spacing**2)) * known + 1e-12 * known)


def blend(
    weights: NDArray[np.float64], values: NDArray[np.float64], used: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Interpolate the values of the valid electrodes; masked electrodes have no influence.

    Returns
    -------
    ndarray, shape (n_pixels, n_pixels)
        NaN everywhere if no electrode is valid.
    """
    total = weights @ used.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(
            (weights @ np.where(used, values, 0.0)) / np.where(total > 0, total, np.nan)
        )
