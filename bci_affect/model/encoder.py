"""What every EEG encoder is, and the register of those that there are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bci_affect.errors import BciAffectError
from bci_affect.model.settings import ModelSettings


class Encoded(NamedTuple):
    """What an encoder says of a window.

    Attributes
    ----------
    features : Tensor, shape (batch, width)
        Input of the common space.
    attention : Tensor, shape (batch, n_channels, n_steps)
        Share of each electrode and step, summing to one over valid electrodes and all steps; all
        zero where no electrode is valid.
    """

    features: Tensor
    attention: Tensor


class Encoder(nn.Module):
    """From windows of normalised band features to one vector each, with its attention.

    Attributes
    ----------
    any_montage : bool
        Whether electrodes are known by their place (any number, any order) or by their row.
    """

    any_montage: bool = True

    @abstractmethod
    def forward(self, bands: Tensor, mask: Tensor, positions: Tensor) -> Encoded:
        """Encode a batch of windows.

        Parameters
        ----------
        bands : Tensor of float32, shape (batch, n_steps, n_channels, n_bands)
            Normalised band features, finite.
        mask : Tensor of bool, shape (batch, n_channels)
            Electrodes that may be used.
        positions : Tensor of float32, shape (batch or 1, n_channels, 3)
            Metres; NaN where unknown.
        """


ENCODERS: dict[str, type[Encoder]] = {}
"""Encoders by the name that settings and model files give them."""


def register(name: str) -> Callable[[type[Encoder]], type[Encoder]]:
    """Enter an encoder class, built as ``cls(settings)``, into `ENCODERS`."""

    def enter(cls: type[Encoder]) -> type[Encoder]:
        ENCODERS[name] = cls
        return cls

    return enter


def build_encoder(settings: ModelSettings) -> Encoder:
    """Build the encoder that the settings name.

    Raises
    ------
    BciAffectError
        If there is none of that name.
    """
    if settings.encoder not in ENCODERS:
        raise BciAffectError(
            f"There is no encoder '{settings.encoder}'; choose one of "
            f"{', '.join(sorted(ENCODERS))}."
        )
    return ENCODERS[settings.encoder](settings)


def masked_softmax(scores: Tensor, valid: Tensor, dim: int) -> Tensor:
    """Softmax over the valid entries along `dim`; all zero, never NaN, where none is valid."""
    scores = scores.float().masked_fill(~valid, torch.finfo(torch.float32).min)
    # Beside any valid entry the others' exponentials are exactly 0; where there is none, all count.
    return torch.softmax(scores, dim=dim) * valid


# Importing an encoder's file enters it; this stands last because the files need what is above.
from bci_affect.model import paper as _paper  # noqa: E402, F401
from bci_affect.model import streaming as _streaming  # noqa: E402, F401
