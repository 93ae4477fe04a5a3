"""Encoder of a person's EEG against their own rest: a linear map of covariance and power.

Inputs are the features of `eeg.PersonReference`: per band, the tangent vector of the covariance
between virtual sites and the spherical harmonics of power, both against rest. A linear map reads
them, with one set of weights for many electrodes and one for few. The LSTM-attention path of
`streaming` is added through a gate that starts at zero: the network begins as the linear model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bci_affect.model.encoder import EncoderOutput
from bci_affect.model.positions import CODE_SIZE, has_position
from bci_affect.model.settings import ModelSettings
from bci_affect.model.streaming import StreamingEncoder

FEW_ELECTRODES = 8
"""Electrodes up to which the weights for few electrodes apply."""

N_SITES = 24
"""Virtual sites of `eeg.PersonReference`."""

N_TANGENT = N_SITES * (N_SITES + 1) // 2
N_PERSON = N_TANGENT + CODE_SIZE
"""Person features per band: tangent vector, then harmonics of power."""


class CovarianceEncoder(StreamingEncoder):
    """Linear map of person features, plus a gated LSTM-attention path.

    Person features are ordered as `PersonFeatures.vector`: the tangent vectors of all bands, then
    the harmonics of all bands.
    """

    needs_person = True
    feature_scale: Tensor
    population: Tensor

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings.model_copy(update={"linear_path": False}))
        n = settings.n_bands * N_PERSON
        self.many = nn.Linear(n, settings.width)
        self.few = nn.Linear(n, settings.width)
        self.gate = nn.Parameter(torch.zeros(()))
        # One scale per block (covariance, power), so that both weigh the same in the fit.
        self.register_buffer("feature_scale", torch.ones(n))
        # Mean rest of the training people, for `eeg.PopulationPrior`.
        self.register_buffer("population", torch.eye(N_SITES).repeat(settings.n_bands, 1, 1))

    def forward(
        self, bands: Tensor, mask: Tensor, positions: Tensor, person: Tensor | None = None
    ) -> EncoderOutput:
        """Encode a batch of windows.

        Parameters
        ----------
        bands, mask, positions : Tensor
            See `Encoder.forward`; bands against the person's rest.
        person : Tensor of float32, shape (batch, n_bands * 316), optional
            Person features; zeros ("as at rest") by default.
        """
        window = super().forward(bands, mask, positions)
        if person is None:
            person = bands.new_zeros(len(bands), self.many.in_features)
        few = (mask & has_position(positions)).sum(dim=1) <= FEW_ELECTRODES
        scaled = person / self.feature_scale
        linear = torch.where(few[:, None], self.few(scaled), self.many(scaled))
        return EncoderOutput(linear + self.gate * window.features, window.attention)
