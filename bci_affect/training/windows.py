"""Windows as tensors on the device that trains, and what training hides of them.

Everything is held in memory and a batch is an index into it: there is no loader in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bci_affect.training.features import FeatureSet
from bci_affect.training.settings import TrainSettings

EVALUATION_BATCH = 1024


def has_music(features: FeatureSet) -> NDArray[np.bool_]:
    """Return which windows have a whole row of music, (n_windows,)."""
    if not features.music.shape[1]:
        return np.zeros(len(features), np.bool_)
    there: NDArray[np.bool_] = np.asarray(np.isfinite(features.music).all(axis=1))
    return there


class Windows:
    """A feature set on the device that trains, addressed by window."""

    def __init__(self, features: FeatureSet, device: torch.device) -> None:
        def put(array: NDArray[Any]) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        # Electrodes last, as the default encoder wants them.
        self._bands, self.mask = put(features.bands.transpose(0, 1, 3, 2)), put(features.mask)
        self.positions, self.montage = put(features.positions), put(features.montage)
        self.labels, self.music_labels = put(features.labels), put(features.music_labels)
        self.stimulus = put(features.stimulus)
        self.trial = features.trial
        self.has_music = put(has_music(features))
        self.music = put(np.nan_to_num(features.music))
        self.device = device

    def __len__(self) -> int:
        return len(self._bands)

    def eeg(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the encoder takes of these windows."""
        one = len(self.positions) == 1
        positions = self.positions if one else self.positions[self.montage[index]]
        bands = self._bands.index_select(0, index).transpose(2, 3)
        return bands, self.mask[index], positions

    def batches(self, size: int = EVALUATION_BATCH) -> Iterator[Tensor]:
        """Yield all windows in order, in batches."""
        yield from torch.split(torch.arange(len(self), device=self.device), size)


def disturb(
    bands: Tensor, mask: Tensor, settings: TrainSettings, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Hide a random share of each window's electrodes, and add noise."""
    if settings.electrode_dropout:
        draw = torch.rand(len(mask), 1, generator=generator, device=mask.device)
        chance = torch.rand(mask.shape, generator=generator, device=mask.device)
        rank = chance.masked_fill(~mask, 2.0).argsort(dim=1).argsort(dim=1)
        there = mask.sum(dim=1, keepdim=True)
        keep = torch.ceil(there * (1 - settings.electrode_dropout * draw))
        mask = mask & (rank < keep.clamp_min(settings.min_electrodes))
    if settings.noise:
        noise = torch.randn(bands.shape, generator=generator, device=bands.device)
        bands = bands + settings.noise * noise
    return bands, mask
