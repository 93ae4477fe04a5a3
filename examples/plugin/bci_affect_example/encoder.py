"""Encoder of the mean band power over valid electrodes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bci_affect.model import Encoder, EncoderOutput, ModelSettings


class MeanEncoder(Encoder):
    """Linear layer on band power averaged over electrodes and steps; attention is equal."""

    any_montage = True

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.out = nn.Linear(settings.n_bands, settings.width)

    def forward(self, bands: Tensor, mask: Tensor, positions: Tensor) -> EncoderOutput:
        """Encode a batch of windows; positions are not used."""
        count = mask.sum(dim=1, keepdim=True).clamp_min(1)
        weight = (mask / count)[:, :, None]  # (batch, n_channels, 1)
        mean = torch.einsum("bscf,bco->bf", bands, weight) / bands.shape[1]
        attention = weight.expand(-1, -1, bands.shape[1]) / bands.shape[1]
        return EncoderOutput(self.out(mean), attention)
