"""Base class of EEG encoders."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn


class EncoderOutput(NamedTuple):
    """Output of an encoder for a batch of windows.

    Attributes
    ----------
    features : Tensor, shape (batch, width)
        Input of the layer that maps into the common space.
    attention : Tensor, shape (batch, n_channels, n_steps)
        Attention weights, summing to one over valid electrodes and all steps; all zero where no
        electrode is valid.
    """

    features: Tensor
    attention: Tensor


class Encoder(nn.Module):
    """Map from windows of normalised band features to a feature vector and attention weights.

    Attributes
    ----------
    any_montage : bool
        True if electrodes are identified by position (any number, any order), False if by index.
    needs_person : bool
        True if `forward` has a fourth argument: features of the person against their own rest.
    """

    any_montage: bool = True
    needs_person: bool = False

    @abstractmethod
    def forward(self, bands: Tensor, mask: Tensor, positions: Tensor) -> EncoderOutput:
        """Encode a batch of windows.

        Parameters
        ----------
        bands : Tensor of float32, shape (batch, n_steps, n_channels, n_bands)
            Normalised band features, finite.
        mask : Tensor of bool, shape (batch, n_channels)
            Valid electrodes.
        positions : Tensor of float32, shape (batch or 1, n_channels, 3)
            Metres; NaN where unknown.
        """


def masked_softmax(scores: Tensor, valid: Tensor, dim: int) -> Tensor:
    """Softmax over the valid entries along `dim`; all zero, never NaN, where none is valid."""
    scores = scores.float().masked_fill(~valid, torch.finfo(torch.float32).min)
    # With a valid entry, the exponentials of the invalid ones are exactly 0. Without any, the
    # softmax is uniform and the product with `valid` makes it 0.
    return torch.softmax(scores, dim=dim) * valid
