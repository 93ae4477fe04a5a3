"""Feature windows as tensors on the training device, and their augmentation.

All windows are held in memory and a batch is an index into them; there is no data loader.
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
    """Return the mask, (n_windows,), of windows with a music embedding."""
    if not features.music.shape[1]:
        return np.zeros(len(features), np.bool_)
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(features.music).all(axis=1))
    return finite


class WindowTensors:
    """Feature set on the training device, indexed by window."""

    def __init__(self, features: FeatureSet, device: torch.device) -> None:
        def put(array: NDArray[Any]) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        # Electrodes last, the layout used by the default encoder.
        self._bands, self.mask = put(features.bands.transpose(0, 1, 3, 2)), put(features.mask)
        self.positions, self.montage = put(features.positions), put(features.montage)
        self.labels, self.music_labels = put(features.labels), put(features.music_labels)
        self.stimulus = put(features.stimulus)
        self.trial = features.trial
        self.has_music = put(has_music(features))
        self.music = put(np.nan_to_num(features.music))
        self.person: Tensor | None = None
        self.sets: Tensor | None = None
        self.chosen: Tensor | None = None
        self.device = device

    def __len__(self) -> int:
        return len(self._bands)

    def eeg(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the encoder's inputs for these windows: bands, mask and positions."""
        shared = len(self.positions) == 1
        positions = self.positions if shared else self.positions[self.montage[index]]
        bands = self._bands.index_select(0, index).transpose(2, 3)
        return bands, self.mask[index], positions

    def set_person(self, vectors: NDArray[np.float32]) -> None:
        """Set the person features of all windows, (n, n_bands * 316)."""
        self.person = torch.from_numpy(vectors).to(self.device)

    def person_of(self, index: Tensor) -> Tensor | None:
        """Return the person features of these windows; None for models without."""
        return None if self.person is None else self.person[index]

    def set_electrode_sets(self, vectors: NDArray[np.float32], chosen: NDArray[np.bool_]) -> None:
        """Set the person features for several sets of electrodes, for training.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n_sets, n, n_bands * 316)
        chosen : ndarray of bool, shape (n_sets, n, n_channels)
            Electrodes of each set.
        """
        self.sets = torch.from_numpy(vectors).to(self.device)
        self.chosen = torch.from_numpy(chosen).to(self.device)

    def draw_set(self, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw a set of electrodes for each window: person features and electrodes of the set."""
        assert self.sets is not None
        assert self.chosen is not None
        which = torch.randint(
            len(self.sets), (len(index),), generator=generator, device=self.device
        )
        return self.sets[which, index], self.chosen[which, index]

    def batches(self, size: int = EVALUATION_BATCH) -> Iterator[Tensor]:
        """Yield the indices of all windows in order, in batches."""
        yield from torch.split(torch.arange(len(self), device=self.device), size)


def augment(
    bands: Tensor, mask: Tensor, settings: TrainSettings, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mask a random share of each window's electrodes and add noise to the bands."""
    if settings.electrode_dropout:
        draw = torch.rand(len(mask), 1, generator=generator, device=mask.device)
        chance = torch.rand(mask.shape, generator=generator, device=mask.device)
        rank = chance.masked_fill(~mask, 2.0).argsort(dim=1).argsort(dim=1)
        count = mask.sum(dim=1, keepdim=True)
        keep = torch.ceil(count * (1 - settings.electrode_dropout * draw))
        mask = mask & (rank < keep.clamp_min(settings.min_electrodes))
    if settings.noise:
        noise = torch.randn(bands.shape, generator=generator, device=bands.device)
        bands = bands + settings.noise * noise
    return bands, mask
