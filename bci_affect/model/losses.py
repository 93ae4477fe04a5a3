"""Training losses, each a plain function of a batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def class_weights(labels: Tensor) -> Tensor:
    """Return class-balancing weights, shape (2 dimensions, 2 classes).

    Parameters
    ----------
    labels : Tensor, shape (n, 2)
        1 high, 0 low, NaN missing. If a class never occurs, both weights are 1.
    """
    weights = torch.ones(labels.shape[1], 2)
    for dimension in range(labels.shape[1]):
        known = labels[:, dimension][torch.isfinite(labels[:, dimension])]
        high = int((known > 0.5).sum())
        low = len(known) - high
        if high and low:
            weights[dimension, 0] = len(known) / (2 * low)
            weights[dimension, 1] = len(known) / (2 * high)
    return weights


def emotion_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Class-balanced binary cross-entropy over the labelled entries; 0 if there are none.

    Parameters
    ----------
    logits, labels : Tensor, shape (batch, 2)
        Valence and arousal; missing labels are NaN and ignored.
    weights : Tensor, shape (2, 2)
        From `class_weights`: rows are dimensions, columns low and high.
    """
    known = torch.isfinite(labels)
    target = torch.where(known, labels, torch.zeros_like(labels))
    weight = torch.where(target > 0.5, weights[:, 1], weights[:, 0]) * known
    cost = functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    return (cost * weight).sum() / weight.sum().clamp_min(1e-9)


def domain_loss(eeg_logits: Tensor, music_logits: Tensor) -> Tensor:
    """Cross-entropy of classifying EEG (0) against music (1), with equal weight per modality."""
    terms = [
        functional.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits, label))
        for logits, label in ((eeg_logits.float(), 0.0), (music_logits.float(), 1.0))
        if len(logits)
    ]
    return torch.stack(terms).mean() if terms else eeg_logits.sum()


def contrastive_targets(stimulus: Tensor, labels: Tensor, same_emotion: float) -> Tensor:
    """Return the soft targets of `contrastive_loss`.

    Music of the same track is a positive with weight 1, music of another track with the same
    emotion (both dimensions known and equal) with weight `same_emotion`.

    Parameters
    ----------
    stimulus : Tensor of int64, shape (batch,)
        Track index of each window; -1 where unknown (the window is then its own track).
    labels : Tensor, shape (batch, 2)
        Emotion of the music, NaN where missing.
    same_emotion : float
        Weight of other tracks with the same emotion.

    Returns
    -------
    Tensor, shape (batch, batch)
        Weight of each music item (column) for each EEG window (row); rows sum to 1.
    """
    same_track = (stimulus[:, None] == stimulus[None]) & (stimulus >= 0)[:, None]
    same_track |= torch.eye(len(stimulus), dtype=torch.bool, device=stimulus.device)
    known = torch.isfinite(labels).all(dim=1)
    equal = (labels[:, None] == labels[None]).all(dim=-1) & known[:, None] & known[None]
    weights = same_track.float() + same_emotion * (equal & ~same_track).float()
    return weights / weights.sum(dim=1, keepdim=True)


def contrastive_loss(
    eeg: Tensor, music: Tensor, targets: Tensor, temperature: float, stop_gradient: bool = True
) -> Tensor:
    """Multi-positive InfoNCE from EEG windows to the music of the batch.

    Cross-entropy between the softmax of cosine similarities and the soft targets (Khosla et al.
    2020, with soft positives), so that windows of the same track or emotion are not treated as
    negatives.

    Parameters
    ----------
    eeg, music : Tensor, shape (batch, space)
        Unit-length embeddings; row i of `music` played during window i.
    targets : Tensor, shape (batch, batch)
        Soft targets from `contrastive_targets`.
    temperature : float
        Softmax temperature; smaller is sharper.
    stop_gradient : bool
        If True, only the EEG branch receives gradient, because the tagger's space is the better
        teacher.
    """
    if stop_gradient:
        music = music.detach()
    log_softmax = functional.log_softmax(eeg.float() @ music.float().T / temperature, dim=1)
    return -(targets * log_softmax).sum(dim=1).mean()
