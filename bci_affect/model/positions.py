"""Position code of electrodes: real spherical harmonics of their direction from the head centre.

A linear function of this code is a smooth function on the head, so a network generalises from the
electrodes of its training data to neighbouring ones and to other montages.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bci_affect.config import HEAD_CENTRE_M

CODE_SIZE = 16  # harmonics of degrees 0 to 3


def has_position(positions: Tensor) -> Tensor:
    """Return the mask, (..., n_channels), of finite positions, (..., n_channels, 3)."""
    return torch.isfinite(positions).all(dim=-1)


def position_code(positions: Tensor) -> Tensor:
    """Return real spherical harmonics up to degree 3 of each electrode's direction.

    Parameters
    ----------
    positions : Tensor, shape (..., 3)
        Metres, in the coordinates of `eeg.make_montage`; NaN where unknown.

    Returns
    -------
    Tensor, shape (..., 16)
        Normalised to unit mean square over the sphere; 0 for unknown positions.
    """
    known = has_position(positions).unsqueeze(-1)
    centre = positions.new_tensor(HEAD_CENTRE_M)
    offset = torch.where(known, positions - centre, torch.ones_like(positions))
    x, y, z = torch.nn.functional.normalize(offset, dim=-1).unbind(-1)
    one = torch.ones_like(x)
    code = torch.stack(
        [
            one,
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
        ],
        dim=-1,
    )
    return torch.where(known, code, torch.zeros_like(code))
