"""Fits a model to feature windows held in RAM.

The windows are tensors, a batch is an index into them, and there is no loader in between. What is
chosen by looking at data (the epoch to keep) is chosen on the validation set and nothing else; the
trainer never sees a test set.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bci_affect.errors import BciAffectError
from bci_affect.model.affect import AffectModel
from bci_affect.model.card import Prediction
from bci_affect.model.domain import reversal_strength
from bci_affect.model.losses import (
    class_weights,
    contrastive_loss,
    domain_loss,
    emotion_loss,
    positive_shares,
)
from bci_affect.model.streaming import StreamingEncoder
from bci_affect.training.features import FeatureSet
from bci_affect.training.linear_start import FieldWindows, start_from_linear
from bci_affect.training.settings import TrainSettings

log = logging.getLogger(__name__)

_EVALUATION_BATCH = 1024


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch came to.

    Attributes
    ----------
    epoch : int
        From 1.
    train : dict of str to float
        Mean of each term of the objective, unweighted, and their weighted ``total``.
    valid_loss : float
        Loss by which the epoch is chosen (see `fit`); NaN without a validation set.
    seconds, windows_per_s : float
        Time of the training part and its speed.
    best : bool
        Whether this is the best epoch so far.
    """

    epoch: int
    train: dict[str, float]
    valid_loss: float
    seconds: float
    windows_per_s: float
    best: bool


@dataclass(frozen=True)
class FitResult:
    """A fitted model, in evaluation mode on the CPU, and how it got there.

    `best_epoch` is 0 where nothing that descent found was better than what it started from.
    """

    model: AffectModel
    history: tuple[EpochRecord, ...]
    best_epoch: int


