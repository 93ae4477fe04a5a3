"""Bimodal affect model: EEG and music branches, common space and emotion heads."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from bci_affect.model.domain import DomainDiscriminator
from bci_affect.model.registry import build_encoder
from bci_affect.model.settings import ModelSettings


class ModelOutput(NamedTuple):
    """Output of one branch (EEG or music) for a batch.

    Attributes
    ----------
    embedding : Tensor, shape (batch, space)
        Unit-length embedding in the common space.
    common : Tensor, shape (batch, space)
        The same before normalisation; the input of the heads and of the discriminator.
    logits : Tensor, shape (batch, 2)
        Logits of high valence and high arousal.
    attention : Tensor, shape (batch, n_channels, n_steps)
        Attention of the encoder; empty on the music branch.
    """

    embedding: Tensor
    common: Tensor
    logits: Tensor
    attention: Tensor


class AffectModel(nn.Module):
    """EEG encoder and music projection into a common space with shared emotion heads.

    After Avramidis et al. (ICASSP 2022): a layer shared by both modalities maps into the common
    space, one head predicts emotion from either modality, and a discriminator behind gradient
    reversal classifies the modality.
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
        """True if electrodes are identified by position (any number), False if by index."""
        return self.encoder.any_montage

    @property
    def needs_person(self) -> bool:
        """True if the encoder reads features of the person against their own rest."""
        return self.encoder.needs_person

    def forward(
        self, bands: Tensor, mask: Tensor, positions: Tensor, person: Tensor | None = None
    ) -> ModelOutput:
        """Embed EEG windows in the common space and predict their emotion.

        Parameters
        ----------
        bands : Tensor of float32, shape (batch, n_steps, n_channels, n_bands)
            Normalised band features.
        mask : Tensor of bool, shape (batch, n_channels)
            Valid electrodes; the output is finite even for a window without any.
        positions : Tensor of float32, shape (batch or 1, n_channels, 3)
            Metres; encoders with `any_montage` mask electrodes of unknown position (NaN).
        person : Tensor of float32, shape (batch, n_bands * 316), optional
            Features against the person's rest, for encoders with `needs_person`; ignored by others.
        """
        inputs = (bands, mask, positions, person) if self.needs_person else (bands, mask, positions)
        features, attention = self.encoder(*inputs)
        return self._project(features, attention)

    def project_music(self, embeddings: Tensor) -> ModelOutput:
        """Project tagger embeddings, (batch, music_dim), into the common space."""
        features = self.music((embeddings - self.music_mean) / self.music_sd)
        return self._project(features, features.new_zeros(0))

    def _project(self, features: Tensor, attention: Tensor) -> ModelOutput:
        common = self.shared_activation(self.shared(features))
        embedding = nn.functional.normalize(common.float(), dim=-1)
        return ModelOutput(embedding, common, self.heads(common), attention)
