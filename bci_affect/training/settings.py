"""What a training run is told: the model's shape, the objective, and the optimiser."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bci_affect.config import Section
from bci_affect.model import ModelSettings


class ObjectiveSettings(Section):
    """Weights of the terms; a weight of 0 switches a term off and costs nothing."""

    emotion_eeg: float = Field(0.6, ge=0)
    """Class-balanced cross-entropy of valence and arousal read from EEG."""
    emotion_music: float = Field(0.4, ge=0)
    """The same read from music."""
    domain: float = Field(0.0, ge=0)
    """Adversarial term: the discriminator of EEG and music behind gradient reversal."""
    domain_schedule: Literal["ramp", "constant"] = "ramp"
    """Strength of the reversal: Ganin & Lempitsky's ramp from 0 to 1, or 1 from the start."""
    contrastive: float = Field(0.3, ge=0)
    """Multi-positive InfoNCE from EEG to the music that was heard."""
    temperature: float = Field(0.1, gt=0)
    """Of the contrastive term; smaller is sharper."""
    same_emotion: float = Field(0.2, ge=0, le=1)
    """Weight of other tracks of the same emotion among the contrastive term's positives."""
    stop_gradient: bool = True
    """Whether the contrastive term moves EEG only and leaves music where its emotion put it."""


class TrainSettings(Section):
    """Everything that `trainer.fit` needs beside data and seed."""

    model: ModelSettings = ModelSettings()
    objective: ObjectiveSettings = ObjectiveSettings()
    epochs: int = Field(30, ge=1)
    batch_size: int = Field(128, ge=2)
    learning_rate: float = Field(1e-3, gt=0)
    """At the start; it falls to 0 along a cosine over all epochs."""
    weight_decay: float = Field(0.02, ge=0)
    linear_start: bool = True
    """Whether an encoder with a linear path starts from that path fitted to convergence; see
    `training.linear_start`."""
    patience: int = Field(6, ge=1)
    """Epochs without a better validation loss after which training ends."""
    electrode_dropout: float = Field(0.5, ge=0, lt=1)
    """Largest share of electrodes hidden from a window in training; the share itself is drawn."""
    min_electrodes: int = Field(4, ge=1)
    """Electrodes that dropout leaves at least."""
    noise: float = Field(0.0, ge=0)
    """Standard deviation of noise added to the normalised features in training."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    bf16: Literal["auto", "on", "off"] = "auto"
    """Autocast to bfloat16: "auto" takes it on CUDA and on processors with units for it."""