def fit(
    train: FeatureSet,
    valid: FeatureSet | None,
    settings: TrainSettings,
    seed: int,
    *,
    start: AffectModel | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> FitResult:
    """Fit a model.

    An encoder with a linear path starts from that path fitted to convergence (`linear_start`).
    With a validation set, training ends after `patience` epochs without a lower validation loss
    (the terms of the objective without the adversarial one, by their weights) and the best epoch's
    weights are returned; without one, all epochs are run and the last weights are returned.

    Parameters
    ----------
    train, valid : FeatureSet
        Windows. Class weights and the standardisation of music rows come from `train`.
    settings : TrainSettings
        Model, objective, optimiser.
    seed : int
        Fixes weights, batches and dropout: the same call on the same machine gives the same model.
    start : AffectModel, optional
        Weights to start from, left unchanged; it must have the settings' shape.
    on_epoch : callable, optional
        Called with each epoch's record.

    Raises
    ------
    BciAffectError
        If the data do not fit the model, or nothing in them can be learned from.
    """
    _check(train, valid, settings, start)
    device = _device(settings)
    cast = _autocast(settings, device)
    torch.set_num_threads(1)  # two threads on two busy cores are seven times slower than one
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        model = AffectModel(settings.model)
        if start is not None:
            model.load_state_dict(start.state_dict())
        else:
            _standardise_music(model, train)
        model.to(device)
        loop = _Loop(model, _Tensors(train, device), settings, seed, cast)
        held_out = _Tensors(valid, device) if valid is not None and len(valid) else None
        has_start = start is not None or loop.begin(held_out)
        history, best_epoch = _run(loop, held_out, settings, on_epoch, has_start)
    return FitResult(model.cpu().eval(), tuple(history), best_epoch)


@torch.inference_mode()
def predict(model: AffectModel, features: FeatureSet) -> Prediction:
    """Apply a model to every window of a set; results have a leading axis of windows.

    An empty set gives empty arrays.
    """
    device = next(model.parameters()).device
    model = model.eval()
    data = _Tensors(features, device)
    parts = [model(*data.eeg(index)) for index in data.batches(_EVALUATION_BATCH)]
    shape = features.bands.shape
    empty = (
        torch.zeros(0, model.settings.space),
        torch.zeros(0, shape[2], shape[1]),
        torch.zeros(0, 2),
    )
    joined = [
        torch.cat([getattr(part, name) for part in parts]).cpu() if parts else default
        for name, default in zip(("embedding", "attention", "logits"), empty, strict=True)
    ]
    return Prediction(*(value.numpy() for value in joined))


def has_music(features: FeatureSet) -> NDArray[np.bool_]:
    """Return which windows have a whole row of music, (n_windows,)."""
    if not features.music.shape[1]:
        return np.zeros(len(features), np.bool_)
    there: NDArray[np.bool_] = np.asarray(np.isfinite(features.music).all(axis=1))
    return there


class _Tensors:
    """A feature set on the device that trains, addressed by window."""

    def __init__(self, features: FeatureSet, device: torch.device) -> None:
        def put(array: NDArray[Any]) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        self.bands, self.mask = put(features.bands), put(features.mask)
        self.positions, self.montage = put(features.positions), put(features.montage)
        self.labels, self.music_labels = put(features.labels), put(features.music_labels)
        self.stimulus = put(features.stimulus)
        self.trial = features.trial
        self.has_music = put(has_music(features))
        self.music = put(np.nan_to_num(features.music))
        self.device = device

    def __len__(self) -> int:
        return len(self.bands)

    def eeg(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the encoder takes of these windows."""
        one = len(self.positions) == 1
        positions = self.positions if one else self.positions[self.montage[index]]
        return self.bands[index], self.mask[index], positions

    def batches(self, size: int) -> Iterator[Tensor]:
        """Yield all windows in order, in batches."""
        yield from torch.split(torch.arange(len(self), device=self.device), size)


class _Loop:
    """Model, optimiser and data of one run."""

    def __init__(
        self,
        model: AffectModel,
        data: _Tensors,
        settings: TrainSettings,
        seed: int,
        cast: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self.model, self.data, self.settings, self.cast = model, data, settings, cast
        self._order = torch.Generator().manual_seed(seed)
        self._hide = torch.Generator(device=data.device).manual_seed(seed)
        self.steps = max(1, math.ceil(len(data) / settings.batch_size)) * settings.epochs
        self.weights = class_weights(data.labels.cpu()).to(data.device)
        heard = data.music_labels[data.has_music].cpu()
        self.music_weights = class_weights(heard).to(data.device)
        self.optimiser = torch.optim.AdamW(
            model.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimiser, self.steps)
        self._step = 0

    def begin(self, held_out: _Tensors | None) -> bool:
        """Start from a fitted linear path where the model has one; return whether it has."""
        encoder = self.model.encoder
        if not (isinstance(encoder, StreamingEncoder) and encoder.has_linear_path):
            return False
        parts = [self._fields(encoder, self.data, hide=False)]
        if self.settings.electrode_dropout:
            parts.append(self._fields(encoder, self.data, hide=True))
        fields = torch.cat(parts)
        encoder.standardise(fields.to(self.data.device))
        if not (self.settings.linear_start and self.settings.objective.emotion_eeg):
            return False
        train = FieldWindows(
            fields,
            self.data.labels.cpu().repeat(len(parts), 1),
            np.tile(self.data.trial, len(parts)),
        )
        valid = None
        if held_out is not None:
            seen = self._fields(encoder, held_out, hide=False)
            valid = FieldWindows(seen, held_out.labels.cpu(), held_out.trial)
        start_from_linear(self.model.cpu(), train, valid)
        self.model.to(self.data.device)
        return True

    @torch.no_grad()
    def _fields(self, encoder: StreamingEncoder, data: _Tensors, *, hide: bool) -> Tensor:
        parts = []
        for index in data.batches(_EVALUATION_BATCH):
            bands, mask, positions = data.eeg(index)
            if hide:
                bands, mask = self._disturb(bands, mask)
            parts.append(encoder.field(bands, mask, positions).cpu())
        return torch.cat(parts)

    def epoch(self) -> dict[str, float]:
        """Run through all windows once in random order; return the mean of each term."""
        self.model.train()
        order = torch.randperm(len(self.data), generator=self._order).to(self.data.device)
        sums: dict[str, Tensor] = {}
        for index in torch.split(order, self.settings.batch_size):
            if len(index) < 2:  # a last batch of one window has no spread to be scaled by
                continue
            with self.cast():
                terms = self.terms(self.data, index, train=True)
            total = self.total(terms)
            self.optimiser.zero_grad(set_to_none=True)
            total.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimiser.step()
            self.schedule.step()
            self._step += 1
            for name, value in {**terms, "total": total}.items():
                so_far = sums.get(name, torch.zeros((), device=value.device))
                sums[name] = so_far + value.detach().float() * len(index)
        return {name: float(value) / len(self.data) for name, value in sums.items()}

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """Weigh the terms."""
        weighted = [getattr(self.settings.objective, name) * value for name, value in terms.items()]
        return torch.stack([value.float() for value in weighted]).sum()

    def terms(self, data: _Tensors, index: Tensor, *, train: bool) -> dict[str, Tensor]:
        """Return the terms that are switched on, for one batch."""
        chosen = self.settings.objective
        bands, mask, positions = data.eeg(index)
        if train:
            bands, mask = self._disturb(bands, mask)
        eeg = self.model(bands, mask, positions)
        terms = {}
        if chosen.emotion_eeg:
            terms["emotion_eeg"] = emotion_loss(eeg.logits, data.labels[index], self.weights)
        heard = data.has_music[index]
        if not (chosen.emotion_music or chosen.domain or chosen.contrastive) or not heard.any():
            return terms
        music = self.model.place_music(data.music[index[heard]])
        labels = data.music_labels[index[heard]]
        if chosen.emotion_music:
            terms["emotion_music"] = emotion_loss(music.logits, labels, self.music_weights)
        if chosen.contrastive:
            shares = positive_shares(data.stimulus[index[heard]], labels, chosen.same_emotion)
            terms["contrastive"] = contrastive_loss(
                eeg.embedding[heard],
                music.embedding,
                shares,
                chosen.temperature,
                chosen.stop_gradient,
            )
        if chosen.domain and train:
            progress = self._step / self.steps
            strength = 1.0
            if chosen.domain_schedule == "ramp":
                strength = reversal_strength(progress)
            terms["domain"] = domain_loss(
                self.model.domain(eeg.common, strength), self.model.domain(music.common, strength)
            )
        return terms

    def _disturb(self, bands: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Hide a random share of each window's electrodes, and add noise."""
        settings = self.settings
        if settings.electrode_dropout:
            draw = torch.rand(len(mask), 1, generator=self._hide, device=mask.device)
            chance = torch.rand(mask.shape, generator=self._hide, device=mask.device)
            rank = chance.masked_fill(~mask, 2.0).argsort(dim=1).argsort(dim=1)
            there = mask.sum(dim=1, keepdim=True)
            keep = torch.ceil(there * (1 - settings.electrode_dropout * draw))
            mask = mask & (rank < keep.clamp_min(settings.min_electrodes))
        if settings.noise:
            noise = torch.randn(bands.shape, generator=self._hide, device=bands.device)
            bands = bands + settings.noise * noise
        return bands, mask

    @torch.inference_mode()
    def validate(self, data: _Tensors) -> float:
        """Return the loss by which epochs are compared."""
        self.model.eval()
        total, seen = 0.0, 0
        for index in data.batches(_EVALUATION_BATCH):
            terms = self.terms(data, index, train=False)
            if terms:
                total += float(self.total(terms)) * len(index)
                seen += len(index)
        return total / seen if seen else math.nan


def _run(
    loop: _Loop,
    held_out: _Tensors | None,
    settings: TrainSettings,
    on_epoch: Callable[[EpochRecord], None] | None,
    has_start: bool,
) -> tuple[list[EpochRecord], int]:
    history: list[EpochRecord] = []
    best, best_epoch = math.inf, 0
    kept: dict[str, Tensor] = {}
    if has_start and held_out is not None:
        best = loop.validate(held_out)
        kept = {k: v.detach().clone() for k, v in loop.model.state_dict().items()}
    for epoch in range(1, settings.epochs + 1):
        begun = time.perf_counter()
        train = loop.epoch()
        seconds = time.perf_counter() - begun
        if not math.isfinite(train.get("total", 0.0)):
            raise BciAffectError(
                f"Training diverged in epoch {epoch}; lower the learning rate "
                f"({settings.learning_rate:g})."
            )
        valid_loss = loop.validate(held_out) if held_out is not None else math.nan
        better = held_out is None or valid_loss < best
        if better:
            best, best_epoch = valid_loss, epoch
            kept = {k: v.detach().clone() for k, v in loop.model.state_dict().items()}
        record = EpochRecord(
            epoch, train, valid_loss, seconds, len(loop.data) / max(seconds, 1e-9), better
        )
        history.append(record)
        log.info("epoch %d: %s, validation %.4f", epoch, train, valid_loss)
        if on_epoch is not None:
            on_epoch(record)
        if epoch - best_epoch >= settings.patience:
            break
    if kept:
        loop.model.load_state_dict(kept)
    return history, best_epoch


def _check(
    train: FeatureSet, valid: FeatureSet | None, settings: TrainSettings, start: AffectModel | None
) -> None:
    """Refuse what cannot be trained, before anything long begins."""
    shape = settings.model
    for name, data in (("training", train), ("validation", valid)):
        if data is None or not len(data):
            continue
        n_steps, n_channels, n_bands = data.bands.shape[1:]
        if (n_steps, n_bands) != (shape.n_steps, shape.n_bands):
            raise BciAffectError(
                f"The {name} windows have {n_steps} steps and {n_bands} bands; the model's "
                f"settings say {shape.n_steps} and {shape.n_bands}."
            )
        if shape.n_channels and n_channels != shape.n_channels:
            raise BciAffectError(
                f"The {name} windows have {n_channels} electrodes; the '{shape.encoder}' model is "
                f"for {shape.n_channels}."
            )
        if data.music.shape[1] not in (0, shape.music_dim):
            raise BciAffectError(
                f"The {name} windows' music features are {data.music.shape[1]} wide; the model's "
                f"settings say {shape.music_dim}."
            )
        if not np.isfinite(data.bands[data.mask.any(axis=1)]).all():
            raise BciAffectError(f"The {name} windows hold values that are not numbers (NaN).")
    if len(train) < 2:
        raise BciAffectError(f"There are {len(train)} training windows; at least two are needed.")
    objective = settings.objective
    music = bool(has_music(train).any())
    learnable = (
        (objective.emotion_eeg and np.isfinite(train.labels).any())
        or (objective.emotion_music and music and np.isfinite(train.music_labels).any())
        or (objective.contrastive and music)
    )
    if not learnable:
        raise BciAffectError(
            "Nothing can be learned: no term of the objective has both a weight and labels or "
            "music in the training windows."
        )
    if start is not None and start.settings != shape:
        raise BciAffectError("The model to start from has another shape than the settings say.")


def _standardise_music(model: AffectModel, train: FeatureSet) -> None:
    known = train.music[has_music(train)]
    if not len(known):
        return
    model.music_mean.copy_(torch.from_numpy(known.mean(axis=0)))
    model.music_sd.copy_(torch.from_numpy(np.maximum(known.std(axis=0), 1e-3)))


def _device(settings: TrainSettings) -> torch.device:
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise BciAffectError("No CUDA device is available; set device to 'auto' or 'cpu'.")
    use_cuda = settings.device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if use_cuda else "cpu")


def _autocast(
    settings: TrainSettings, device: torch.device
) -> Callable[[], AbstractContextManager[object]]:
    helps = device.type == "cuda" or _processor_has_bf16()
    if settings.bf16 == "on" or (settings.bf16 == "auto" and helps):
        return lambda: torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext


def _processor_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 itself; elsewhere autocast only costs time."""
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(asked()) if asked is not None else False
