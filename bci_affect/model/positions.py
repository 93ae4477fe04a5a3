"""Position code of electrodes: real spherical harmonics of their direction from the head centre.

A linear function of this code is a smooth function on the head, so a network generalises from the
electrodes of its training data to neighbouring ones and to other montages.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bci_affect.config import HEAD_CENTRE_M
from bci_affect.harmonics import spherical_harmonics

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
    direction = torch.nn.functional.normalize(offset, dim=-1)
    code = torch.stack(spherical_harmonics(*direction.unbind(-1)), dim=-1)
    return torch.where(known, code, torch.zeros_like(code))
