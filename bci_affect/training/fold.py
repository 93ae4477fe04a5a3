"""One fold of a study: train, test, and hand back everything that is measured later.

A fold is a pure function of data, settings and seed: it writes nothing, so that it may run in this
process, in another, or on another machine, with the same result.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.model import ENCODERS, AffectModel
from bci_affect.storage import unique_name
from bci_affect.training.corpus import Corpus, MusicCatalogue
from bci_affect.training.features import FeatureSet
from bci_affect.training.insight import deletion_test, domain_separability
from bci_affect.training.settings import TrainSettings
from bci_affect.training.splits import Split, make_splits
from bci_affect.training.study_settings import TARGETS, StudyConfig
from bci_affect.training.trainer import FitResult, fit, predict

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FoldTask:
    """What a fold is: a variant, a seed, and a split."""

    variant: str
    seed: int
    split: Split

    @property
    def key(self) -> str:
        """Folder of the fold below the run's ``folds``."""
        return f"{unique_name(self.variant)}/seed-{self.seed}/{unique_name(self.split.name)}"


@dataclass(frozen=True)
class PhaseResult:
    """What one phase of a fold says of its test windows.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Test windows, as rows of the corpus.
    part : ndarray of int64, shape (n,)
        Which of the phase's models said it (co-training has several).
    probability : ndarray of float32, shape (n, 2)
        Of high valence and arousal.
    embedding : ndarray of float32, shape (n, space)
    music_embedding : ndarray of float32, shape (n_parts, n_catalogue, space)
    music_probability : ndarray of float32, shape (n_parts, n_catalogue, 2)
    seen : ndarray of bool, shape (n_parts, n_catalogue)
        Rows of the catalogue whose track was in training or validation.
    attention : ndarray of float32, shape (n_channels, n_steps)
        Mean over the test windows.
    insight : dict
        Deletion test and domain separability.
    """

    rows: NDArray[np.int64]
    part: NDArray[np.int64]
    probability: Floats
    embedding: Floats
    music_embedding: Floats
    music_probability: Floats
    seen: NDArray[np.bool_]
    attention: Floats
    insight: dict[str, Any] = field(default_factory=dict)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, for saving."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "insight"}


@dataclass(frozen=True)
class FoldResult:
    """Everything that a fold hands back.

    Attributes
    ----------
    key : str
        Of the task.
    phases : dict of str to PhaseResult
        ``pretrain`` and perhaps ``cotrain``.
    history : list of dict
        One entry for each epoch of each phase.
    weights : dict of str to bytes
        Each phase's last model as safetensors.
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
        Everybody's features.
    config : StudyConfig
        Of the study.
    task : FoldTask
        Which variant, seed and split.
    """
    history: list[dict[str, Any]] = []
    features = hide_targets(corpus.features, config)
    settings = shaped(config.training(task.variant, "pretrain"), corpus)
    first = _fit(features, task.split, settings, task, "pretrain", None, history)
    phases = {"pretrain": _test(corpus, features, [(task.split, first)], task.seed)}
    weights = {"pretrain": _weights(first.model)}
    if config.study.cotrain:
        settings = shaped(config.training(task.variant, "cotrain"), corpus)
        later = [
            (split, _fit(features, split, settings, task, "cotrain", first.model, history))
            for split in cotrain_splits(features, task.split, config)
        ]
        phases["cotrain"] = _test(corpus, features, later, task.seed)
        weights["cotrain"] = _weights(later[-1][1].model)
    return FoldResult(task.key, phases, history, weights)


def shaped(settings: TrainSettings, corpus: Corpus) -> TrainSettings:
    """Return the settings with the model's shape taken from the data.

    A configuration says what kind of model it is; steps, bands, width of the music features and,
    for encoders that are bound to a montage, electrodes follow from the features.
    """
    _, n_steps, n_channels, n_bands = corpus.features.bands.shape
    shape = {"n_steps": n_steps, "n_bands": n_bands}
    if corpus.features.music.shape[1]:
        shape["music_dim"] = corpus.features.music.shape[1]
    encoder = ENCODERS.get(settings.model.encoder)
    if encoder is not None and not encoder.any_montage:
        shape["n_channels"] = n_channels
    model = settings.model.model_copy(update=shape)
    return settings.model_copy(update={"model": model})


