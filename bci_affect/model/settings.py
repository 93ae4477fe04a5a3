"""What fixes a model's shape: enough to build it again from a file."""

from __future__ import annotations

from pydantic import Field

from bci_affect.config import Section


class ModelSettings(Section):
    """Shape of an `AffectModel`."""

    encoder: str = "streaming"
    """Name in `ENCODERS`."""
    n_bands: int = Field(5, ge=1, le=64)
    n_steps: int = Field(12, ge=1, le=4096)
    """Time steps of a window; encoders with `any_montage` accept other lengths."""
    n_channels: int = Field(0, ge=0, le=1024)
    """Electrodes of a fixed montage; 0 for encoders that take any."""
    width: int = Field(64, ge=4, le=4096)
    """Width of the encoder's output, which the music projection shares."""
    hidden: int = Field(32, ge=4, le=4096)
    """Width of a step and of the LSTM (`streaming`)."""
    attention_heads: int = Field(4, ge=1, le=64)
    linear_path: bool = True
    """Whether `streaming` has its linear path beside the attention path."""
    attention_path: bool = True
    """Whether `streaming` has its attention path; off, it is a linear model."""
    space: int = Field(32, ge=2, le=4096)
    """Dimensions of the common space of EEG and music."""
    music_dim: int = Field(128, ge=1, le=8192)
    """Width of a row of the music tagger."""
    shared_activation: bool = False
    """LeakyReLU after the shared layer, as the paper has it; off, the layer is linear."""
    dropout: float = Field(0.5, ge=0, lt=1)
