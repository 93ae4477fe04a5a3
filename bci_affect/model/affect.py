"""The whole model: EEG and music in one space, and what is read from it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from bci_affect.model.domain import DomainDiscriminator
from bci_affect.model.encoder import build_encoder
from bci_affect.model.settings import ModelSettings


class ModelOutput(NamedTuple):
    """What one branch says of a batch.

    Attributes
    ----------
    embedding : Tensor, shape (batch, space)
        Place in the common space, of unit length.
    common : Tensor, shape (batch, space)
        The same before it was scaled to unit length; heads and discriminator read this.
    logits : Tensor, shape (batch, 2)
        Valence and arousal being high, as logits.
    attention : Tensor, shape (batch, n_channels, n_steps)
        Of the encoder; empty on the music branch.
    """

    embedding: Tensor
    common: Tensor
    logits: Tensor
    attention: Tensor


class AffectModel(nn.Module):
    """EEG encoder and music projection into one space with shared emotion heads.

    After Avramidis et al. (ICASSP 2022): a layer shared by both modalities makes the common space,
    one head reads emotion from it whichever modality it came from, and a discriminator behind
    gradient reversal tells the modalities apart.
    """

    music_mean: Tensor
    music_sd: Tensor

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = build_encoder(settings)
        self.music = nn.Sequential(
            nn.Linear(settings.music_dim, settings.width),
            nn.GELU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.width, settings.width),
        )
        self.shared = nn.Linear(settings.width, settings.space)
        self.shared_activation = nn.LeakyReLU() if settings.shared_activation else nn.Identity()
        self.heads = nn.Linear(settings.space, 2)
        self.domain = DomainDiscriminator(settings.space)
        self.register_buffer("music_mean", torch.zeros(settings.music_dim))
        self.register_buffer("music_sd", torch.ones(settings.music_dim))

    @property
    def any_montage(self) -> bool:
        """Whether electrodes are known by their place (any number) or by their row."""
        return self.encoder.any_montage

    def forward(self, bands: Tensor, mask: Tensor, positions: Tensor) -> ModelOutput:
        """Place EEG windows in the common space and read their emotion.

        Parameters
        ----------
        bands : Tensor of float32, shape (batch, n_steps, n_channels, n_bands)
            Normalised band features.
        mask : Tensor of bool, shape (batch, n_channels)
            Electrodes that may be used; a window without any gives finite numbers all the same.
        positions : Tensor of float32, shape (batch or 1, n_channels, 3)
            Metres; an electrode of unknown place (NaN) counts as masked where places matter.
        """
        features, attention = self.encoder(bands, mask, positions)
        return self._place(features, attention)

    def place_music(self, rows: Tensor) -> ModelOutput:
        """Place rows of the music tagger, (batch, music_dim), in the common space."""
        features = self.music((rows - self.music_mean) / self.music_sd)
        return self._place(features, features.new_zeros(0))

    def _place(self, features: Tensor, attention: Tensor) -> ModelOutput:
        common = self.shared_activation(self.shared(features))
        embedding = nn.functional.normalize(common.float(), dim=-1)
        return ModelOutput(embedding, common, self.heads(common), attention)
