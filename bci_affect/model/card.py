"""Model card and prediction: plain dataclasses that do not need torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ModelCard:
    """Description of a trained model, stored in its file.

    Attributes
    ----------
    name : str
        Short name for screens and logs.
    summary : str
        One sentence on the training data and the intended use.
    simulated : bool
        True if trained on simulated EEG: for demonstration until calibrated.
    bands : dict of str to (float, float)
        Band names and edges in Hz, in the order of the feature axis.
    window_s, step_s, hop_s : float
        Window length, step and hop of the training features.
    signal : dict
        All signal settings of the training features.
    prior_mean, prior_sd : tuple of float
        Population mean and standard deviation of each band's feature before normalisation to the
        person. The normaliser started from them in training and must start from them in use; if
        empty, it started from the person's first window.
    channels : tuple of str
        Electrodes of a fixed montage in order; empty for a model that accepts any montage.
    rates_hz : tuple of float
        Sampling rates in the training data.
    training : dict
        Data, split scheme, counts and settings of training.
    metrics : dict
        Held-out metrics with trial counts and chance levels.
    git_revision : str
        Revision of the code that trained it.
    """

    name: str
    summary: str
    simulated: bool
    bands: dict[str, tuple[float, float]]
    window_s: float
    step_s: float
    hop_s: float
    prior_mean: tuple[float, ...]
    prior_sd: tuple[float, ...]
    signal: dict[str, Any] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    rates_hz: tuple[float, ...] = ()
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    git_revision: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Model output for one window or, with a leading axis, for several.

    Attributes
    ----------
    embedding : ndarray of float32, shape (space,)
        Unit-length embedding in the common space.
    attention : ndarray of float32, shape (n_channels, n_steps)
        Attention weights; they sum to one over valid electrodes and all steps.
    logits : ndarray of float32, shape (2,)
        Logits of high valence and high arousal.
    """

    embedding: NDArray[np.float32]
    attention: NDArray[np.float32]
    logits: NDArray[np.float32]
