"""Settings of a training run: model, objective and optimiser."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bci_affect.config import Section
from bci_affect.model import ModelSettings


class ObjectiveSettings(Section):
    """Weights of the loss terms; a term of weight 0 is not computed."""

    emotion_eeg: float = Field(0.6, ge=0)
    """Class-balanced cross-entropy of valence and arousal predicted from EEG."""
    emotion_music: float = Field(0.4, ge=0)
    """Class-balanced cross-entropy of valence and arousal predicted from music."""
    domain: float = Field(0.0, ge=0)
    """Adversarial term: modality classification behind gradient reversal."""
    domain_schedule: Literal["ramp", "constant"] = "ramp"
    """Strength of the reversal: Ganin & Lempitsky's ramp from 0 to 1, or constant 1."""
    contrastive: float = Field(0.3, ge=0)
    """Multi-positive InfoNCE from EEG windows to the music played."""
    temperature: float = Field(0.1, gt=0)
    """Softmax temperature of the contrastive term; smaller is sharper."""
    same_emotion: float = Field(0.2, ge=0, le=1)
    """Weight of other tracks with the same emotion among the contrastive positives."""
    stop_gradient: bool = True
    """Apply the contrastive gradient to the EEG branch only."""


class TrainSettings(Section):
    """Settings of `trainer.fit`, besides data and seed."""

    model: ModelSettings = ModelSettings()
    objective: ObjectiveSettings = ObjectiveSettings()
    epochs: int = Field(30, ge=1)
    batch_size: int = Field(128, ge=2)
    learning_rate: float = Field(1e-3, gt=0)
    """Initial learning rate; it decays to 0 along a cosine over all epochs."""
    weight_decay: float = Field(0.02, ge=0)
    linear_start: bool = True
    """Initialise the linear path of the encoder with a converged linear fit; see
    `training.linear_initialisation`."""
    aligned_start: bool = True
    """Start EEG and music in the same part of the common space, and centre each modality there
    after training; see `training.common_space`."""
    centre: Literal["rest", "past"] = "rest"
    """Zero of the predictions for people held out: their rest, or the mean of their earlier trials
    (causal; for protocols of many short trials, where states do not last)."""
    linear_only: bool = False
    """Keep the linear initialisation: no gradient descent. Nothing is then chosen on validation
    windows, so that they are part of the training of a study."""
    patience: int = Field(6, ge=1)
    """Early stopping: epochs without a lower validation loss."""
    electrode_dropout: float = Field(0.5, ge=0, lt=1)
    """Maximum share of electrodes dropped per window in training; the share is drawn uniformly."""
    min_electrodes: int = Field(4, ge=1)
    """Minimum number of electrodes left by dropout."""
    electrode_sets: int = Field(24, ge=1)
    """Electrode sets per person in the linear start of `covariance`: all electrodes, then random
    sets, half of which are those of real headsets. With few, the result depends on the draw."""
    penalty_many: float = Field(300.0, gt=0)
    """Ridge penalty of the linear start of `covariance` for more than 8 electrodes: smaller where
    people have many trials."""
    penalty_few: float = Field(30.0, gt=0)
    """The same for up to 8 electrodes."""
    person_blocks: tuple[Literal["covariance", "power"], ...] = ("covariance", "power")
    """Blocks of person features that the linear start of `covariance` uses."""
    paired_fit: bool = True
    """Subtract each person's midpoint between the classes in the linear start of `covariance`."""
    rest_low: tuple[Literal["valence", "arousal"], ...] = ()
    """Targets for which a person's rest counts as one more trial of the low class."""
    noise: float = Field(0.0, ge=0)
    """Standard deviation of noise added to the normalised features in training."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    bf16: Literal["auto", "on", "off"] = "auto"
    """Autocast to bfloat16; "auto" enables it on CUDA and on processors with bfloat16 units."""
