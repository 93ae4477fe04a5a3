"""Study: features, splits, folds, baselines, metrics and final model."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bci_affect.datasets import open_dataset
from bci_affect.errors import BciAffectError
from bci_affect.model import AffectModel, ModelCard, find_encoder, save_model
from bci_affect.music import save_emotion_head
from bci_affect.storage import write_atomically
from bci_affect.training.baselines import baseline_names, run_baseline
from bci_affect.training.corpus import Corpus, load_corpus
from bci_affect.training.evaluation import evaluate
from bci_affect.training.executors import run_tasks
from bci_affect.training.figure_data import collect_figure_data, write_figure_data
from bci_affect.training.fold import (
    FoldTask,
    fit_to_data,
    fold_seed,
    hide_targets,
    run_fold,
    training_parts,
)
from bci_affect.training.music_head import fit_music_head
from bci_affect.training.run_folder import MUSIC_HEAD, RunFolder
from bci_affect.training.splits import Split, make_splits
from bci_affect.training.study_settings import TARGETS, StudyConfig
from bci_affect.training.trainer import fit

logger = logging.getLogger(__name__)

Progress = Callable[[str, str, int, int], None]
"""Called with a stage, the item that is done or in work, items done, and items in total."""


@dataclass(frozen=True)
class Study:
    """Study that is ready to run, with its settings and data validated."""

    config: StudyConfig
    corpus: Corpus
    splits: tuple[Split, ...]
    tasks: tuple[FoldTask, ...]
    folder: RunFolder
    simulated: bool


def prepare_study(
    config: StudyConfig,
    data: Path,
    out: Path,
    *,
    cache: Path | None = None,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Study:
    """Validate a study and extract its features, before any training.

    Parameters
    ----------
    config : StudyConfig
        Configuration of the study.
    data : Path
        Folder of the data set.
    out : Path
        Folder of the study: new, or of the same study.
    cache : Path, optional
        Folder of cached features.
    n_jobs : int
        Number of processes for feature extraction.
    progress : callable, optional
        Called with "Features", the subject's name, the number of subjects done, and the total.

    Raises
    ------
    BciAffectError
        For missing or damaged data, too few subjects for the split scheme, an unknown encoder, or a
        folder with other content.
    """
    for variant in config.variant_names:
        encoder = config.training(variant).model.encoder
        if find_encoder(encoder).needs_person and not config.signal.covariance:
            raise BciAffectError(
                f"The encoder '{encoder}' needs the covariance between electrodes; set "
                "signal.covariance = true."
            )
    dataset = open_dataset(config.dataset.name, data, config.dataset.subjects)
    folder = RunFolder(out)
    keys = {name: dataset.content_key(name) for name in dataset.subjects}
    folder.create_or_resume(config, _data_key(keys), str(data.resolve()))
    if (head := fit_music_head(dataset)) is not None:
        save_emotion_head(head, folder.path / MUSIC_HEAD)
    corpus = load_corpus(
        dataset,
        config.signal,
        config.features,
        cache=cache,
        keys=keys,
        n_jobs=n_jobs,
        progress=progress,
    )
    splits = tuple(study_splits(corpus, config))
    _check_labels(corpus, config)
    return Study(config, corpus, splits, study_tasks(config, splits), folder, dataset.simulated)


def study_splits(corpus: Corpus, config: StudyConfig) -> list[Split]:
    """Return the splits of a study, the same for all variants and seeds."""
    study = config.study
    return make_splits(
        corpus.features,
        study.protocol,
        folds=study.folds,
        validation=study.validation,
        seed=study.split_seed,
    )


def study_tasks(config: StudyConfig, splits: tuple[Split, ...]) -> tuple[FoldTask, ...]:
    """Return all folds of a study in order."""
    return tuple(
        FoldTask(variant, seed, split)
        for variant in config.variant_names
        for seed in config.study.seeds
        for split in splits
    )


def run_study(
    study: Study,
    *,
    n_jobs: int = 1,
    cluster: str | None = None,
    folds_per_gpu: int = 4,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run all unfinished folds and return the metrics.

    An interrupted study resumes when run again, because every fold is written when it is finished.
    The metrics do not depend on the number of processes or on the machine.

    Parameters
    ----------
    study : Study
        Study from `prepare_study`.
    n_jobs : int
        Number of processes, one fold each.
    cluster : str, optional
        Run on Ray, see `executors.run_tasks`.
    folds_per_gpu : int
        Folds that share one GPU of the cluster.
    progress : callable, optional
        Called with the stage ("Folds", "Baselines", "Final model"), the item, the number of items
        done, and the total; for folds first before any is run.
    """
    missing = [task for task in study.tasks if not study.folder.has_fold(task.key)]
    done = len(study.tasks) - len(missing)
    if done:
        logger.info("%d of %d folds are already finished", done, len(study.tasks))
    if progress is not None:
        progress("Folds", "", done, len(study.tasks))
    work = run_tasks(
        run_fold,
        study.corpus,
        study.config,
        missing,
        n_jobs=n_jobs,
        cluster=cluster,
        tasks_per_gpu=folds_per_gpu,
    )
    for result in work:
        study.folder.write_fold(result)
        done += 1
        if progress is not None:
            progress("Folds", result.key, done, len(study.tasks))
    study.folder.join_histories([task.key for task in study.tasks])
    if study.config.study.baselines:
        _write_baselines(study, progress)
    metrics = evaluate(study.folder, study.config, study.corpus, study.tasks)
    write_figure_data(study.folder.path, collect_figure_data(study))
    study.folder.write_json("metrics.json", metrics)
    if study.config.study.final_model:
        if progress is not None:
            progress("Final model", "", 0, 1)
        write_final_model(study, metrics)
    return study.folder.metrics