def hide_targets(features: FeatureSet, config: StudyConfig) -> FeatureSet:
    """Return the set with labels of targets that are not learned set to NaN."""
    hidden = [i for i, target in enumerate(TARGETS) if target not in config.study.targets]
    if not hidden:
        return features
    labels, music_labels = features.labels.copy(), features.music_labels.copy()
    labels[:, hidden] = music_labels[:, hidden] = np.nan
    return replace(features, labels=labels, music_labels=music_labels)


def cotrain_splits(features: FeatureSet, split: Split, config: StudyConfig) -> Iterator[Split]:
    """Yield splits of each held-out person's own trials, in rows of the whole set."""
    mine = features.select(split.test)
    inner = make_splits(
        mine,
        "within-subject",
        folds=config.study.cotrain_folds,
        validation=config.study.validation,
        seed=config.study.split_seed,
    )
    for one in inner:
        parts = (split.test[rows] for rows in (one.train, one.validation, one.test))
        yield Split(one.name, "within-subject", *parts)


def fold_seed(task: FoldTask, phase: str, split: str) -> int:
    """Return the seed of one training: other folds, phases and variants' seeds are unrelated.

    Variants share it, so that they differ by what they change and not by their start.
    """
    return zlib.crc32(f"{task.seed}|{task.split.name}|{phase}|{split}".encode()) % 2**31


def _fit(
    features: FeatureSet,
    split: Split,
    settings: TrainSettings,
    task: FoldTask,
    phase: str,
    start: AffectModel | None,
    history: list[dict[str, Any]],
) -> FitResult:
    seed = fold_seed(task, phase, split.name)
    train, valid = features.select(split.train), features.select(split.validation)
    found = fit(train, valid, settings, seed, start=start)
    where = {"fold": task.key, "phase": phase, "split": split.name}
    history.extend({**where, **asdict(record)} for record in found.history)
    return found


def _test(
    corpus: Corpus, features: FeatureSet, parts: list[tuple[Split, FitResult]], seed: int
) -> PhaseResult:
    """Apply each model to the windows that it has not seen."""
    columns: dict[str, list[NDArray[Any]]] = {}
    attention, counts = 0.0, 0
    insights = []
    for number, (split, found) in enumerate(parts):
        test = features.select(split.test)
        said = predict(found.model, test)
        embedding, probability = _place_music(found.model, corpus.catalogue)
        known = np.union1d(features.stimulus[split.train], features.stimulus[split.validation])
        one: dict[str, NDArray[Any]] = {
            "rows": split.test,
            "part": np.full(len(split.test), number, np.int64),
            "probability": _sigmoid(said.logits),
            "embedding": said.embedding,
            "music_embedding": embedding[None],
            "music_probability": probability[None],
            "seen": np.isin(corpus.catalogue.stimulus, known)[None],
        }
        for name, value in one.items():
            columns.setdefault(name, []).append(value)
        attention = attention + said.attention.sum(axis=0)
        counts += len(said.attention)
        if number == 0:  # one model stands for its siblings, which differ by a few trials
            insights.append(
                {
                    "deletion": deletion_test(found.model, test, said, seed),
                    "domain": domain_separability(found.model, test, corpus.catalogue, seed),
                }
            )
    joined = {name: np.concatenate(values) for name, values in columns.items()}
    mean_attention = np.asarray(attention / max(counts, 1), np.float32)
    return PhaseResult(**joined, attention=mean_attention, insight=insights[0])


def _place_music(model: AffectModel, catalogue: MusicCatalogue) -> tuple[Floats, Floats]:
    import torch

    if not len(catalogue):
        return np.zeros((0, model.settings.space), np.float32), np.zeros((0, 2), np.float32)
    with torch.inference_mode():
        placed = model.eval().project_music(torch.from_numpy(catalogue.rows))
        return placed.embedding.numpy(), _sigmoid(placed.logits.numpy())


def _sigmoid(logits: Floats) -> Floats:
    probability: Floats = (1.0 / (1.0 + np.exp(-logits.astype(np.float64)))).astype(np.float32)
    return probability


def _weights(model: AffectModel) -> bytes:
    from safetensors.torch import save

    return save({k: v.detach().cpu().contiguous().clone() for k, v in model.state_dict().items()})


def pack(result: PhaseResult) -> bytes:
    """Return a phase's arrays as the bytes of an ``.npz``."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **result.arrays())
    return buffer.getvalue()


def unpack(path: Path, insight: dict[str, Any]) -> PhaseResult:
    """Read what `pack` made."""
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        return PhaseResult(**{name: file[name] for name in file.files}, insight=insight)
