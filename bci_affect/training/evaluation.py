"""Evaluation of a study from predictions on held-out windows.

Every measure is computed per person from the person's held-out trials and averaged over seeds; the
result is the mean over people with a bootstrap interval over people. People with labels of a single
class, or without labels, have no value and are left out (``n`` is the number of people included).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.training.corpus import Corpus
from bci_affect.training.features import FeatureSet
from bci_affect.training.fold import FoldTask, PhaseResult
from bci_affect.training.interpretability import within_track_variance
from bci_affect.training.metrics import calibration_error, classification, per_trial
from bci_affect.training.retrieval import (
    chance_level,
    cosine,
    retrieval_metrics,
    track_scores,
)
from bci_affect.training.run_folder import RunFolder
from bci_affect.training.stats import bootstrap_mean, compare_paired, permutation_p
from bci_affect.training.study_settings import TARGETS, StudyConfig

Table = dict[str, dict[int, float]]
"""Values by measure and person."""

MEASURES = ("balanced_accuracy", "accuracy", "f1", "auc", "ece", "brier", "majority")


def evaluate(
    folder: RunFolder, config: StudyConfig, corpus: Corpus, tasks: Sequence[FoldTask]
) -> dict[str, Any]:
    """Compute all metrics of a study from its folds.

    Returns
    -------
    dict
        ``results[variant][phase]`` and ``baselines[name]`` hold ``valence`` and ``arousal``, each
        by unit (``trial``, ``window``), for models also ``retrieval``, ``insight`` and
        ``modality_probe``: balanced accuracy of a linear classifier that separates EEG from music
        in the common space.
        ``comparisons`` holds paired differences, ``people`` the values per person.
    """
    tables: dict[str, Table] = {}
    results: dict[str, Any] = {}
    for variant in config.variant_names:
        per_phase: dict[str, list[Table]] = {}
        extra: dict[str, list[dict[str, Any]]] = {}
        folds_of: dict[str, list[list[PhaseResult]]] = {}
        for seed in config.study.seeds:
            own = [task for task in tasks if (task.variant, task.seed) == (variant, seed)]
            folds = [folder.read_fold(task.key) for task in own]
            for phase in folds[0]:
                phases_of_folds = [fold[phase] for fold in folds]
                table = _model_table(corpus, config, phases_of_folds)
                per_phase.setdefault(phase, []).append(table)
                extra.setdefault(phase, []).append(_interpretability(corpus, phases_of_folds))
                folds_of.setdefault(phase, []).append(phases_of_folds)
        results[variant] = {}
        for phase, seeds in per_phase.items():
            table = _mean_of_seeds(seeds)
            tables[f"{variant}/{phase}"] = table
            results[variant][phase] = {
                **_summarise(table),
                "p": _p_values(folder, config, corpus, tasks, variant, phase),
                "pooled_ece": _pooled_calibration_errors(
                    folder, config, corpus, tasks, variant, phase
                ),
                "insight": _mean_of_numbers(extra[phase]),
                "modality_probe": _modality_probe(folds_of[phase]),
                "seeds": {
                    f"{target}/trial/balanced_accuracy": [
                        bootstrap_mean(list(one[f"{target}/trial/balanced_accuracy"].values())).mean
                        for one in seeds
                    ]
                    for target in config.study.targets
                },
            }
    baselines = _baseline_tables(folder, config, corpus)
    tables.update({f"baseline/{name}": table for name, table in baselines.items()})
    return {
        "format": 1,
        "protocol": config.study.protocol,
        "counts": _counts(corpus, config),
        "chance": {"balanced_accuracy": 0.5, "auc": 0.5},
        "results": results,
        "baselines": {name: _summarise(table) for name, table in baselines.items()},
        "comparisons": _comparisons(tables, config),
        "people": {
            name: {
                measure: {corpus.subjects[person]: value for person, value in people.items()}
                for measure, people in table.items()
                if measure.endswith(("trial/balanced_accuracy", "trial/auc")) or "MRR" in measure
            }
            for name, table in tables.items()
        },
    }


def classification_by_person(
    features: FeatureSet,
    rows: NDArray[np.int64],
    probability: NDArray[np.floating],
    targets: Iterable[str],
) -> Table:
    """Return the classification measures of every person, by target and unit.

    Parameters
    ----------
    features : FeatureSet
        Complete feature set.
    rows : ndarray of int64, shape (n,)
        Indices of the test windows.
    probability : ndarray, shape (n, 2)
        Predicted probability of high valence and arousal.
    targets : iterable of str
        Targets to evaluate.
    """
    table: Table = {}
    people = features.subject[rows]
    for person in np.unique(people):
        own = people == person
        labels = features.labels[rows[own]]
        trials = features.trial[rows[own]]
        for target in targets:
            column = TARGETS.index(target)
            predicted = probability[own, column]
            _, by_trial = per_trial(np.stack([labels[:, column], predicted], axis=1), trials)
            for unit, (y, p) in {
                "trial": (by_trial[:, 0], by_trial[:, 1]),
                "window": (labels[:, column], predicted),
            }.items():
                measures = classification(y, p).as_dict()
                for name in MEASURES:
                    table.setdefault(f"{target}/{unit}/{name}", {})[int(person)] = measures[name]
    return table


def retrieval_by_person(
    corpus: Corpus, results: Sequence[PhaseResult], targets: Iterable[str]
) -> Table:
    """Return the retrieval metrics of every person, with trials and windows as queries.

    Tracks are ranked by the mean similarity of their three embeddings most similar to the query.
    For stimulus retrieval the track played is relevant; for emotion retrieval all tracks whose
    label equals the person's rating. ``all`` ranks every track, ``unseen`` only tracks that the
    model was not trained on (with the trials of these tracks as queries). Each metric comes with
    its exact chance level.
    """
    table: Table = {}
    if not len(corpus.catalogue):
        return table
    features = corpus.features
    sums: dict[str, dict[int, list[dict[str, float]]]] = {}
    for result in results:
        for part in np.unique(result.part):
            in_part = result.part == part
            for person in np.unique(features.subject[result.rows[in_part]]):
                own = in_part & (features.subject[result.rows] == person)
                metrics = _retrieve(corpus, result, int(part), own, targets)
                for name, values in metrics.items():
                    sums.setdefault(name, {}).setdefault(int(person), []).append(values)
    for name, people in sums.items():
        for person, parts in people.items():
            # Parts are weighted by their number of queries; all use the same catalogue.
            weights = np.array([values["n"] for values in parts])
            for measure in parts[0]:
                if measure != "n":
                    value = np.average([v[measure] for v in parts], weights=weights)
                    table.setdefault(f"{name}/{measure}", {})[person] = float(value)
    return table


def _retrieve(
    corpus: Corpus,
    result: PhaseResult,
    part: int,
    own: NDArray[np.bool_],
    targets: Iterable[str],
) -> dict[str, dict[str, float]]:
    features, catalogue = corpus.features, corpus.catalogue
    rows = result.rows[own]
    by_trial = per_trial(result.embedding[own], features.trial[rows])
    first = np.array([rows[features.trial[rows] == trial][0] for trial in by_trial[0]])
    metrics: dict[str, dict[str, float]] = {}
    for unit, query, query_rows in (
        ("trial", by_trial[1], first),
        ("window", result.embedding[own], rows),
    ):
        scores = cosine(query, result.music_embedding[part])  # (n_queries, n_items)
        for subset in ("all", "unseen"):
            items = ~result.seen[part] if subset == "unseen" else np.ones(len(catalogue), np.bool_)
            tracks = np.unique(catalogue.stimulus[items])
            if len(tracks) < 2:
                continue
            ranked = track_scores(scores[:, items], catalogue.stimulus[items])
            played = features.stimulus[query_rows][:, None] == tracks[None]
            relevance: dict[str, NDArray[np.bool_]] = {"stimulus": played}
            for target in targets:
                column = TARGETS.index(target)
                label = np.array(
                    [catalogue.labels[catalogue.stimulus == track][0, column] for track in tracks]
                )
                rated = features.labels[query_rows, column]
                relevance[f"emotion-{target}"] = rated[:, None] == label[None]
            queries = np.ones(len(query_rows), np.bool_)
            if subset == "unseen":
                queries = played.any(axis=1)
            for criterion, relevant in relevance.items():
                if relevant[queries].any():
                    values = _flat_metrics(ranked[queries], relevant[queries])
                    metrics[f"retrieval/{criterion}/{subset}/{unit}"] = values
    return metrics


def _flat_metrics(ranked: NDArray[np.float64], relevant: NDArray[np.bool_]) -> dict[str, float]:
    """Return the retrieval metrics with their chance levels by name."""
    result = retrieval_metrics(ranked, relevant)
    values = {f"P@{k}": value for k, value in result.precision_at_k.items()}
    values["mAP"] = result.mean_average_precision
    values["MRR"] = result.mean_reciprocal_rank
    values["median_rank"] = result.median_rank
    expected = chance_level(relevant[relevant.any(axis=1)])
    values.update({f"chance {key.replace('p@', 'P@')}": value for key, value in expected.items()})
    values["n"] = float(result.n_queries)
    return values


def _model_table(corpus: Corpus, config: StudyConfig, results: list[PhaseResult]) -> Table:
    rows = np.concatenate([result.rows for result in results])
    probability = np.concatenate([result.probability for result in results])
    table = classification_by_person(corpus.features, rows, probability, config.study.targets)
    table.update(retrieval_by_person(corpus, results, config.study.targets))
    return table


def _baseline_tables(folder: RunFolder, config: StudyConfig, corpus: Corpus) -> dict[str, Table]:
    path = folder.path / "baselines.npz"
    if not path.is_file():
        return {}
    tables = {}
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        for name in file.files:
            probability = file[name]
            rows = np.flatnonzero(np.isfinite(probability).any(axis=1))
            tables[name] = classification_by_person(
                corpus.features, rows, probability[rows], config.study.targets
            )
    return tables


def _interpretability(corpus: Corpus, results: list[PhaseResult]) -> dict[str, Any]:
    shares = [
        within_track_variance(result.embedding, corpus.features.trial[result.rows])
        for result in results
    ]
    found: dict[str, Any] = {"eeg_within_track_share": float(np.nanmean(shares))}
    if len(corpus.catalogue):
        music = [
            within_track_variance(r.music_embedding[0], corpus.catalogue.stimulus) for r in results
        ]
        found["music_within_track_share"] = float(np.nanmean(music))
    for group in ("deletion", "domain"):
        names = results[0].interpretability.get(group, {})
        found[group] = {
            name: _nanmean([result.interpretability[group][name] for result in results])
            for name in names
        }
    return found


def _modality_probe(seeds: list[list[PhaseResult]]) -> dict[str, Any]:
    """Return the probe that separates EEG of held-out windows from music; 0.5 is an aligned space.

    The mean over folds, each with its own model, with the interval over folds; seeds are averaged.
    """
    by_fold = [
        [result.interpretability.get("domain", {}).get("after", np.nan) for result in folds]
        for folds in zip(*seeds, strict=True)
    ]
    return bootstrap_mean([_nanmean(values) for values in by_fold]).as_dict()


def _trials(
    folder: RunFolder,
    config: StudyConfig,
    corpus: Corpus,
    tasks: Sequence[FoldTask],
    variant: str,
    phase: str,
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
    """Return label, probability and person of every rated trial, by target.

    Probabilities are averaged over seeds, then over the windows of a trial.
    """
    total = np.zeros((len(corpus.features), 2))
    count = np.zeros(len(corpus.features))
    for task in tasks:
        if task.variant == variant:
            fold = folder.read_fold(task.key)[phase]
            total[fold.rows] += fold.probability
            count[fold.rows] += 1
    tested = np.flatnonzero(count)
    if not len(tested):
        return {}
    probability = total[tested] / count[tested][:, None]
    features = corpus.features
    trials = features.trial[tested]
    _, person_of = per_trial(features.subject[tested], trials)
    result: dict[str, tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]] = {}
    for target in config.study.targets:
        column = TARGETS.index(target)
        _, pair = per_trial(
            np.stack([features.labels[tested, column], probability[:, column]], axis=1), trials
        )
        rated = np.isfinite(pair).all(axis=1)
        result[target] = (pair[rated, 0], pair[rated, 1], person_of[rated])
    return result


def _pooled_calibration_errors(
    folder: RunFolder,
    config: StudyConfig,
    corpus: Corpus,
    tasks: Sequence[FoldTask],
    variant: str,
    phase: str,
) -> dict[str, float]:
    """Return the calibration error over the trials of all people together, by target.

    The mean over people, ``ece``, is biased upwards by their few trials.
    """
    trials = _trials(folder, config, corpus, tasks, variant, phase)
    return {
        target: calibration_error(labels, probability)
        for target, (labels, probability, _) in trials.items()
    }


def _p_values(
    folder: RunFolder,
    config: StudyConfig,
    corpus: Corpus,
    tasks: Sequence[FoldTask],
    variant: str,
    phase: str,
) -> dict[str, float]:
    """Return the one-sided p-value of the trial-level balanced accuracy, averaged over people.

    Labels are permuted within people; probabilities are averaged over seeds first.
    """
    result: dict[str, float] = {}
    trials = _trials(folder, config, corpus, tasks, variant, phase)
    for target, (labels, probability, people) in trials.items():
        result[target] = permutation_p(
            labels,
            probability,
            partial(mean_balanced_accuracy, np.unique(people, return_inverse=True)[1]),
            groups=people,
            n_permutations=config.study.permutations,
            seed=config.study.split_seed,
        )
    return result


def mean_balanced_accuracy(
    person: NDArray[np.int64], labels: NDArray[np.float64], probability: NDArray[np.float64]
) -> float:
    """Return the balanced accuracy averaged over people with both classes; NaN without any.

    Parameters
    ----------
    person : ndarray of int64, shape (n,)
        Number of the person, from 0.
    labels, probability : ndarray of float64, shape (n,)
        Without NaN.
    """
    high = labels > 0.5
    correct = (probability >= 0.5) == high
    shares = []
    for side in (high, ~high):
        with np.errstate(invalid="ignore"):
            shares.append(np.bincount(person, correct & side) / np.bincount(person, side))
    return _nanmean(list((shares[0] + shares[1]) / 2))


def _comparisons(tables: Mapping[str, Table], config: StudyConfig) -> list[dict[str, Any]]:
    """Compare every variant with the first one and with the linear baseline, paired by person."""
    names = [name for name in tables if not name.startswith("baseline/")]
    pairs = []
    for phase in ("pretrain", "cotrain"):
        of_phase = [name for name in names if name.endswith(f"/{phase}")]
        pairs += [(of_phase[0], other) for other in of_phase[1:]]
        pairs += [(name, "baseline/linear") for name in of_phase if "baseline/linear" in tables]
    measures = [
        f"{t}/trial/{m}" for t in config.study.targets for m in ("balanced_accuracy", "auc")
    ]
    measures += [f"retrieval/stimulus/{subset}/trial/MRR" for subset in ("all", "unseen")]
    comparisons = []
    for first, second in pairs:
        for measure in measures:
            a, b = tables[first].get(measure), tables[second].get(measure)
            if a is None or b is None:
                continue
            people = sorted(a.keys() & b.keys())
            result = compare_paired(
                [a[person] for person in people], [b[person] for person in people]
            )
            comparisons.append(
                {"first": first, "second": second, "measure": measure, **result.as_dict()}
            )
    return comparisons


def _summarise(table: Table) -> dict[str, Any]:
    """Return the intervals over people as nested dictionaries, measure "a/b/c" at [a][b][c]."""
    nested: dict[str, Any] = {}
    for name, people in table.items():
        *path, last = name.split("/")
        level = nested
        for step in path:
            level = level.setdefault(step, {})
        level[last] = bootstrap_mean(list(people.values())).as_dict()
    return nested


def _mean_of_seeds(seeds: list[Table]) -> Table:
    return {
        name: {person: _nanmean([one[name][person] for one in seeds]) for person in people}
        for name, people in seeds[0].items()
    }


def _mean_of_numbers(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        key: _mean_of_numbers([part[key] for part in parts])
        if isinstance(value, dict)
        else _nanmean([part[key] for part in parts])
        for key, value in parts[0].items()
    }


def _nanmean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _counts(corpus: Corpus, config: StudyConfig) -> dict[str, Any]:
    features = corpus.features
    trials, labels = per_trial(features.labels, features.trial)
    return {
        "people": len(corpus.subjects),
        "trials": len(trials),
        "windows": len(features),
        "tracks": len(np.unique(corpus.catalogue.stimulus)),
        "high_share": {
            target: _nanmean(list(labels[:, TARGETS.index(target)]))
            for target in config.study.targets
        },
    }
