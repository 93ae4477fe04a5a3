"""LSTM-attention encoder of Avramidis et al. (ICASSP 2022).

As described in the paper: batch normalisation over electrodes, an LSTM whose sequence is the
electrodes of a fixed montage (each with the bands of all seconds), a second LSTM, attention, and a
projection of the weighted states of all electrodes (1.5 million weights at a width of 128). In the
released code the softmax runs over a single logit, so its attention is constant; here it is a
softmax over electrodes times a softmax over the steps of each electrode, both with gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bci_affect.errors import BciAffectError
from bci_affect.model.encoder import Encoder, EncoderOutput, masked_softmax
from bci_affect.model.settings import ModelSettings


class PaperEncoder(Encoder):
    """LSTM over the electrodes of a fixed montage, with attention over electrodes and steps."""

    any_montage = False

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        if settings.n_channels < 1:
            raise BciAffectError(
                "The 'paper' encoder needs a fixed montage: set model.n_channels (DEAP has 32)."
            )
        self._n_channels, self._n_steps = settings.n_channels, settings.n_steps
        size = settings.n_steps * settings.n_bands
        self.norm = nn.BatchNorm1d(settings.n_channels)
        self.step_score = nn.Sequential(
            nn.Linear(settings.n_bands, 16), nn.Tanh(), nn.Linear(16, 1, bias=False)
        )
        self.first = nn.LSTM(size, settings.width, batch_first=True)
        self.second = nn.LSTM(settings.width, 2 * settings.width, batch_first=True)
        self.own = nn.Linear(size, 2 * settings.width)
        self.electrode_score = nn.Sequential(
            nn.Linear(2 * settings.width, settings.width),
            nn.Tanh(),
            nn.Linear(settings.width, 1, bias=False),
        )
        self.drop = nn.Dropout(settings.dropout)
        self.out = nn.Linear(settings.n_channels * 2 * settings.width, settings.width)

    def forward(self, bands: Tensor, mask: Tensor, positions: Tensor) -> EncoderOutput:
        """Encode a batch of windows; see `Encoder.forward`. `positions` are not used."""
        n_steps, n_channels = bands.shape[1:3]
        if (n_channels, n_steps) != (self._n_channels, self._n_steps):
            raise ValueError(
                f"built for {self._n_channels} electrodes and {self._n_steps} steps, "
                f"got {n_channels} and {n_steps}"
            )
        invalid = ~mask[:, :, None, None]
        per_electrode = bands.transpose(1, 2).masked_fill(invalid, 0.0)
        per_electrode = self.norm(per_electrode.flatten(2)).unflatten(2, (n_steps, -1))
        per_electrode = per_electrode.masked_fill(invalid, 0.0)
        over_steps = torch.softmax(self.step_score(per_electrode).squeeze(-1).float(), dim=2)
        sequence = (per_electrode * over_steps[..., None] * n_steps).flatten(2)
        hidden, _ = self.first(sequence)
        hidden, _ = self.second(hidden)
        # Skip connection: the hidden state also depends on the preceding electrodes.
        hidden = hidden + self.own(sequence)
        over_electrodes = masked_softmax(self.electrode_score(hidden).squeeze(-1), mask, dim=1)
        weighted = hidden * over_electrodes[..., None] * n_channels
        features = self.out(self.drop(weighted.flatten(1)))
        return EncoderOutput(features, over_electrodes[:, :, None] * over_steps)
