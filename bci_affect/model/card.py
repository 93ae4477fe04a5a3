"""What a model file says of itself, and what a prediction is; no torch needed to read either."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ModelCard:
    """Everything that must be known to use a model rightly.

    Attributes
    ----------
    name : str
        Short name for screens and logs.
    summary : str
        One honest sentence on what it was trained on and what it may be used for.
    simulated : bool
        Trained on simulated EEG: for demonstration until calibrated.
    bands : dict of str to (float, float)
        Band names and edges in Hz, in the order of the feature axis.
    window_s, step_s, hop_s : float
        Geometry of the windows that it was trained on.
    signal : dict
        All signal settings that made the training features.
    prior_mean, prior_sd : tuple of float
        Population mean and standard deviation of each band's feature before normalisation to the
        person, from which the training's normaliser started and every other must; an empty mean
        says that it started from the person's own first window.
    channels : tuple of str
        Electrodes of a fixed montage in order; empty for a model that takes any montage.
    rates_hz : tuple of float
        Sampling rates in the training data.
    training : dict
        Data, protocol, counts and settings of training.
    metrics : dict
        Held-out figures with trial counts and chance.
    git_revision : str
        Code that trained it.
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
    """What the model says of one window (or, with a leading axis, of many).

    Attributes
    ----------
    embedding : ndarray of float32, shape (space,)
        Place in the common space, unit length.
    attention : ndarray of float32, shape (n_channels, n_steps)
        Share of each electrode and step; sums to one over valid electrodes.
    logits : ndarray of float32, shape (2,)
        Valence and arousal being high.
    """

    embedding: NDArray[np.float32]
    attention: NDArray[np.float32]
    logits: NDArray[np.float32]
