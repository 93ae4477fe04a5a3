"""Domain discriminator behind gradient reversal (Ganin & Lempitsky 2015)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class _Reverse(torch.autograd.Function):
    """Identity forwards; the gradient times ``-strength`` backwards."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse_gradient(x: Tensor, strength: float) -> Tensor:
    """Pass `x` on unchanged; on the way back turn its gradient round."""
    result: Tensor = _Reverse.apply(x, strength)  # type: ignore[no-untyped-call]
    return result


def reversal_strength(progress: float) -> float:
    """Ganin & Lempitsky's schedule: from 0 to 1 as training goes from 0 to 1."""
    return 2.0 / (1.0 + math.exp(-10.0 * progress)) - 1.0


class DomainDiscriminator(nn.Module):
    """Tells from a place in the common space whether EEG or music put it there."""

    def __init__(self, space: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(space, 64), nn.LeakyReLU(), nn.Linear(64, 1))

    def forward(self, common: Tensor, strength: float) -> Tensor:
        """Return the logit of each row, (batch,), being music."""
        logits: Tensor = self.layers(reverse_gradient(common, strength)).squeeze(-1)
        return logits