def reevaluate(
    run: Path,
    data: Path | None = None,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Recompute the metrics of a finished study from its predictions, and write them.

    Parameters
    ----------
    run : Path
        Folder of the study.
    data : Path, optional
        Folder of the data set, if it has moved.
    cache, progress
        See `prepare_study`.

    Raises
    ------
    BciAffectError
        If the folder is not a study, folds are missing, or the data differ from those of the study.
    """
    study = open_study(run, data, cache=cache, progress=progress)
    metrics = evaluate(study.folder, study.config, study.corpus, study.tasks)
    study.folder.write_json("metrics.json", metrics)
    return study.folder.metrics


def open_study(
    run: Path,
    data: Path | None = None,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Study:
    """Open a finished study with its data; see `reevaluate`."""
    folder = RunFolder(run)
    config = folder.config()
    root = data if data is not None else Path(folder.study["data_root"])
    study = prepare_study(config, root, run, cache=cache, progress=progress)
    missing = [task.key for task in study.tasks if not folder.has_fold(task.key)]
    if missing:
        raise BciAffectError(
            f"{run}: {len(missing)} folds have not been run, {missing[0]} first; resume with "
            "'bci-affect train'."
        )
    return study


def write_final_model(study: Study, metrics: dict[str, Any]) -> Path:
    """Train the first variant on all subjects and write it with its card, unless it exists.

    The validation part of the first split is used for early stopping, if there is any. The model is
    not evaluated: its card states the held-out metrics of the study, of models trained on fewer
    subjects.
    """
    path = study.folder.path / "model.safetensors"
    if path.is_file():
        return path
    config, corpus = study.config, study.corpus
    variant = config.variant_names[0]
    features = hide_targets(corpus.features, config)
    first = study.splits[0]
    held_out = first.validation
    rest = np.setdiff1d(np.arange(len(features)), held_out)
    seed = fold_seed(FoldTask(variant, config.study.seeds[0], first), "final", "everybody")
    settings = fit_to_data(config.training(variant), corpus)
    result = fit(*training_parts(features, rest, held_out, settings), settings, seed)
    card = replace(
        _model_card(study, variant, result.model, metrics), rest_calibration=result.rest_calibration
    )
    save_model(path, result.model, card)
    return path


def _model_card(
    study: Study, variant: str, model: AffectModel, metrics: dict[str, Any]
) -> ModelCard:
    config, corpus = study.config, study.corpus
    window = config.signal.window
    people = "simulated people" if study.simulated else f"people of {config.dataset.name}"
    n_trials = len(np.unique(corpus.features.trial))
    return ModelCard(
        name=variant,
        summary=(
            f"Trained on {len(corpus.subjects)} {people}, {n_trials} trials; "
            f"held-out metrics are of protocol {config.study.protocol}."
        ),
        simulated=study.simulated,
        bands=dict(config.signal.bands),
        window_s=window.window_s,
        step_s=window.step_s,
        hop_s=window.hop_s,
        prior_mean=tuple(map(float, corpus.raw_mean.mean(axis=0))),
        prior_sd=tuple(map(float, corpus.raw_sd.mean(axis=0))),
        signal=config.signal.model_dump(mode="json"),
        channels=() if model.any_montage else corpus.channels[0],
        training={
            "dataset": config.dataset.name,
            "subjects": len(corpus.subjects),
            "trials": n_trials,
            "windows": len(corpus.features),
            "protocol": config.study.protocol,
            "settings": config.training(variant).model_dump(mode="json"),
        },
        metrics=metrics["results"][variant],
        git_revision=study.folder.study["git_revision"],
    )


def _write_baselines(study: Study, progress: Progress | None = None) -> None:
    """Run every baseline on every split and write the predictions, unless they exist."""
    path = study.folder.path / "baselines.npz"
    if path.is_file():
        return
    features = hide_targets(study.corpus.features, study.config)
    predictions: dict[str, np.ndarray] = {}
    names = baseline_names(study.corpus)
    for number, name in enumerate(names):
        if progress is not None:
            progress("Baselines", name, number, len(names))
        probability = np.full((len(features), 2), np.nan, np.float32)
        for split in study.splits:
            probability[split.test] = run_baseline(name, study.corpus, features, split)
        predictions[name] = probability
    if progress is not None:
        progress("Baselines", "", len(names), len(names))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **predictions)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())


def _data_key(keys: Mapping[str, str]) -> str:
    parts = [f"{name}:{key}" for name, key in keys.items()]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


def _check_labels(corpus: Corpus, config: StudyConfig) -> None:
    """Raise `BciAffectError` if a target has no ratings or only one class."""
    for number, target in enumerate(TARGETS):
        if target not in config.study.targets:
            continue
        labels = corpus.features.labels[:, number]
        known = np.unique(labels[np.isfinite(labels)])
        if len(known) < 2:
            problem = "no ratings" if not len(known) else "ratings of only one class"
            raise BciAffectError(
                f"The data set has {problem} of {target}; set study.targets to other targets, or "
                "change features.threshold."
            )
