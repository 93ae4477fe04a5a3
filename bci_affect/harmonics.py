"""Real spherical harmonics, for the positions of electrodes on the head."""

from __future__ import annotations

from typing import Any


def spherical_harmonics(x: Any, y: Any, z: Any) -> list[Any]:
    """Return the 16 real spherical harmonics of degrees 0 to 3 in some directions.

    They are normalised to unit mean square over the sphere.

    Parameters
    ----------
    x, y, z : array or Tensor, shape (...)
        Components of unit vectors, in NumPy or PyTorch.

    Returns
    -------
    list of array or Tensor, shape (...)
        In the order of their degrees.

    Examples
    --------
    >>> import numpy as np
    >>> up = (np.array(v) for v in (0.0, 0.0, 1.0))
    >>> [round(float(value), 3) for value in spherical_harmonics(*up)[:4]]
    [1.0, 0.0, 0.0, 1.732]
    """
    return [
        0 * x + 1,
        3**0.5 * x,
        3**0.5 * y,
        3**0.5 * z,
        15**0.5 * x * y,
        15**0.5 * y * z,
        15**0.5 * x * z,
        15**0.5 / 2 * (x * x - y * y),
        5**0.5 / 2 * (3 * z * z - 1),
        (35 / 8) ** 0.5 * y * (3 * x * x - y * y),
        105**0.5 * x * y * z,
        (21 / 8) ** 0.5 * y * (5 * z * z - 1),
        7**0.5 / 2 * z * (5 * z * z - 3),
        (21 / 8) ** 0.5 * x * (5 * z * z - 1),
        105**0.5 / 2 * z * (x * x - y * y),
        (35 / 8) ** 0.5 * x * (x * x - 3 * y * y),
    ]
