"""Training losses against values computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

from bci_affect.model.domain import DomainDiscriminator, reversal_strength, reverse_gradient
from bci_affect.model.losses import (
    class_weights,
    contrastive_loss,
    contrastive_targets,
    domain_loss,
    emotion_loss,
)

NAN = float("nan")


def test_class_weights_balance_the_classes() -> None:
    labels = torch.tensor([[1.0, 1.0], [1.0, NAN], [1.0, NAN], [0.0, 1.0]])
    weights = class_weights(labels)
    torch.testing.assert_close(weights[0], torch.tensor([2.0, 4 / 6]))
    torch.testing.assert_close(weights[1], torch.ones(2))  # one class only: nothing to balance
    assert weights[0, 0] * 1 == pytest.approx(float(weights[0, 1]) * 3)


def test_missing_labels_are_ignored() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.5, 3.0]], requires_grad=True)
    labels = torch.tensor([[1.0, NAN], [NAN, 0.0]])
    loss = emotion_loss(logits, labels, torch.ones(2, 2))
    by_hand = (math.log1p(math.exp(-2.0)) + math.log1p(math.exp(3.0))) / 2
    assert loss.item() == pytest.approx(by_hand, rel=1e-5)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[0, 1] == 0
    assert logits.grad[1, 0] == 0
    unlabelled = emotion_loss(logits, torch.full((2, 2), NAN), torch.ones(2, 2))
    assert unlabelled.item() == 0


@pytest.mark.parametrize(("n_eeg", "n_music"), [(1, 1), (3, 7), (32, 32), (5, 0)])
def test_domain_loss_for_any_batch_sizes(n_eeg: int, n_music: int) -> None:
    right = domain_loss(torch.full((n_eeg,), -20.0), torch.full((n_music,), 20.0))
    assert right.item() < 1e-6
    wrong = domain_loss(torch.full((n_eeg,), 20.0), torch.full((n_music,), -20.0))
    assert wrong.item() == pytest.approx(20.0, rel=1e-3)


def test_gradient_reversal_changes_only_the_gradient() -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    out = reverse_gradient(x, 0.3)
    assert torch.equal(out, x)
    (out * torch.tensor([2.0, 5.0])).sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([-0.6, -1.5]))
    assert reversal_strength(0.0) == 0.0
    assert reversal_strength(1.0) == pytest.approx(1.0, abs=1e-3)
    torch.manual_seed(0)
    common = torch.randn(4, 8, requires_grad=True)
    DomainDiscriminator(8)(common, 0.0).sum().backward()
    assert common.grad is not None
    assert (common.grad == 0).all()  # at strength 0 the encoder gets no gradient


def test_same_track_and_same_emotion_are_positives() -> None:
    stimulus = torch.tensor([3, 3, 7, -1])
    labels = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [NAN, 0.0]])
    targets = contrastive_targets(stimulus, labels, same_emotion=0.5)
    torch.testing.assert_close(targets[0], torch.tensor([1.0, 1.0, 0.5, 0.0]) / 2.5)
    torch.testing.assert_close(targets[2], torch.tensor([0.5, 0.5, 1.0, 0.0]) / 2.0)
    torch.testing.assert_close(targets[3], torch.tensor([0.0, 0.0, 0.0, 1.0]))


def test_contrastive_loss_by_hand_and_without_false_negatives() -> None:
    eye = torch.eye(2)
    t = 0.5
    apart = contrastive_loss(eye, eye, contrastive_targets(torch.tensor([0, 1]), eye, 0.0), t)
    assert apart.item() == pytest.approx(math.log(1 + math.exp(-1 / t)), rel=1e-5)
    # Two windows of the same track: the optimum is equal embeddings, with a loss of log 2.
    one = torch.tensor([[1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    same = contrastive_loss(one, one, contrastive_targets(torch.tensor([4, 4]), eye, 0.0), t)
    assert same.item() == pytest.approx(math.log(2), rel=1e-5)


def test_stop_gradient_gives_music_no_gradient() -> None:
    targets = torch.eye(2)
    for stop in (True, False):
        eeg = torch.randn(2, 4, requires_grad=True)
        music = torch.randn(2, 4, requires_grad=True)
        contrastive_loss(eeg, music, targets, 0.1, stop_gradient=stop).backward()
        assert eeg.grad is not None
        assert (music.grad is None) is stop
