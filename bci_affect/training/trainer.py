"""Training of a model on feature windows held in memory.

The best epoch is chosen on the validation set; the trainer never receives test data.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bci_affect.eeg import PopulationPrior
from bci_affect.errors import BciAffectError
from bci_affect.model import (
    AffectModel,
    CovarianceEncoder,
    Prediction,
    RestCalibration,
    RestScore,
    calibrate,
)
from bci_affect.training.common_space import centre_modalities, start_aligned
from bci_affect.training.features import FeatureSet
from bci_affect.training.linear_initialisation import initialise_linear_path
from bci_affect.training.loop import TrainingLoop
from bci_affect.training.metrics import per_trial
from bci_affect.training.person_fit import (
    ElectrodeSets,
    PersonGroup,
    draw_electrode_sets,
    grouped_vectors,
    initialise_person_path,
    windows_by_set,
)
from bci_affect.training.settings import TrainSettings
from bci_affect.training.windows import WindowTensors, has_music

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EpochRecord:
    """Losses and speed of one epoch.

    Attributes
    ----------
    epoch : int
        Number of the epoch, from 1.
    train : dict of str to float
        Mean of each loss term, unweighted, and their weighted ``total``.
    valid_loss : float
        Validation loss, by which the best epoch is chosen (see `fit`); NaN without validation set.
    seconds, windows_per_s : float
        Duration and speed of training, without validation.
    best : bool
        True if this is the best epoch so far.
    """

    epoch: int
    train: dict[str, float]
    valid_loss: float
    seconds: float
    windows_per_s: float
    best: bool


@dataclass(frozen=True)
class FitResult:
    """Fitted model, in evaluation mode on the CPU, with its training history.

    `best_epoch` is 0 if no epoch improved on the initial model. `rest_calibration` belongs on the
    card of a model that needs the person's rest; it is empty for others.
    """

    model: AffectModel
    history: tuple[EpochRecord, ...]
    best_epoch: int
    rest_calibration: tuple[RestCalibration, ...] = ()


def fit(
    train: FeatureSet,
    valid: FeatureSet | None,
    settings: TrainSettings,
    seed: int,
    *,
    start: AffectModel | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    sets: ElectrodeSets | None = None,
) -> FitResult:
    """Fit a model.

    An encoder with a linear path is initialised from a linear fit (`linear_initialisation`, and
    `person_fit` for an encoder that reads EEG against the person's rest). With a
    validation set, training stops early after `patience` epochs without a lower validation loss
    (the weighted sum of all terms but the adversarial one) and returns the weights of the best
    epoch; without one, it runs all epochs and returns the last weights.

    Parameters
    ----------
    train, valid : FeatureSet
        Training and validation windows. Class weights and the standardisation of music embeddings
        come from `train`.
    settings : TrainSettings
        Model, objective and optimiser.
    seed : int
        Seed of weights, batches and dropout: the same call on the same machine gives the same
        model.
    start : AffectModel, optional
        Model to start from, not modified; its settings must equal `settings.model`.
    on_epoch : callable, optional
        Called with the record of each epoch.
    sets : ElectrodeSets, optional
        `person_fit.draw_electrode_sets` of `train`, to share it between fits; drawn by default.

    Raises
    ------
    BciAffectError
        If the data do not match the model, or contain nothing to learn from.
    """
    _check(train, valid, settings, start)
    device = _device(settings)
    autocast = _autocast(settings, device)
    torch.set_num_threads(1)  # on two busy cores, two threads are seven times slower than one
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        model = AffectModel(settings.model)
        if start is not None:
            model.load_state_dict(start.state_dict())
        else:
            _standardise_music(model, train)
        model.to(device)
        loop = TrainingLoop(model, WindowTensors(train, device), settings, seed, autocast)
        held_out = WindowTensors(valid, device) if valid is not None and len(valid) else None
        calibration: tuple[RestCalibration, ...] = ()
        if model.needs_person and train.person is not None:
            initialised = True
            if sets is None and not (settings.linear_only and start is not None):
                sets = draw_electrode_sets(train, settings, seed)
            if start is None:
                calibration = initialise_person_path(model.cpu(), train, settings, seed, sets)
                model.to(device)
            if not settings.linear_only:
                assert sets is not None
                loop.data.set_electrode_sets(*windows_by_set(sets, train))
                loop.data.set_person(_person_features(model, train)[0])
                if held_out is not None and valid is not None:
                    held_out.set_person(_person_features(model, valid)[0])
        else:
            initialised = start is not None or initialise_linear_path(
                model, loop.data, held_out, settings, loop.augmentation
            )
        if settings.aligned_start and initialised and start is None:
            start_aligned(model, train)
        history, best_epoch = _run(loop, held_out, settings, on_epoch, initialised)
        if settings.aligned_start and start is None:
            _centre(model, loop.data)
    return FitResult(model.cpu().eval(), tuple(history), best_epoch, calibration)


@torch.inference_mode()
def predict(
    model: AffectModel,
    features: FeatureSet,
    calibration: tuple[RestCalibration, ...] | None = None,
    centre: Literal["rest", "past"] = "rest",
) -> Prediction:
    """Run a model on every window of a set; the arrays of the result have a leading window axis.

    Parameters
    ----------
    model : AffectModel
        Trained model.
    features : FeatureSet
        Windows.
    calibration : tuple of RestCalibration, optional
        `FitResult.rest_calibration`: the log-odds of a model that needs the person's rest are then
        measured from rest, as in a live session. By default they are the network's output.
    centre : {"rest", "past"}
        "past" moves each trial in the common space by the mean of the person's earlier trials.
    """
    device = next(model.parameters()).device
    model = model.eval()
    data = WindowTensors(features, device)
    groups: list[PersonGroup] = []
    if model.needs_person and features.person is not None and len(features):
        vectors, groups = _person_features(model, features)
        data.set_person(vectors)
    parts = [model(*data.eeg(index), data.person_of(index)) for index in data.batches()]
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
    prediction = Prediction(*(value.numpy() for value in joined))
    if centre == "past" and parts:
        common = torch.cat([part.common for part in parts]).float()
        moved = common - torch.from_numpy(_mean_of_past(common.cpu().numpy(), features)).to(common)
        prediction = replace(
            prediction,
            embedding=torch.nn.functional.normalize(moved, dim=-1).cpu().numpy(),
            logits=model.heads(moved).cpu().numpy(),
        )
    if calibration is None or not groups:
        return prediction
    return replace(
        prediction, logits=_against_rest(model, features, prediction, groups, calibration, centre)
    )


def _mean_of_past(common: NDArray[np.float32], features: FeatureSet) -> NDArray[np.float32]:
    """Return the mean of each person's earlier trials, (n, space); 0 counts as one more trial."""
    trials, means = per_trial(common, features.trial)  # in chronological order
    _, subject = per_trial(features.subject, features.trial)
    past = np.empty_like(means)
    for person in np.unique(subject):
        own = np.flatnonzero(subject == person)
        before = np.cumsum(means[own], axis=0) - means[own]
        past[own] = before / np.arange(1, len(own) + 1)[:, None]
    found: NDArray[np.float32] = past[np.searchsorted(trials, features.trial)].astype(np.float32)
    return found


@torch.inference_mode()
def _centre(model: AffectModel, data: WindowTensors) -> None:
    """Centre the modalities of a trained model on its training windows."""
    model.eval()
    rows = torch.nonzero(data.has_music).squeeze(1)
    if not len(rows):
        return
    eeg = [model(*data.eeg(index), data.person_of(index)).common for index in data.batches()]
    music = model.project_music(data.music[rows]).common
    centre_modalities(model, torch.cat(eeg)[rows], music)


def _person_features(
    model: AffectModel, features: FeatureSet
) -> tuple[NDArray[np.float32], list[PersonGroup]]:
    """Return the person features of all windows, and the windows that share a reference."""
    encoder = model.encoder
    assert isinstance(encoder, CovarianceEncoder)
    prior = PopulationPrior(encoder.population.cpu().numpy().astype(np.float64))
    return grouped_vectors(features, prior)


def _against_rest(
    model: AffectModel,
    features: FeatureSet,
    prediction: Prediction,
    groups: list[PersonGroup],
    calibration: tuple[RestCalibration, ...],
    centre: Literal["rest", "past"],
) -> NDArray[np.float32]:
    """Return log-odds measured from rest, with the bands of rest at 0, as a live session does.

    Predictions measured from the past are in units of the spread at rest, with the zero as the
    threshold.
    """
    logits = prediction.logits.copy()
    positions = torch.from_numpy(features.positions)
    for group in groups:
        n = len(group.rest)
        rest = np.zeros((0, 2), np.float32)
        if n:
            rest = model(
                torch.zeros(n, *features.bands.shape[1:]),
                torch.from_numpy(np.tile(group.mask, (n, 1))),
                positions[features.montage[group.rows[0]]][None],
                torch.from_numpy(group.rest),
            ).logits.numpy()
        score, rows = RestScore.from_rest(rest), calibration
        if centre == "past":
            score = replace(score, centre=np.zeros(2))
            rows = tuple(replace(one, threshold=(0.0, 0.0)) for one in calibration)
        logits[group.rows] = calibrate(
            rows, prediction.logits[group.rows], score, int(group.mask.sum())
        )
    return logits


def _run(
    loop: TrainingLoop,
    held_out: WindowTensors | None,
    settings: TrainSettings,
    on_epoch: Callable[[EpochRecord], None] | None,
    initialised: bool,
) -> tuple[list[EpochRecord], int]:
    history: list[EpochRecord] = []
    best, best_epoch = math.inf, 0
    best_state: dict[str, Tensor] = {}
    if initialised and held_out is not None and not settings.linear_only:
        best = loop.validate(held_out)
        best_state = {k: v.detach().clone() for k, v in loop.model.state_dict().items()}
    for epoch in range(1, 1 if settings.linear_only else settings.epochs + 1):
        started = time.perf_counter()
        train = loop.epoch()
        seconds = time.perf_counter() - started
        if not math.isfinite(train.get("total", 0.0)):
            raise BciAffectError(
                f"Training diverged in epoch {epoch}; lower the learning rate "
                f"({settings.learning_rate:g})."
            )
        valid_loss = loop.validate(held_out) if held_out is not None else math.nan
        better = held_out is None or valid_loss < best
        if better:
            best, best_epoch = valid_loss, epoch
            best_state = {k: v.detach().clone() for k, v in loop.model.state_dict().items()}
        record = EpochRecord(
            epoch, train, valid_loss, seconds, len(loop.data) / max(seconds, 1e-9), better
        )
        history.append(record)
        logger.info("epoch %d: %s, validation %.4f", epoch, train, valid_loss)
        if on_epoch is not None:
            on_epoch(record)
        if epoch - best_epoch >= settings.patience:
            break
    if best_state:
        loop.model.load_state_dict(best_state)
    return history, best_epoch


def _check(
    train: FeatureSet, valid: FeatureSet | None, settings: TrainSettings, start: AffectModel | None
) -> None:
    """Raise `BciAffectError` if the data and settings cannot be trained with."""
    shape = settings.model
    for name, data in (("training", train), ("validation", valid)):
        if data is None or not len(data):
            continue
        n_steps, n_channels, n_bands = data.bands.shape[1:]
        if (n_steps, n_bands) != (shape.n_steps, shape.n_bands):
            raise BciAffectError(
                f"The {name} windows have {n_steps} steps and {n_bands} bands; the settings of "
                f"the model require {shape.n_steps} and {shape.n_bands}."
            )
        if shape.n_channels and n_channels != shape.n_channels:
            raise BciAffectError(
                f"The {name} windows have {n_channels} electrodes; the '{shape.encoder}' model "
                f"requires {shape.n_channels}."
            )
        if data.music.shape[1] not in (0, shape.music_dim):
            raise BciAffectError(
                f"The music embeddings of the {name} windows have {data.music.shape[1]} "
                f"dimensions; the settings of the model require {shape.music_dim}."
            )
        if not np.isfinite(data.bands[data.mask.any(axis=1)]).all():
            raise BciAffectError(f"The {name} windows contain NaN or infinite values.")
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
        raise BciAffectError(
            "The model to start from has another shape than required by the settings; start from "
            "a model with the same [train.model] settings."
        )


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
    # Process ids of consecutive worker processes spread the folds evenly over the GPUs.
    return torch.device("cuda", os.getpid() % torch.cuda.device_count())


def _autocast(
    settings: TrainSettings, device: torch.device
) -> Callable[[], AbstractContextManager[object]]:
    helps = device.type == "cuda" or _processor_has_bf16()
    if settings.bf16 == "on" or (settings.bf16 == "auto" and helps):
        return lambda: torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext


def _processor_has_bf16() -> bool:
    """Return True if the processor has bfloat16 instructions; without them autocast is slower."""
    is_supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(is_supported()) if is_supported is not None else False
