"""Common space of EEG and music: linear start of the music branch, and centring per modality.

Contrastive training of two branches leaves their embeddings in different parts of the space (the
modality gap; Liang et al. 2022), because both start in different cones and the loss does not move
them. Here both branches start aligned instead: the first two dimensions are the log-odds of high
valence and arousal on either side, and all others are zero. Afterwards each modality is centred
with its mean over the training data, which is stored in the biases of its branch, so that a trained
model needs no statistics of new data.

References
----------
Liang, Zhang, Kwon, Yeung, Zou (2022), "Mind the gap: understanding the modality gap in multi-modal
contrastive representation learning". An, Kim, Thorne, Shim (2025), "I0T: embedding standardization
method towards zero modality gap".
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bci_affect.model import AffectModel, CovarianceEncoder, StreamingEncoder
from bci_affect.training.corpus import MusicCatalogue, build_catalogue
from bci_affect.training.features import FeatureSet

Floats = NDArray[np.float64]

_STRENGTHS = np.logspace(-4, 0, 5)  # inverse regularisation strengths per track
_FOLDS = 5
_MIN_TRACKS = 2
"""Fewest tracks of each class for a fit."""

N_EMOTIONS = 2


def start_aligned(model: AffectModel, train: FeatureSet) -> bool:
    """Start both branches in the same part of the common space.

    The linear path of the encoder must already give log-odds in its first two outputs. The first
    two outputs of the music branch become log-odds as well, by logistic regression on the tagger
    embeddings; all other outputs of both branches become zero, and the shared layer the identity.

    Parameters
    ----------
    model : AffectModel
        Changed in place if its encoder has a linear path and its shared layer no activation.
    train : FeatureSet
        Training windows with music.

    Returns
    -------
    bool
        True if the model was changed.
    """
    layers = linear_layers(model)
    catalogue = build_catalogue(train)
    if not layers or not len(catalogue) or model.settings.shared_activation:
        return False
    maps = _music_maps(model, catalogue)
    if maps is None:
        return False
    first, last = model.music[0], model.music[-1]
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        for layer in layers:
            layer.weight[N_EMOTIONS:] = 0.0
            layer.bias[N_EMOTIONS:] = 0.0
        model.shared.weight.copy_(torch.eye(*model.shared.weight.shape))
        model.shared.bias.zero_()
        last.weight.zero_()
        last.bias.zero_()
        for target, (weights, bias) in enumerate(maps):
            # GELU(x) - GELU(-x) = x: two units pass a linear map through the activation.
            pair = [2 * target, 2 * target + 1]
            first.weight[pair] = torch.from_numpy(np.stack([weights, -weights])).to(first.weight)
            first.bias[pair] = torch.tensor([bias, -bias]).to(first.bias)
            last.weight[target, pair] = torch.tensor([1.0, -1.0]).to(last.weight)
    return True


def linear_layers(model: AffectModel) -> tuple[nn.Linear, ...]:
    """Return the layers of the encoder's linear path; none for encoders without."""
    encoder = model.encoder
    if isinstance(encoder, CovarianceEncoder):
        return encoder.many, encoder.few
    if isinstance(encoder, StreamingEncoder) and encoder.has_linear_path:
        return (encoder.linear,)
    return ()


def centre_modalities(model: AffectModel, eeg: Tensor, music: Tensor) -> None:
    """Centre each modality in the common space without changing any log-odds.

    The mean of each modality is removed from the directions that the emotion heads do not read. It
    is stored in the biases of the branches.

    Parameters
    ----------
    model : AffectModel
        Changed in place; a shared layer with an activation is left as it is.
    eeg, music : Tensor, shape (n, space)
        `ModelOutput.common` of the training windows and of their tracks.
    """
    layers = linear_layers(model)
    if model.settings.shared_activation or not layers or not len(eeg) or not len(music):
        return
    last = model.music[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        heads = model.heads.weight.double()  # (2, space)
        blind = torch.eye(heads.shape[1]).double() - torch.linalg.pinv(heads) @ heads
        back = torch.linalg.pinv(model.shared.weight.double())  # (width, space)
        for rows, branch in ((eeg, layers), (music, (last,))):
            shift = back @ blind @ rows.double().mean(dim=0)
            for layer in branch:
                layer.bias.sub_(shift.to(layer.bias))


def _music_maps(
    model: AffectModel, catalogue: MusicCatalogue
) -> tuple[tuple[Floats, float], ...] | None:
    """Return weights and bias of the log-odds of valence and arousal; None without labels.

    Inputs are standardised embeddings, as in `AffectModel.project_music`.
    """
    mean, sd = (value.double().numpy() for value in (model.music_mean, model.music_sd))
    x = (catalogue.embeddings - mean) / sd
    maps = []
    for target in range(N_EMOTIONS):
        y = catalogue.labels[:, target].astype(np.float64)
        known = np.isfinite(y)
        tracks = catalogue.stimulus[known]
        fewest = min(len(np.unique(tracks[y[known] == value])) for value in (0.0, 1.0))
        if fewest < _MIN_TRACKS:
            return None
        maps.append(_logistic(x[known], y[known], tracks))
    return tuple(maps)


def _logistic(x: Floats, y: Floats, track: NDArray[np.int64]) -> tuple[Floats, float]:
    """Fit a logistic regression whose strength is chosen by cross-validation over tracks."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedGroupKFold

    per_track = len(np.unique(track)) / len(track)
    fewest = min(len(np.unique(track[y == value])) for value in (0.0, 1.0))

    def fitted(strength: float, rows: NDArray[np.intp]) -> LogisticRegression:
        one = LogisticRegression(C=strength * per_track, class_weight="balanced", max_iter=1000)
        return one.fit(x[rows], y[rows])

    folds = list(StratifiedGroupKFold(min(_FOLDS, fewest)).split(x, y, track))
    folds = [(a, b) for a, b in folds if len(np.unique(y[a])) == 2]
    losses = [
        np.mean([log_loss(y[b], fitted(c, a).predict_proba(x[b]), labels=[0, 1]) for a, b in folds])
        for c in _STRENGTHS
    ]
    best = fitted(float(_STRENGTHS[int(np.argmin(losses))]), np.arange(len(y)))
    return best.coef_[0], float(best.intercept_[0])
