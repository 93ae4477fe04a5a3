"""Where training begins: the linear path, fitted to convergence, and nothing beside it.

Gradient descent on few windows stops where validation tells it to, which is before a logistic
regression has converged and after larger parts of the network have learned the training people by
heart: a network that holds a linear model does worse than that linear model alone. So the linear
path is fitted first, by logistic regression on the scalp's field of band power, its strength chosen
on validation trials; the attention path begins at zero (`model.streaming`). What descent then adds
is kept only where validation improves on this start.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bci_affect.model import AffectModel, StreamingEncoder
from bci_affect.training.metrics import per_trial
from bci_affect.training.settings import TrainSettings
from bci_affect.training.windows import Windows, disturb

Floats = NDArray[np.float64]

_STRENGTHS = np.logspace(-4, 1, 6)  # inverse regularisation for each trial of training


@dataclass(frozen=True)
class FieldWindows:
    """Fields of windows with what is known of them.

    Attributes
    ----------
    fields : Tensor, shape (n, n_fields)
        From `StreamingEncoder.field`.
    labels : Tensor, shape (n, 2)
        NaN where missing.
    trial : ndarray of int64, shape (n,)
    """

    fields: Tensor
    labels: Tensor
    trial: NDArray[np.int64]


def begin(
    model: AffectModel,
    train: Windows,
    held_out: Windows | None,
    settings: TrainSettings,
    generator: torch.Generator,
) -> bool:
    """Scale a model's linear path to the data and, where settings say so, start from it fitted.

    Parameters
    ----------
    model : AffectModel
        Changed in place where its encoder has a linear path; else left alone.
    train, held_out : Windows
        Fitted to, and what chooses the strength.
    settings : TrainSettings
        Say whether the path is fitted, and which electrodes training hides.
    generator : torch.Generator
        Draws the hidden electrodes.

    Returns
    -------
    bool
        Whether the model now says something that is worth keeping.
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
    learned = FieldWindows(
        fields, train.labels.cpu().repeat(len(parts), 1), np.tile(train.trial, len(parts))
    )
    chosen = None
    if held_out is not None:
        chosen = FieldWindows(_fields(encoder, held_out), held_out.labels.cpu(), held_out.trial)
    start_from_linear(model.cpu(), learned, chosen)
    model.to(train.device)
    return True


@torch.no_grad()
def _fields(
    encoder: StreamingEncoder,
    data: Windows,
    hiding: TrainSettings | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    parts = []
    for index in data.batches():
        bands, mask, positions = data.eeg(index)
        if hiding is not None and generator is not None:
            bands, mask = disturb(bands, mask, hiding, generator)
        parts.append(encoder.field(bands, mask, positions).cpu())
    return torch.cat(parts)


def start_from_linear(model: AffectModel, train: FieldWindows, valid: FieldWindows | None) -> None:
    """Set a model's first two directions to a fitted linear model, and its attention path to zero.

    The first two outputs of the linear path become the logits of valence and arousal, which the
    shared layer and the heads pass on. All other weights stay as they are drawn. A target without
    both classes is left as it is drawn.

    Parameters
    ----------
    model : AffectModel
        With the encoder ``streaming`` and its linear path; changed in place.
    train : FieldWindows
        Fitted to; electrodes may have been dropped.
    valid : FieldWindows, optional
        Chooses the strength; without it a middle one is taken.
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
            windows_a_trial = known.sum() / len(np.unique(train.trial[known]))
            choices = [_fitted(x[known], y[known], c / windows_a_trial) for c in strengths]
            weights, bias = choices[0]
            if held is not None and valid is not None:
                truth = valid.labels[:, target].double().numpy()
                losses = [_trial_loss(held @ w + b, truth, valid.trial) for w, b in choices]
                if np.isfinite(losses).any():
                    weights, bias = choices[int(np.nanargmin(losses))]
            _set_direction(model, encoder.linear, target, weights, bias)
        if encoder.has_attention_path:
            torch.nn.init.zeros_(encoder.out.weight)
            torch.nn.init.zeros_(encoder.out.bias)


def _fitted(x: Floats, y: Floats, strength: float) -> tuple[Floats, float]:
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=strength, class_weight="balanced", max_iter=1000).fit(x, y > 0.5)
    return found.coef_[0], float(found.intercept_[0])


def _trial_loss(logits: Floats, labels: Floats, trial: NDArray[np.int64]) -> float:
    """Cross-entropy of trials' mean probabilities, both classes weighing alike; NaN without any."""
    known = np.isfinite(labels)
    probability = 1 / (1 + np.exp(-logits[known]))
    _, pair = per_trial(np.stack([probability, labels[known]], axis=1), trial[known])
    said, high = np.clip(pair[:, 0], 1e-6, 1 - 1e-6), pair[:, 1] > 0.5
    parts = [-np.log(said[high]), -np.log(1 - said[~high])]
    return float(np.mean([part.mean() for part in parts if len(part)] or [np.nan]))


def _set_direction(
    model: AffectModel, linear: torch.nn.Linear, target: int, weights: Floats, bias: float
) -> None:
    linear.weight[target] = torch.from_numpy(weights).to(linear.weight)
    linear.bias[target] = bias
    for layer in (model.shared, model.heads):
        layer.weight[target] = 0.0
        layer.weight[target, target] = 1.0
        layer.bias[target] = 0.0
