"""Domain discriminator behind gradient reversal (Ganin & Lempitsky 2015)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class _GradientReversal(torch.autograd.Function):
    """Identity in the forward pass; multiply the gradient by ``-strength`` in the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse_gradient(x: Tensor, strength: float) -> Tensor:
    """Return `x` unchanged and multiply its gradient by ``-strength``."""
    result: Tensor = _GradientReversal.apply(x, strength)  # type: ignore[no-untyped-call]
    return result


def reversal_strength(progress: float) -> float:
    """Return the gradient-reversal strength at a training progress in [0, 1].

    The schedule of Ganin & Lempitsky (2015), which rises from 0 to 1.
    """
    return 2.0 / (1.0 + math.exp(-10.0 * progress)) - 1.0


class DomainDiscriminator(nn.Module):
    """Classifier of the modality (EEG or music) of points in the common space."""

    def __init__(self, space: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(space, 64), nn.LeakyReLU(), nn.Linear(64, 1))

    def forward(self, common: Tensor, strength: float) -> Tensor:
        """Return the logits, (batch,), of each row of `common` coming from music."""
        logits: Tensor = self.layers(reverse_gradient(common, strength)).squeeze(-1)
        return logits
