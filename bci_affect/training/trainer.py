"""Fits a model to feature windows held in RAM.

The windows are tensors, a batch is an index into them, and there is no loader in between. What is
chosen by looking at data (the epoch to keep) is chosen on the validation set and nothing else; the
trainer never sees a test set.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bci_affect.errors import BciAffectError
from bci_affect.model import AffectModel, Prediction
from bci_affect.training.features import FeatureSet
from bci_affect.training.linear_start import begin
from bci_affect.training.loop import Loop
from bci_affect.training.settings import TrainSettings
from bci_affect.training.windows import Windows, has_music

log = logging.getLogger(__name__)


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
        loop = Loop(model, Windows(train, device), settings, seed, cast)
        held_out = Windows(valid, device) if valid is not None and len(valid) else None
        has_start = start is not None or begin(model, loop.data, held_out, settings, loop.hide)
        history, best_epoch = _run(loop, held_out, settings, on_epoch, has_start)
    return FitResult(model.cpu().eval(), tuple(history), best_epoch)


@torch.inference_mode()
def predict(model: AffectModel, features: FeatureSet) -> Prediction:
    """Apply a model to every window of a set; results have a leading axis of windows.

    An empty set gives empty arrays.
    """
    device = next(model.parameters()).device
    model = model.eval()
    data = Windows(features, device)
    parts = [model(*data.eeg(index)) for index in data.batches()]
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


def _run(
    loop: Loop,
    held_out: Windows | None,
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
    if settings.device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    # Folds run in processes that are started one after another: their numbers spread them evenly.
    return torch.device("cuda", os.getpid() % torch.cuda.device_count())


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
