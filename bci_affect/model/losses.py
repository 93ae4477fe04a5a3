"""The objectives of training; each is a plain function of a batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def class_weights(labels: Tensor) -> Tensor:
    """Return weights, (2 dimensions, 2 classes), under which both classes count alike.

    Parameters
    ----------
    labels : Tensor, shape (n, 2)
        1 high, 0 low, NaN missing. A class that never occurs gets weight 1.
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
    """Class-balanced binary cross-entropy over what is labelled; 0 where nothing is.

    Parameters
    ----------
    logits, labels : Tensor, shape (batch, 2)
        Valence and arousal; missing labels are NaN and cost nothing.
    weights : Tensor, shape (2, 2)
        From `class_weights`: rows are dimensions, columns low and high.
    """
    known = torch.isfinite(labels)
    target = torch.where(known, labels, torch.zeros_like(labels))
    weight = torch.where(target > 0.5, weights[:, 1], weights[:, 0]) * known
    cost = functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    return (cost * weight).sum() / weight.sum().clamp_min(1e-9)


def domain_loss(eeg_logits: Tensor, music_logits: Tensor) -> Tensor:
    """Cross-entropy of telling EEG (0) from music (1), both modalities weighing the same."""
    terms = [
        functional.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits, label))
        for logits, label in ((eeg_logits.float(), 0.0), (music_logits.float(), 1.0))
        if len(logits)
    ]
    return torch.stack(terms).mean() if terms else eeg_logits.sum()


def positive_shares(stimulus: Tensor, labels: Tensor, same_emotion: float) -> Tensor:
    """Return which music rows are right for which EEG windows, (batch, batch), rows summing to 1.

    Music of the same track is right with weight 1; music of another track that has the same emotion
    (both dimensions known and equal) with weight `same_emotion`.

    Parameters
    ----------
    stimulus : Tensor of int64, shape (batch,)
        Track of each row; -1 where unknown (then only the row itself is its track).
    labels : Tensor, shape (batch, 2)
        Emotion of the music, NaN where missing.
    """
    same_track = (stimulus[:, None] == stimulus[None]) & (stimulus >= 0)[:, None]
    same_track |= torch.eye(len(stimulus), dtype=torch.bool, device=stimulus.device)
    known = torch.isfinite(labels).all(dim=1)
    alike = (labels[:, None] == labels[None]).all(dim=-1) & known[:, None] & known[None]
    shares = same_track.float() + same_emotion * (alike & ~same_track).float()
    return shares / shares.sum(dim=1, keepdim=True)


def contrastive_loss(
    eeg: Tensor, music: Tensor, shares: Tensor, temperature: float, stop_gradient: bool = True
) -> Tensor:
    """Multi-positive InfoNCE from EEG windows to the music of the batch.

    Cross-entropy between the softmax of cosine similarities and the shares of the right ones
    (Khosla et al. 2020, with soft positives), so that windows of the same track or emotion are not
    pushed apart as false negatives.

    Parameters
    ----------
    eeg, music : Tensor, shape (batch, space)
        Unit length; row i of `music` was heard in window i.
    shares : Tensor, shape (batch, batch)
        From `positive_shares`.
    temperature : float
        Smaller is sharper.
    stop_gradient : bool
        Whether music stands still and only EEG moves; the tagger's space is the better teacher.
    """
    if stop_gradient:
        music = music.detach()
    log_share = functional.log_softmax(eeg.float() @ music.float().T / temperature, dim=1)
    return -(shares * log_share).sum(dim=1).mean()
