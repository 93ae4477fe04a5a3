"""Linear initialisation: the linear path of an encoder fitted to convergence before training.

With few windows, early stopping ends gradient descent before a logistic regression has converged
and after larger parts of the network have overfitted the training people, so a network that
contains a linear model performs worse than that linear model alone. Therefore the linear path is
fitted first, by logistic regression on the spherical-harmonic coefficients of band power, with the
regularisation chosen on validation trials, and the output of the attention path starts at zero
(`model.streaming`). Gradient descent is kept only if it improves the validation loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from bci_affect.model import AffectModel, StreamingEncoder
from bci_affect.training.metrics import per_trial
from bci_affect.training.settings import TrainSettings
from bci_affect.training.windows import WindowTensors, augment

Floats = NDArray[np.float64]

_STRENGTHS = np.logspace(-4, 1, 6)  # inverse regularisation strengths per training trial


@dataclass(frozen=True)
class FieldWindows:
    """Inputs of the linear path with labels, one row per window.

    Attributes
    ----------
    fields : Tensor, shape (n, n_fields)
        Output of `StreamingEncoder.field`.
    labels : Tensor, shape (n, 2)
        High (1) or low (0); NaN if missing.
    trial : ndarray of int64, shape (n,)
        Trial of each window.
    """

    fields: Tensor
    labels: Tensor
    trial: NDArray[np.int64]


def initialise_linear_path(
    model: AffectModel,
    train: WindowTensors,
    held_out: WindowTensors | None,
    settings: TrainSettings,
    generator: torch.Generator,
) -> bool:
    """Scale the linear path of a model to the data and, if set, fit it.

    Parameters
    ----------
    model : AffectModel
        Changed in place if its encoder has a linear path.
    train, held_out : WindowTensors
        Training windows, and validation windows for the choice of the regularisation strength.
    settings : TrainSettings
        `linear_start` enables the fit; electrode dropout applies to it as well.
    generator : torch.Generator
        Random generator of the electrode dropout.

    Returns
    -------
    bool
        True if the linear path was fitted.
    """
    encoder = model.encoder
    if not (isinstance(encoder, StreamingEncoder) and encoder.has_linear_path):
        return False
    parts = [_fields(encoder, train)]
    if settings.electrode_dropout:
        parts.append(_fields(encoder, train, settings, generator))
    fields = torch.cat(parts)
    encoder.set_field_statistics(fields.to(train.device))
    if not (settings.linear_start and settings.objective.emotion_eeg):
        return False
    train_fields = FieldWindows(
        fields, train.labels.cpu().repeat(len(parts), 1), np.tile(train.trial, len(parts))
    )
    valid_fields = None
    if held_out is not None:
        valid_fields = FieldWindows(
            _fields(encoder, held_out), held_out.labels.cpu(), held_out.trial
        )
    initialise_from_linear(model.cpu(), train_fields, valid_fields)
    model.to(train.device)
    return True


@torch.no_grad()
def _fields(
    encoder: StreamingEncoder,
    data: WindowTensors,
    augmentation: TrainSettings | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    parts = []
    for index in data.batches():
        bands, mask, positions = data.eeg(index)
        if augmentation is not None and generator is not None:
            bands, mask = augment(bands, mask, augmentation, generator)
        parts.append(encoder.field(bands, mask, positions).cpu())
    return torch.cat(parts)


def initialise_from_linear(
    model: AffectModel, train: FieldWindows, valid: FieldWindows | None
) -> None:
    """Set the linear path of a model to a fitted logistic regression, and attention output to zero.

    The first two outputs of the linear path become the logits of valence and arousal; the shared
    layer and the heads pass them through. All other weights, and those of a target without both
    classes, keep their random initialisation.

    Parameters
    ----------
    model : AffectModel
        Model with a `StreamingEncoder` that has a linear path; changed in place.
    train : FieldWindows
        Training windows, possibly with electrode dropout.
    valid : FieldWindows, optional
        Validation windows for the choice of the regularisation; without them a middle strength is
        used.
    """
    encoder = model.encoder
    assert isinstance(encoder, StreamingEncoder)
    x = encoder.scale_field(train.fields).double().numpy()
    held = encoder.scale_field(valid.fields).double().numpy() if valid is not None else None
    strengths = _STRENGTHS if held is not None else _STRENGTHS[3:4]
    with torch.no_grad():
        for target in range(2):
            y = train.labels[:, target].double().numpy()
            known = np.isfinite(y)
            if len(np.unique(y[known])) < 2:
                continue
            windows_per_trial = known.sum() / len(np.unique(train.trial[known]))
            candidates = [
                _fit_logistic(x[known], y[known], c / windows_per_trial) for c in strengths
            ]
            weights, bias = candidates[0]
            if held is not None and valid is not None:
                truth = valid.labels[:, target].double().numpy()
                losses = [_trial_loss(held @ w + b, truth, valid.trial) for w, b in candidates]
                if np.isfinite(losses).any():
                    weights, bias = candidates[int(np.nanargmin(losses))]
            _set_output(model, encoder.linear, target, weights, bias)
        if encoder.has_attention_path:
            torch.nn.init.zeros_(encoder.out.weight)
            torch.nn.init.zeros_(encoder.out.bias)


def _fit_logistic(x: Floats, y: Floats, strength: float) -> tuple[Floats, float]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=1000).fit(x, y > 0.5)
    return model.coef_[0], float(model.intercept_[0])


def _trial_loss(logits: Floats, labels: Floats, trial: NDArray[np.int64]) -> float:
    """Return the class-balanced cross-entropy of the trials' mean probabilities; NaN if empty."""
    known = np.isfinite(labels)
    probability = expit(logits[known])
    _, pair = per_trial(np.stack([probability, labels[known]], axis=1), trial[known])
    p, high = np.clip(pair[:, 0], 1e-6, 1 - 1e-6), pair[:, 1] > 0.5
    parts = [-np.log(p[high]), -np.log(1 - p[~high])]
    return float(np.mean([part.mean() for part in parts if len(part)] or [np.nan]))


def _set_output(
    model: AffectModel, linear: torch.nn.Linear, target: int, weights: Floats, bias: float
) -> None:
    linear.weight[target] = torch.from_numpy(weights).to(linear.weight)
    linear.bias[target] = bias
    for layer in (model.shared, model.heads):
        layer.weight[target] = 0.0
        layer.weight[target, target] = 1.0
        layer.bias[target] = 0.0
