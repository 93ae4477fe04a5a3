"""Architecture settings of a model, stored in its file."""

from __future__ import annotations

from pydantic import Field

from bci_affect.config import Section


class ModelSettings(Section):
    """Architecture of an `AffectModel`."""

    encoder: str = "streaming"
    """Name of the encoder in `ENCODERS`."""
    n_bands: int = Field(5, ge=1, le=64)
    n_steps: int = Field(12, ge=1, le=4096)
    """Time steps of a window; encoders with `any_montage` accept other lengths."""
    n_channels: int = Field(0, ge=0, le=1024)
    """Electrodes of a fixed montage; 0 for encoders with `any_montage`."""
    width: int = Field(64, ge=4, le=4096)
    """Width of the outputs of the encoder and of the music projection."""
    hidden: int = Field(32, ge=4, le=4096)
    """Width of the step layer and of the LSTM (`streaming`)."""
    attention_heads: int = Field(4, ge=1, le=64)
    linear_path: bool = True
    """Include the linear path (`streaming`); `covariance` has its own."""
    attention_path: bool = True
    """Include the attention path (`streaming`, `covariance`); without it the encoder is linear."""
    space: int = Field(32, ge=2, le=4096)
    """Dimensions of the common space of EEG and music."""
    music_dim: int = Field(128, ge=1, le=8192)
    """Dimensions of a tagger embedding."""
    shared_activation: bool = False
    """LeakyReLU after the shared layer, as in the paper; without it the layer is linear."""
    dropout: float = Field(0.5, ge=0, lt=1)
