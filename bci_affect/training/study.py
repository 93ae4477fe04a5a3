"""A whole study: features, splits, folds wherever they run, baselines, metrics, a model for use."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bci_affect.datasets import Dataset, open_dataset
from bci_affect.errors import BciAffectError
from bci_affect.model import ENCODERS, AffectModel, ModelCard, save_model
from bci_affect.music import save_head
from bci_affect.storage import write_atomically
from bci_affect.training.baselines import baseline_names, run_baseline
from bci_affect.training.corpus import Corpus, load_corpus
from bci_affect.training.engines import run_all
from bci_affect.training.evaluation import evaluate
from bci_affect.training.fold import FoldTask, fold_seed, hide_targets, run_fold, shaped
from bci_affect.training.music_head import fit_music_head
from bci_affect.training.run_folder import MUSIC_HEAD, RunFolder
from bci_affect.training.splits import Split, make_splits
from bci_affect.training.study_settings import TARGETS, StudyConfig
from bci_affect.training.trainer import fit

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Study:
    """A study that is ready to run: everything that can be refused has been refused."""

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
    """Check everything and make the features; no encoder is trained.

    Parameters
    ----------
    config : StudyConfig
        What to do.
    data : Path
        The data set's folder.
    out : Path
        The run's folder: new, or of the same study.
    cache : Path, optional
        Folder of cached features.
    n_jobs : int
        Processes that make features.
    progress : callable, optional
        Called with what was done, how many are, and how many there are.

    Raises
    ------
    BciAffectError
        For missing or damaged data, too few people for the protocol, an unknown encoder, or a
        folder that holds something else.
    """
    for variant in config.variant_names:
        encoder = config.training(variant).model.encoder
        if encoder not in ENCODERS:
            raise BciAffectError(
                f"There is no encoder '{encoder}'; there are {', '.join(sorted(ENCODERS))}."
            )
    dataset = open_dataset(config.dataset.name, data, config.dataset.subjects)
    folder = RunFolder(out)
    folder.prepare(config, _data_key(dataset), str(data.resolve()))
    if (head := fit_music_head(dataset)) is not None:
        save_head(head, folder.path / MUSIC_HEAD)
    corpus = load_corpus(
        dataset, config.signal, config.features, cache=cache, n_jobs=n_jobs, progress=progress
    )
    splits = tuple(study_splits(corpus, config))
    _check_labels(corpus, config)
    return Study(config, corpus, splits, study_tasks(config, splits), folder, dataset.simulated)


def study_splits(corpus: Corpus, config: StudyConfig) -> list[Split]:
    """Return the study's splits; the same for all variants and seeds."""
    study = config.study
    return make_splits(
        corpus.features,
        study.protocol,
        folds=study.folds,
        validation=study.validation,
        seed=study.split_seed,
    )


def study_tasks(config: StudyConfig, splits: tuple[Split, ...]) -> tuple[FoldTask, ...]:
    """Return every fold that a study runs, in order."""
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
    """Run what has not been run yet, and return the metrics.

    A study that was stopped, by whatever, goes on where it stood when it is run again: folds are
    kept as they are done. The metrics do not depend on the number of processes or the machine.

    Parameters
    ----------
    study : Study
        From `prepare`.
    n_jobs : int
        Processes, one fold each.
    cluster : str, optional
        Runs on Ray, see `engines.run_all`.
    folds_per_gpu : int
        Folds that share a GPU of a cluster that has any.
    progress : callable, optional
        Called with a fold's name, how many are done, and how many there are.
    """
    missing = [task for task in study.tasks if not study.folder.has_fold(task.key)]
    done = len(study.tasks) - len(missing)
    if done:
        log.info("%d of %d folds are done already", done, len(study.tasks))
    work = run_all(
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
            progress(result.key, done, len(study.tasks))
    study.folder.join_histories([task.key for task in study.tasks])
    if study.config.study.baselines:
        _write_baselines(study)
    metrics = evaluate(study.folder, study.config, study.corpus, study.tasks)
    study.folder.write_json("metrics.json", metrics)
    if study.config.study.final_model:
        write_final_model(study, metrics)
    return study.folder.metrics


def evaluate_again(
    run: Path,
    data: Path | None = None,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compute a finished study's metrics again from its predictions, and write them.

    Parameters
    ----------
    run : Path
        The study's folder.
    data : Path, optional
        The data set, if it has moved.
    cache, progress
        As for `prepare`.

    Raises
    ------
    BciAffectError
        If the folder is no study, folds are missing, or the data are not those of the study.
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
    """Return a finished study with its data; see `evaluate_again`."""
    folder = RunFolder(run)
    config = folder.config()
    root = data if data is not None else Path(folder.study["data_root"])
    study = prepare_study(config, root, run, cache=cache, progress=progress)
    missing = [task.key for task in study.tasks if not folder.has_fold(task.key)]
    if missing:
        raise BciAffectError(
            f"{run}: {len(missing)} folds have not been run, {missing[0]} first; go on with "
            "'bci-affect train'."
        )
    return study


def write_final_model(study: Study, metrics: dict[str, Any]) -> Path:
    """Train the first variant on everybody and write it with its card; kept if it is there.

    The validation part of the first split says when to stop. The model is never evaluated: its
    card quotes the study's held-out metrics, of models trained on fewer people.
    """
    path = study.folder.path / "model.safetensors"
    if path.is_file():
        return path
    config, corpus = study.config, study.corpus
    variant = config.variant_names[0]
    features = hide_targets(corpus.features, config)
    first = study.splits[0]
    held = first.validation
    rest = np.setdiff1d(np.arange(len(features)), held)
    seed = fold_seed(FoldTask(variant, config.study.seeds[0], first), "final", "everybody")
    settings = shaped(config.training(variant), corpus)
    found = fit(features.select(rest), features.select(held), settings, seed)
    save_model(path, found.model, _card(study, variant, found.model, metrics))
    return path


def _card(study: Study, variant: str, model: AffectModel, metrics: dict[str, Any]) -> ModelCard:
    config, corpus = study.config, study.corpus
    window = config.signal.window
    who = "simulated people" if study.simulated else f"people of {config.dataset.name}"
    n_trials = len(np.unique(corpus.features.trial))
    return ModelCard(
        name=variant,
        summary=(
            f"Trained on {len(corpus.subjects)} {who}, {n_trials} trials; "
            f"held-out figures are of protocol {config.study.protocol}."
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


def _write_baselines(study: Study) -> None:
    """Run every baseline on every split, unless that has been done."""
    path = study.folder.path / "baselines.npz"
    if path.is_file():
        return
    features = hide_targets(study.corpus.features, study.config)
    said: dict[str, np.ndarray] = {}
    for name in baseline_names(study.corpus):
        whole = np.full((len(features), 2), np.nan, np.float32)
        for split in study.splits:
            whole[split.test] = run_baseline(name, study.corpus, features, split)
        said[name] = whole
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **said)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())


def _data_key(dataset: Dataset) -> str:
    parts = [f"{name}:{dataset.content_key(name)}" for name in dataset.subjects]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


def _check_labels(corpus: Corpus, config: StudyConfig) -> None:
    """Refuse data in which a target is never rated, or always alike."""
    for number, target in enumerate(TARGETS):
        if target not in config.study.targets:
            continue
        labels = corpus.features.labels[:, number]
        known = np.unique(labels[np.isfinite(labels)])
        if len(known) < 2:
            what = "nobody rated" if not len(known) else "everybody rated alike"
            raise BciAffectError(
                f"{what.capitalize()} {target}; set study.targets to what was rated, or another "
                "features.threshold."
            )
