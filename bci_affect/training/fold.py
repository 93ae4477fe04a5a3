"""Training and testing of one fold of a study.

A fold is a pure function of data, settings and seed that writes no files, so it gives the same
result in this process, in another process or on another machine.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bci_affect.model import AffectModel, find_encoder
from bci_affect.storage import unique_name
from bci_affect.training.corpus import Corpus, MusicCatalogue
from bci_affect.training.features import FeatureSet
from bci_affect.training.interpretability import deletion_test, domain_separability
from bci_affect.training.settings import TrainSettings
from bci_affect.training.splits import Split, make_splits
from bci_affect.training.study_settings import TARGETS, StudyConfig
from bci_affect.training.trainer import FitResult, fit, predict

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FoldTask:
    """Specification of a fold: variant, seed and split."""

    variant: str
    seed: int
    split: Split

    @property
    def key(self) -> str:
        """Folder of the fold within ``folds`` of the study."""
        return f"{unique_name(self.variant)}/seed-{self.seed}/{unique_name(self.split.name)}"


@dataclass(frozen=True)
class PhaseResult:
    """Predictions of one phase of a fold for its test windows.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Indices of the test windows in the corpus.
    part : ndarray of int64, shape (n,)
        Index of the model that predicted the window (co-training has several models).
    probability : ndarray of float32, shape (n, 2)
        Probability of high valence and arousal.
    embedding : ndarray of float32, shape (n, space)
        EEG embeddings.
    music_embedding : ndarray of float32, shape (n_parts, n_catalogue, space)
        Music embeddings in the common space, by model.
    music_probability : ndarray of float32, shape (n_parts, n_catalogue, 2)
        Probability of high valence and arousal of the music, by model.
    seen : ndarray of bool, shape (n_parts, n_catalogue)
        True for catalogue items whose track was in training or validation.
    attention : ndarray of float32, shape (n_channels, n_steps)
        Mean attention over the test windows.
    interpretability : dict
        Results of the deletion test and of domain separability.
    """

    rows: NDArray[np.int64]
    part: NDArray[np.int64]
    probability: Floats
    embedding: Floats
    music_embedding: Floats
    music_probability: Floats
    seen: NDArray[np.bool_]
    attention: Floats
    interpretability: dict[str, Any] = field(default_factory=dict)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, for saving."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "interpretability"}


@dataclass(frozen=True)
class FoldResult:
    """Result of a fold.

    Attributes
    ----------
    key : str
        Key of the task.
    phases : dict of str to PhaseResult
        Results of ``pretrain`` and, if enabled, ``cotrain``.
    history : list of dict
        One entry per epoch of each phase.
    weights : dict of str to bytes
        Last model of each phase as safetensors.
    """

    key: str
    phases: dict[str, PhaseResult]
    history: list[dict[str, Any]]
    weights: dict[str, bytes]


def run_fold(corpus: Corpus, config: StudyConfig, task: FoldTask) -> FoldResult:
    """Train and test one fold.

    Parameters
    ----------
    corpus : Corpus
        Features of all subjects.
    config : StudyConfig
        Configuration of the study.
    task : FoldTask
        Variant, seed and split of the fold.
    """
    history: list[dict[str, Any]] = []
    features = hide_targets(corpus.features, config)
    settings = fit_to_data(config.training(task.variant, "pretrain"), corpus)
    first = _fit(features, task.split, settings, task, "pretrain", None, history)
    phases = {
        "pretrain": _test_models(
            corpus, features, [(task.split, first)], task.seed, settings.centre
        )
    }
    weights = {"pretrain": _weights(first.model)}
    if config.study.cotrain:
        settings = fit_to_data(config.training(task.variant, "cotrain"), corpus)
        later = [
            (split, _fit(features, split, settings, task, "cotrain", first, history))
            for split in cotrain_splits(features, task.split, config)
        ]
        phases["cotrain"] = _test_models(corpus, features, later, task.seed, settings.centre)
        weights["cotrain"] = _weights(later[-1][1].model)
    return FoldResult(task.key, phases, history, weights)


def fit_to_data(settings: TrainSettings, corpus: Corpus) -> TrainSettings:
    """Return the settings with the input dimensions of the model set from the data.

    Steps, bands, the dimension of the music embeddings and, for encoders with a fixed montage, the
    number of electrodes follow from the features.
    """
    _, n_steps, n_channels, n_bands = corpus.features.bands.shape
    shape = {"n_steps": n_steps, "n_bands": n_bands}
    if corpus.features.music.shape[1]:
        shape["music_dim"] = corpus.features.music.shape[1]
    if not find_encoder(settings.model.encoder).any_montage:
        shape["n_channels"] = n_channels
    model = settings.model.model_copy(update=shape)
    return settings.model_copy(update={"model": model})


def hide_targets(features: FeatureSet, config: StudyConfig) -> FeatureSet:
    """Return the feature set with the labels of targets not learned set to NaN."""
    hidden = [i for i, target in enumerate(TARGETS) if target not in config.study.targets]
    if not hidden:
        return features
    labels, music_labels = features.labels.copy(), features.music_labels.copy()
    labels[:, hidden] = music_labels[:, hidden] = np.nan
    return replace(features, labels=labels, music_labels=music_labels)


def cotrain_splits(features: FeatureSet, split: Split, config: StudyConfig) -> Iterator[Split]:
    """Yield splits of the trials of each held-out subject, as indices into the full feature set."""
    held_out = features.select(split.test)
    inner = make_splits(
        held_out,
        "within-subject",
        folds=config.study.cotrain_folds,
        validation=config.study.validation,
        seed=config.study.split_seed,
    )
    for one in inner:
        parts = (split.test[rows] for rows in (one.train, one.validation, one.test))
        yield Split(one.name, "within-subject", *parts)


def fold_seed(task: FoldTask, phase: str, split: str) -> int:
    """Return the seed of one training run, different for each fold and phase.

    It is the same for all variants, so that they differ only by their settings.
    """
    return zlib.crc32(f"{task.seed}|{task.split.name}|{phase}|{split}".encode()) % 2**31


def _fit(
    features: FeatureSet,
    split: Split,
    settings: TrainSettings,
    task: FoldTask,
    phase: str,
    start: FitResult | None,
    history: list[dict[str, Any]],
) -> FitResult:
    seed = fold_seed(task, phase, split.name)
    train, valid = training_parts(features, split.train, split.validation, settings)
    result = fit(train, valid, settings, seed, start=start.model if start else None)
    if start is not None:
        result = replace(result, rest_calibration=start.rest_calibration)
    labels = {"fold": task.key, "phase": phase, "split": split.name}
    history.extend({**labels, **asdict(record)} for record in result.history)
    return result


def training_parts(
    features: FeatureSet,
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
    settings: TrainSettings,
) -> tuple[FeatureSet, FeatureSet | None]:
    """Return the training and the validation windows.

    A fit without gradient descent chooses nothing on validation data (`person_fit` has inner folds
    of its own), so it trains on both.
    """
    if settings.linear_only:
        return features.select(np.union1d(train, validation)), None
    return features.select(train), features.select(validation)


def _test_models(
    corpus: Corpus,
    features: FeatureSet,
    parts: list[tuple[Split, FitResult]],
    seed: int,
    centre: Literal["rest", "past"],
) -> PhaseResult:
    """Run each model on its test windows and on the music catalogue."""
    columns: dict[str, list[NDArray[Any]]] = {}
    attention, counts = 0.0, 0
    interpretability: dict[str, Any] = {}
    for number, (split, result) in enumerate(parts):
        test = features.select(split.test)
        prediction = predict(result.model, test, result.rest_calibration, centre)
        embedding, probability = _project_catalogue(result.model, corpus.catalogue)
        known = np.union1d(features.stimulus[split.train], features.stimulus[split.validation])
        one: dict[str, NDArray[Any]] = {
            "rows": split.test,
            "part": np.full(len(split.test), number, np.int64),
            "probability": expit(prediction.logits),
            "embedding": prediction.embedding,
            "music_embedding": embedding[None],
            "music_probability": probability[None],
            "seen": np.isin(corpus.catalogue.stimulus, known)[None],
        }
        for name, value in one.items():
            columns.setdefault(name, []).append(value)
        attention = attention + prediction.attention.sum(axis=0)
        counts += len(prediction.attention)
        if number == 0:  # the other models of the phase differ by a few trials only
            interpretability = {
                "deletion": deletion_test(result.model, test, prediction, seed),
                "domain": domain_separability(
                    result.model, test, prediction.embedding, corpus.catalogue, seed
                ),
            }
    joined = {name: np.concatenate(values) for name, values in columns.items()}
    mean_attention = np.asarray(attention / max(counts, 1), np.float32)
    return PhaseResult(**joined, attention=mean_attention, interpretability=interpretability)


def _project_catalogue(model: AffectModel, catalogue: MusicCatalogue) -> tuple[Floats, Floats]:
    import torch

    if not len(catalogue):
        return np.zeros((0, model.settings.space), np.float32), np.zeros((0, 2), np.float32)
    with torch.inference_mode():
        output = model.eval().project_music(torch.from_numpy(catalogue.embeddings))
        return output.embedding.numpy(), expit(output.logits.numpy())


def _weights(model: AffectModel) -> bytes:
    from safetensors.torch import save

    return save({k: v.detach().cpu().contiguous().clone() for k, v in model.state_dict().items()})


def to_npz(result: PhaseResult) -> bytes:
    """Serialise the arrays of a phase as ``.npz`` bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **result.arrays())
    return buffer.getvalue()


def from_npz(path: Path, interpretability: dict[str, Any]) -> PhaseResult:
    """Load a phase from a file with the output of `to_npz`."""
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return PhaseResult(**arrays, interpretability=interpretability)
