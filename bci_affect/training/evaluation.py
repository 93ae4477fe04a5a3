"""From predictions on held-out windows to the numbers of a study.

The unit is the person: every measure is computed for each person from that person's held-out
trials, and what is reported is the mean over people with a bootstrap interval over people. Seeds
are averaged within a person before that. Where people have a single class of labels, or none, they
have no value and are not counted (``n`` says how many were).
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
from bci_affect.training.insight import within_track_share
from bci_affect.training.metrics import balanced_accuracy, classification, per_trial
from bci_affect.training.retrieval import chance, cosine, retrieval, track_scores
from bci_affect.training.run_folder import RunFolder
from bci_affect.training.stats import bootstrap_mean, paired, permutation_p
from bci_affect.training.study_settings import TARGETS, StudyConfig

Table = dict[str, dict[int, float]]
"""Measure to person to value."""

MEASURES = ("balanced_accuracy", "accuracy", "f1", "auc", "ece", "brier", "majority")


def evaluate(
    folder: RunFolder, config: StudyConfig, corpus: Corpus, tasks: Sequence[FoldTask]
) -> dict[str, Any]:
    """Compute all metrics of a study from its folds.

    Returns
    -------
    dict
        ``results[variant][phase]`` and ``baselines[name]`` hold ``valence`` and ``arousal``, each
        by unit (``trial``, ``window``), and models also ``retrieval`` and ``insight``;
        ``comparisons`` holds paired differences; ``people`` the values per person.
    """
    tables: dict[str, Table] = {}
    results: dict[str, Any] = {}
    for variant in config.variant_names:
        per_phase: dict[str, list[Table]] = {}
        extra: dict[str, list[dict[str, Any]]] = {}
        for seed in config.study.seeds:
            mine = [task for task in tasks if (task.variant, task.seed) == (variant, seed)]
            folds = [folder.read_fold(task.key) for task in mine]
            for phase in folds[0]:
                found = [fold[phase] for fold in folds]
                per_phase.setdefault(phase, []).append(_model_table(corpus, config, found))
                extra.setdefault(phase, []).append(_insight(corpus, found))
        results[variant] = {}
        for phase, seeds in per_phase.items():
            table = _mean_of_seeds(seeds)
            tables[f"{variant}/{phase}"] = table
            results[variant][phase] = {
                **_summarise(table),
                "p": _p_values(folder, config, corpus, tasks, variant, phase),
                "insight": _mean_of_numbers(extra[phase]),
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
                measure: {corpus.subjects[who]: value for who, value in people.items()}
                for measure, people in table.items()
                if measure.endswith(("trial/balanced_accuracy", "trial/auc")) or "MRR" in measure
            }
            for name, table in tables.items()
        },
    }


def classify_people(
    features: FeatureSet,
    rows: NDArray[np.int64],
    probability: NDArray[np.floating],
    targets: Iterable[str],
) -> Table:
    """Return every classification measure for every person, by target and unit.

    Parameters
    ----------
    features : FeatureSet
        The whole set.
    rows : ndarray of int64, shape (n,)
        Test windows.
    probability : ndarray, shape (n, 2)
        What was said of them.
    """
    table: Table = {}
    people = features.subject[rows]
    for who in np.unique(people):
        mine = people == who
        labels = features.labels[rows[mine]]
        trials = features.trial[rows[mine]]
        for target in targets:
            column = TARGETS.index(target)
            said = probability[mine, column]
            _, by_trial = per_trial(np.stack([labels[:, column], said], axis=1), trials)
            for unit, (y, p) in {
                "trial": (by_trial[:, 0], by_trial[:, 1]),
                "window": (labels[:, column], said),
            }.items():
                measures = classification(y, p).as_dict()
                for name in MEASURES:
                    table.setdefault(f"{target}/{unit}/{name}", {})[int(who)] = measures[name]
    return table


def retrieve_people(
    corpus: Corpus, results: Sequence[PhaseResult], targets: Iterable[str]
) -> Table:
    """Return retrieval measures for every person, queries being trials and windows.

    Tracks are ranked by the mean of their three rows that are most similar to the query. Stimulus:
    the track that was heard is right. Emotion: all tracks are right whose own label is what the
    person rated. ``all`` ranks every track, ``unseen`` only those that the model was not trained
    on (queries being what was heard then). Each measure comes with its exact chance.
    """
    table: Table = {}
    if not len(corpus.catalogue):
        return table
    features = corpus.features
    sums: dict[str, dict[int, list[dict[str, float]]]] = {}
    for result in results:
        for part in np.unique(result.part):
            here = result.part == part
            for who in np.unique(features.subject[result.rows[here]]):
                mine = here & (features.subject[result.rows] == who)
                found = _retrieve(corpus, result, int(part), mine, targets)
                for name, values in found.items():
                    sums.setdefault(name, {}).setdefault(int(who), []).append(values)
    for name, people in sums.items():
        for who, parts in people.items():
            # A person's parts weigh by their queries; the catalogue is the same for all of them.
            weights = np.array([values["n"] for values in parts])
            for measure in parts[0]:
                if measure != "n":
                    value = np.average([v[measure] for v in parts], weights=weights)
                    table.setdefault(f"{name}/{measure}", {})[who] = float(value)
    return table


def _retrieve(
    corpus: Corpus,
    result: PhaseResult,
    part: int,
    mine: NDArray[np.bool_],
    targets: Iterable[str],
) -> dict[str, dict[str, float]]:
    features, catalogue = corpus.features, corpus.catalogue
    rows = result.rows[mine]
    by_trial = per_trial(result.embedding[mine], features.trial[rows])
    first = np.array([rows[features.trial[rows] == trial][0] for trial in by_trial[0]])
    found: dict[str, dict[str, float]] = {}
    for unit, query, of in (
        ("trial", by_trial[1], first),
        ("window", result.embedding[mine], rows),
    ):
        scores = cosine(query, result.music_embedding[part])  # (n_queries, n_rows)
        for which in ("all", "unseen"):
            among = ~result.seen[part] if which == "unseen" else np.ones(len(catalogue), np.bool_)
            tracks = np.unique(catalogue.stimulus[among])
            if len(tracks) < 2:
                continue
            ranked = track_scores(scores[:, among], catalogue.stimulus[among])
            heard = features.stimulus[of][:, None] == tracks[None]
            asked: dict[str, NDArray[np.bool_]] = {"stimulus": heard}
            for target in targets:
                column = TARGETS.index(target)
                label = np.array(
                    [catalogue.labels[catalogue.stimulus == track][0, column] for track in tracks]
                )
                asked[f"emotion-{target}"] = features.labels[of, column][:, None] == label[None]
            for what, relevant in asked.items():
                queries = heard.any(axis=1) if which == "unseen" else np.ones(len(of), np.bool_)
                if relevant[queries].any():
                    measures = _measures(ranked[queries], relevant[queries])
                    found[f"retrieval/{what}/{which}/{unit}"] = measures
    return found


def _measures(ranked: NDArray[np.float64], relevant: NDArray[np.bool_]) -> dict[str, float]:
    one = retrieval(ranked, relevant)
    values = {f"P@{k}": value for k, value in one.precision_at_k.items()}
    values["mAP"] = one.mean_average_precision
    values["MRR"] = one.mean_reciprocal_rank
    values["median_rank"] = one.median_rank
    lucky = chance(relevant[relevant.any(axis=1)])
    values.update({f"chance {key.replace('p@', 'P@')}": value for key, value in lucky.items()})
    values["n"] = float(one.n_queries)
    return values


def _model_table(corpus: Corpus, config: StudyConfig, results: list[PhaseResult]) -> Table:
    rows = np.concatenate([result.rows for result in results])
    probability = np.concatenate([result.probability for result in results])
    table = classify_people(corpus.features, rows, probability, config.study.targets)
    table.update(retrieve_people(corpus, results, config.study.targets))
    return table


def _baseline_tables(folder: RunFolder, config: StudyConfig, corpus: Corpus) -> dict[str, Table]:
    path = folder.path / "baselines.npz"
    if not path.is_file():
        return {}
    tables = {}
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        for name in file.files:
            said = file[name]
            rows = np.flatnonzero(np.isfinite(said).any(axis=1))
            tables[name] = classify_people(corpus.features, rows, said[rows], config.study.targets)
    return tables


def _insight(corpus: Corpus, results: list[PhaseResult]) -> dict[str, Any]:
    shares = [
        within_track_share(result.embedding, corpus.features.trial[result.rows])
        for result in results
    ]
    found: dict[str, Any] = {"eeg_within_track_share": float(np.nanmean(shares))}
    if len(corpus.catalogue):
        music = [
            within_track_share(r.music_embedding[0], corpus.catalogue.stimulus) for r in results
        ]
        found["music_within_track_share"] = float(np.nanmean(music))
    for group in ("deletion", "domain"):
        names = results[0].insight.get(group, {})
        found[group] = {
            name: _nanmean([result.insight[group][name] for result in results]) for name in names
        }
    return found


def _p_values(
    folder: RunFolder,
    config: StudyConfig,
    corpus: Corpus,
    tasks: Sequence[FoldTask],
    variant: str,
    phase: str,
) -> dict[str, float]:
    """One-sided p of trial-level balanced accuracy (mean over people), labels exchanged in people.

    Seeds' probabilities are averaged first.
    """
    total = np.zeros((len(corpus.features), 2))
    count = np.zeros(len(corpus.features))
    for task in tasks:
        if task.variant == variant:
            found = folder.read_fold(task.key)[phase]
            total[found.rows] += found.probability
            count[found.rows] += 1
    tested = np.flatnonzero(count)
    if not len(tested):
        return {}
    said = total[tested] / count[tested][:, None]
    features = corpus.features
    trials = features.trial[tested]
    _, who = per_trial(features.subject[tested], trials)
    result: dict[str, float] = {}
    for target in config.study.targets:
        column = TARGETS.index(target)
        _, pair = per_trial(
            np.stack([features.labels[tested, column], said[:, column]], axis=1), trials
        )

        rated = np.isfinite(pair).all(axis=1)
        members = [np.flatnonzero(who[rated] == person) for person in np.unique(who[rated])]
        result[target] = permutation_p(
            pair[rated, 0],
            pair[rated, 1],
            partial(_mean_balanced_accuracy, members),
            groups=who[rated],
            n_permutations=config.study.permutations,
            seed=config.study.split_seed,
        )
    return result


def _mean_balanced_accuracy(
    members: list[NDArray[np.int64]], labels: NDArray[np.float64], said: NDArray[np.float64]
) -> float:
    """Mean over people, whose rows are given."""
    return _nanmean([balanced_accuracy(labels[rows], said[rows]) for rows in members])


def _comparisons(tables: Mapping[str, Table], config: StudyConfig) -> list[dict[str, Any]]:
    """Compare every variant with the first one and with the linear baseline, person by person."""
    names = [name for name in tables if not name.startswith("baseline/")]
    pairs = []
    for phase in ("pretrain", "cotrain"):
        mine = [name for name in names if name.endswith(f"/{phase}")]
        pairs += [(mine[0], other) for other in mine[1:]]
        pairs += [(name, "baseline/linear") for name in mine if "baseline/linear" in tables]
    measures = [
        f"{t}/trial/{m}" for t in config.study.targets for m in ("balanced_accuracy", "auc")
    ]
    measures += [f"retrieval/stimulus/{which}/trial/MRR" for which in ("all", "unseen")]
    found = []
    for first, second in pairs:
        for measure in measures:
            a, b = tables[first].get(measure), tables[second].get(measure)
            if a is None or b is None:
                continue
            people = sorted(a.keys() & b.keys())
            result = paired([a[who] for who in people], [b[who] for who in people])
            found.append({"first": first, "second": second, "measure": measure, **result.as_dict()})
    return found


def _summarise(table: Table) -> dict[str, Any]:
    """Turn "a/b/c" into nested dictionaries of intervals."""
    nested: dict[str, Any] = {}
    for name, people in table.items():
        *path, last = name.split("/")
        place = nested
        for step in path:
            place = place.setdefault(step, {})
        place[last] = bootstrap_mean(list(people.values())).as_dict()
    return nested


def _mean_of_seeds(seeds: list[Table]) -> Table:
    return {
        name: {who: _nanmean([one[name][who] for one in seeds]) for who in people}
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
