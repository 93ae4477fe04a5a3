"""Benchmark of people: every recorded data set under a folder, people held out.

The encoder is that of the preset ``people``, fitted by `trainer.fit` and read by `trainer.predict`.
The features of a recording are extracted once, with the covariance of every window and of rest in
channel space; electrodes, gains, sittings, references, bands and labels are changed afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bci_affect.datasets import Dataset, open_dataset
from bci_affect.errors import BciAffectError
from bci_affect.training.baselines import run_baseline
from bci_affect.training.corpus import Corpus, load_corpus
from bci_affect.training.features import FeatureSet
from bci_affect.training.fold import fit_to_data, hide_targets
from bci_affect.training.metrics import per_trial
from bci_affect.training.people import conditions, plain
from bci_affect.training.people.rows import (
    ABLATION,
    ALL,
    CENTRAL,
    CHECK,
    DRIFT,
    ENCODER,
    FAILING,
    MAJORITY,
    NO_DROPOUT,
    PERMUTED,
    PLACE,
    PLAIN,
    RIEMANN,
    SITTINGS,
    SITUATION,
    Row,
    TrialScores,
)  # fmt: skip
from bci_affect.training.person_fit import ElectrodeSets, draw_electrode_sets
from bci_affect.training.run_folder import git_revision
from bci_affect.training.settings import TrainSettings
from bci_affect.training.splits import Split, make_splits
from bci_affect.training.study_settings import TARGETS, StudyConfig, Target, load_study
from bci_affect.training.trainer import FitResult, fit, predict

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Progress = Callable[[str, str, int, int], None]

PRESET = "people"
CONTROLS = ("effort", "eyes")
"""Data sets that come first: physiology that is known to generalise to other people."""

FOLDS = 5
LEAST_PEOPLE = 4
"""People with both classes that a target needs."""

_LOW_BAND_HZ = (4.0, 20.0)


def find_sets(root: Path) -> dict[str, Path]:
    """Return the data sets under a folder: itself, or its folders with recordings.

    Parameters
    ----------
    root : Path
        Folder of one data set (with ``LABELS.toml``, or with folders ``sub-*`` or recordings) or of
        several. Folders ``effort`` and ``eyes`` come first.

    Raises
    ------
    BciAffectError
        If there is no recording.
    """
    if not root.is_dir():
        raise BciAffectError(f"{root} is no folder; give the folder of the recorded data sets.")
    alone = (root / "LABELS.toml").is_file() or any(root.glob("*.xdf")) or any(root.glob("sub-*"))
    folders = [root] if alone else [path for path in sorted(root.iterdir()) if path.is_dir()]
    found = {path.name or "data": path for path in folders if any(path.rglob("*.xdf"))}
    if not found:
        raise BciAffectError(
            f"{root} holds no recordings (*.xdf), nor do its folders; give the folder of the "
            "recorded data sets."
        )
    rank = {name: number for number, name in enumerate(CONTROLS)}
    return dict(sorted(found.items(), key=lambda one: (rank.get(one[0], len(rank)), one[0])))


def benchmark_people(
    root: Path,
    *,
    seeds: int = 2,
    quick: bool = False,
    config: StudyConfig | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Evaluate the encoder and plain methods on every recorded data set under a folder.

    Parameters
    ----------
    root : Path
        See `find_sets`.
    seeds : int
        Repetitions with other folds, electrode sets, failing electrodes, gains and orders.
    quick : bool
        One seed, three folds, and no ablations.
    config : StudyConfig, optional
        Subjects, signal and training; by default the preset ``people``. The targets are those with
        both classes.
    cache : Path, optional
        Folder of the features; by default in the user's folder.
    progress : callable, optional
        Called with the stage, the item, the number of items done, and the total.

    Returns
    -------
    dict
        ``format``, ``code`` (revision), ``preset``, ``seeds``, ``folds``, ``quick`` and ``sets``:
        one entry for each data set with ``name``, ``simulated``, ``people``, ``trials``,
        ``windows``, ``electrodes``, ``targets``, ``not_asked`` (reason by target) and ``rows``; or
        with ``name`` and ``skipped``, the reason. A row has ``target``, ``group``, ``name``,
        ``condition``, ``people``, ``trials``,
        ``balanced_accuracy`` and ``auc`` (``mean``, ``low``, ``high``, ``n``), ``auc_pooled``,
        ``p``, ``seeds`` (balanced accuracy of each seed), ``by_person``, and, for ablations,
        ``difference`` to the complete encoder.

    Raises
    ------
    BciAffectError
        If there is no recording, or no data set can be evaluated.
    """
    found = find_sets(root)
    preset = PRESET if config is None else ""
    config = load_study(PRESET) if config is None else config
    if quick:
        seeds = 1
    folds = 3 if quick else FOLDS
    done = 0
    sets = []
    for name, folder in found.items():
        steps = seeds * folds

        def one_fold(
            item: str, name: str = name, first: int = done, total: int = len(found) * steps
        ) -> None:
            nonlocal done
            done += 1
            if progress is not None:
                progress("Folds", f"{name}: {item}", done, total)

        try:
            with _quiet():
                sets.append(
                    _SetBenchmark(
                        name, folder, config, range(seeds), folds, quick, cache, progress, one_fold
                    ).run()
                )
        except BciAffectError as error:
            logger.warning("%s is not evaluated: %s", name, error)
            sets.append({"name": name, "skipped": str(error)})
        done = (list(found).index(name) + 1) * steps
    if all("skipped" in one for one in sets):
        raise BciAffectError(f"No data set under {root} can be evaluated: {sets[0]['skipped']}")
    return {
        "format": 1,
        "code": git_revision(),
        "preset": preset,
        "seeds": seeds,
        "folds": folds,
        "quick": quick,
        "chance": 0.5,
        "sets": sets,
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep one line for each skipped trial of each condition out of the terminal."""
    reader = logging.getLogger("bci_affect.datasets")
    level = reader.level
    reader.setLevel(logging.ERROR)
    try:
        yield
    finally:
        reader.setLevel(level)


@dataclass(frozen=True)
class _PlainInputs:
    """Vectors of the plain methods under one condition, by method and trial.

    `train_on` is the condition whose trials a method is fitted on.
    """

    vectors: dict[str, dict[int, Floats]]
    train_on: str


class _SetBenchmark:
    """Benchmark of one data set."""

    def __init__(
        self,
        name: str,
        folder: Path,
        config: StudyConfig,
        seeds: Sequence[int],
        folds: int,
        quick: bool,
        cache: Path | None,
        progress: Progress | None,
        one_fold: Callable[[str], None],
    ) -> None:
        self._name, self._seeds, self._quick = name, seeds, quick
        self._cache, self._progress, self._one_fold = cache, progress, one_fold
        self._dataset = open_dataset("recorded", folder, config.dataset.subjects)
        self._config = config
        self._corpus = self._load(self._dataset)
        self._folds = min(folds, len(self._corpus.subjects))
        self._targets, self._not_asked = self._find_targets()
        study = config.study.model_copy(update={"targets": self._targets})
        self._config = config.model_copy(update={"study": study})
        self._features = self._labelled(self._corpus)
        self._settings = fit_to_data(config.train, self._corpus)
        self._rows: dict[str, Row] = {}
        self._low = self._with_bands(self._features)
        self._own = self._corpus  # later with a sitting of its own for each state

    def run(self) -> dict[str, Any]:
        """Return the result of the data set."""
        for seed in self._seeds:
            self._run_seed(seed)
        corpus = self._corpus
        trials = len(np.unique(self._features.trial))
        return {
            "name": self._name,
            "simulated": self._dataset.simulated,
            "people": len(corpus.subjects),
            "trials": trials,
            "windows": len(self._features),
            "electrodes": max(len(names) for names in corpus.channels),
            "targets": list(self._targets),
            "not_asked": self._not_asked,
            "rows": [
                {"target": target}
                | row.summarise(TARGETS.index(target), self._rows, corpus.subjects)
                for target in self._targets
                for row in self._rows.values()
            ],
        }

    def _load(self, dataset: Dataset) -> Corpus:
        return load_corpus(
            dataset,
            self._config.signal,
            self._config.features,
            cache=self._cache,
            progress=self._progress,
        )

    def _labelled(self, corpus: Corpus) -> FeatureSet:
        return hide_targets(corpus.features, self._config)

    def _find_targets(self) -> tuple[tuple[Target, ...], dict[str, str]]:
        """Return the targets with both classes in enough people, and reasons against the others."""
        features = self._corpus.features
        asked: list[Target] = []
        reasons: dict[str, str] = {}
        for column, target in enumerate(TARGETS):
            _, label = per_trial(features.labels[:, column], features.trial)
            _, subject = per_trial(features.subject, features.trial)
            both = sum(
                len(np.unique(own[np.isfinite(own)])) == 2
                for own in (label[subject == one] for one in np.unique(subject))
            )
            if both >= max(LEAST_PEOPLE, len(self._corpus.subjects) / 2):
                asked.append(target)
            else:
                reasons[target] = (
                    f"{both} of {len(self._corpus.subjects)} people have high and low trials"
                )
        if not asked:
            raise BciAffectError(
                f"{self._name}: too few people have trials with high and with low ratings "
                f"({'; '.join(f'{name}: {why}' for name, why in reasons.items())})."
            )
        return tuple(asked), reasons

    # --- one seed ---------------------------------------------------------------------------

    def _run_seed(self, seed: int) -> None:
        tests = self._tests(seed)
        inputs = self._plain_inputs(tests)
        permuted = conditions.permute_labels(self._features, seed)
        splits = make_splits(self._features, "loso", folds=self._folds, validation=0.2, seed=seed)
        for number, split in enumerate(splits):
            self._plain(split, inputs, tests, seed)
            rows = np.concatenate([split.train, split.validation])
            train = self._features.select(np.sort(rows))
            people = np.unique(self._features.subject[split.test])
            sets = draw_electrode_sets(train, self._settings, 100 * seed + number)
            complete = self._fit(train, sets, self._settings, seed)
            for name, test in tests.items():
                self._predict(name, ENCODER, complete, test, people, seed)
            null = permuted.select(np.sort(rows))
            fitted = self._fit(null, sets.complete().with_labels(null), self._settings, seed)
            self._predict(PERMUTED, CHECK, fitted, permuted, people, seed)
            if seed == self._seeds[0] and not self._quick:
                self._ablate(train, sets, complete, tests, people, seed)
            self._one_fold(f"seed {seed}")

    def _tests(self, seed: int) -> dict[str, FeatureSet]:
        """Return the windows of every condition of the complete encoder."""
        features, corpus = self._features, self._corpus
        tests = {ALL: features}
        people = range(len(corpus.subjects))
        for name, chosen in self._headsets().items():
            tests[name] = conditions.with_electrodes(features, chosen)
        n_channels = features.mask.shape[1]
        if min(len(names) for names in corpus.channels) >= conditions.N_FAILING + 8:
            tests[FAILING] = conditions.with_electrodes(
                features,
                {i: conditions.failing_electrodes(corpus.subjects[i], n_channels, seed)
                 for i in people},
            )  # fmt: skip
        central = self._central()
        if central is not None:
            tests[CENTRAL] = conditions.with_electrodes(features, central)
        self._own = conditions.with_own_sittings(corpus, seed)
        tests[SITTINGS] = self._labelled(self._own)
        tests[DRIFT] = conditions.with_drifting_gain(corpus, features, conditions.DRIFT_DB, seed)
        return tests

    def _headsets(self) -> dict[str, dict[int, NDArray[np.bool_]]]:
        """Return the electrodes of each real headset that every person's montage contains."""
        found = {}
        for headset, cap in conditions.HEADSETS.items():
            chosen = {}
            for subject in range(len(self._corpus.subjects)):
                _, positions = conditions.electrodes_of(self._corpus, subject)
                electrodes = conditions.headset_electrodes(positions, cap)
                if electrodes is not None:
                    chosen[subject] = electrodes
            if len(chosen) == len(self._corpus.subjects):
                found[f"{chosen[0].sum()} electrodes ({headset})"] = chosen
        return found

    def _central(self) -> dict[int, NDArray[np.bool_]] | None:
        n_channels = self._features.mask.shape[1]
        chosen = {}
        for subject in range(len(self._corpus.subjects)):
            names, _ = conditions.electrodes_of(self._corpus, subject)
            electrodes = conditions.central_electrodes(names, n_channels)
            if electrodes is None:
                return None
            chosen[subject] = electrodes
        return chosen

    # --- encoder ----------------------------------------------------------------------------

    def _fit(
        self, train: FeatureSet, sets: ElectrodeSets, settings: TrainSettings, seed: int
    ) -> FitResult:
        return fit(train, None, settings, seed, sets=sets)

    def _predict(
        self,
        name: str,
        group: str,
        fitted: FitResult,
        features: FeatureSet,
        people: NDArray[np.int64],
        seed: int,
        *,
        calibrated: bool = True,
        compare_with: str | None = None,
    ) -> None:
        rows = np.flatnonzero(np.isin(features.subject, people))
        calibration = fitted.rest_calibration if calibrated else None
        logits = predict(fitted.model, features.select(rows), calibration).logits
        probability = expit(logits.astype(np.float64))
        condition = compare_with or (name if group == ENCODER else ALL)
        self._put(name, group, seed, features, rows, probability, condition, compare_with)

    def _put(
        self,
        name: str,
        group: str,
        seed: int,
        features: FeatureSet,
        rows: NDArray[np.int64],
        probability: Floats,
        condition: str = ALL,
        compare_with: str | None = None,
    ) -> None:
        """Add the probabilities, (n, 2), of held-out windows to a row of the table."""
        row = self._rows.setdefault(name, Row(name, group, condition, compare_with))
        row.seeds.setdefault(seed, []).append(TrialScores.from_windows(features, rows, probability))

    def _ablate(
        self,
        train: FeatureSet,
        sets: ElectrodeSets,
        complete: FitResult,
        tests: dict[str, FeatureSet],
        people: NDArray[np.int64],
        seed: int,
    ) -> None:
        """Fit and test the encoder without one of its parts."""
        settings = self._settings
        few = [name for name in tests if name.startswith(("4 ", "8 "))]

        def put(
            what: str, fitted: FitResult, at: Sequence[str], *, calibrated: bool = True
        ) -> None:
            for condition in at:
                name = what if condition == ALL else f"{what}, {condition}"
                self._predict(
                    name, ABLATION, fitted, tests[condition], people, seed,
                    calibrated=calibrated, compare_with=condition,
                )  # fmt: skip

        all_electrodes = sets.complete()
        put(NO_DROPOUT, self._fit(train, all_electrodes, settings, seed), [ALL, *few])
        if few:
            one = replace(complete, rest_calibration=complete.rest_calibration[-1:])
            put("without thresholds by size", one, few)
        put("without calibration to rest", complete, [ALL], calibrated=False)
        # Parts that matter at all electrodes are tested without random sets, which is ten times
        # faster; they are compared with the encoder without them.
        for what, change in (
            ("without covariance", {"person_blocks": ("power",)}),
            ("without power", {"person_blocks": ("covariance",)}),
            ("without paired fit", {"paired_fit": False}),
        ):
            fitted = self._fit(train, all_electrodes, settings.model_copy(update=change), seed)
            self._predict(
                what, ABLATION, fitted, self._features, people, seed, compare_with=NO_DROPOUT
            )
        alone = settings.model_copy(update={"electrode_sets": 1})
        start = conditions.with_start_as_rest(tests[SITTINGS])
        less = start.select(np.isin(start.subject, np.unique(train.subject)))
        fitted = self._fit(less, draw_electrode_sets(less, alone, seed), alone, seed)
        self._predict(
            f"without rest reference (first half minute instead), {SITTINGS}", ABLATION,
            fitted, start, people, seed, compare_with=SITTINGS,
        )  # fmt: skip
        self._ablate_bands(train, alone, people, seed)

    def _ablate_bands(
        self, train: FeatureSet, settings: TrainSettings, people: NDArray[np.int64], seed: int
    ) -> None:
        """Fit and test with bands between 4 and 20 Hz only, free of most muscle activity."""
        less = self._with_bands(train)
        if less is None or self._low is None:
            return
        model = settings.model.model_copy(update={"n_bands": less.bands.shape[-1]})
        settings = settings.model_copy(update={"model": model})
        fitted = self._fit(less, draw_electrode_sets(less, settings, seed), settings, seed)
        name = "{:g} to {:g} Hz only".format(*_LOW_BAND_HZ)
        self._predict(name, ABLATION, fitted, self._low, people, seed, compare_with=NO_DROPOUT)
        central = self._central()
        if central is not None:
            low = conditions.with_electrodes(self._low, central)
            self._predict(
                f"{name}, {CENTRAL}", ABLATION, fitted, low, people, seed, compare_with=CENTRAL
            )

    def _with_bands(self, features: FeatureSet) -> FeatureSet | None:
        """Return the windows with the bands from 4 to 20 Hz; None if these are all or none."""
        low, high = _LOW_BAND_HZ
        edges = list(self._config.signal.bands.values())
        bands = [i for i, band in enumerate(edges) if low <= band[0] and band[1] <= high]
        if not bands or len(bands) == len(edges):
            return None
        return conditions.with_bands(features, bands)

    # --- plain methods ----------------------------------------------------------------------

    def _plain_inputs(self, tests: dict[str, FeatureSet]) -> dict[str, _PlainInputs]:
        """Return the vectors of all trials by condition; empty for mixed montages."""
        if len(self._corpus.channels) > 1:
            return {}
        inputs = {
            name: _PlainInputs(plain.plain_inputs(tests[name]), ALL)
            for name in (ALL, FAILING, DRIFT)
            if name in tests
        }
        for name, chosen in self._headsets().items():
            inputs[name] = _PlainInputs(plain.plain_inputs(self._features, chosen), name)
        return inputs

    def _plain(
        self,
        split: Split,
        inputs: dict[str, _PlainInputs],
        tests: dict[str, FeatureSet],
        seed: int,
    ) -> None:
        """Fit and test the plain methods and the checks without EEG on one split."""
        features = self._features
        train = np.ones(len(features), np.bool_)
        train[split.test] = False
        people = np.unique(features.subject[split.test])
        columns = [TARGETS.index(target) for target in self._targets]

        def put(
            name: str,
            group: str,
            test: FeatureSet,
            scores: list[dict[int, float]],
            condition: str = ALL,
        ) -> None:
            rows = np.flatnonzero(np.isin(test.subject, people))
            probability = np.full((len(rows), 2), np.nan)
            for column, found in zip(columns, scores, strict=True):
                probability[:, column] = plain.to_windows(found, test, rows)
            if np.isfinite(probability).any():
                self._put(name, group, seed, test, rows, probability, condition)

        for method in plain.PLAIN_METHODS if inputs else ():
            models = {
                name: [
                    plain.fit_ridge(one.vectors[method], features, column, train)
                    for column in columns
                ]
                for name, one in inputs.items()
                if name == one.train_on
            }
            for condition, one in inputs.items():
                if condition == FAILING and method in plain.NEED_ALL:
                    continue
                test = tests.get(condition, features)
                trials = np.unique(test.trial[np.isin(test.subject, people)])
                x = np.stack([one.vectors[method][int(trial)] for trial in trials])
                scores = [
                    dict(zip(map(int, trials), model(x), strict=True))
                    for model in models[one.train_on]
                ]
                put(
                    method if condition == ALL else f"{method}, {condition}", PLAIN,
                    tests[ALL] if condition not in (FAILING, DRIFT) else test, scores, condition,
                )  # fmt: skip
        self._study_baseline("majority", MAJORITY, CHECK, self._corpus, features, people, seed)
        for name, corpus in {RIEMANN: self._corpus, f"{RIEMANN}, {SITTINGS}": self._own}.items():
            if len(corpus.channels) == 1 and find_spec("pyriemann"):
                self._study_baseline(
                    "riemann", name, PLAIN, corpus, self._labelled(corpus), people, seed
                )
        situation = [plain.situation_scores(features, column, train) for column in columns]
        put(SITUATION, CHECK, features, situation)
        place = [plain.place_scores(features, column, train) for column in columns]
        put(PLACE, CHECK, features, place)

    def _study_baseline(
        self,
        baseline: str,
        name: str,
        group: str,
        corpus: Corpus,
        features: FeatureSet,
        people: NDArray[np.int64],
        seed: int,
    ) -> None:
        """Fit and test a baseline of studies on people held out."""
        test = np.flatnonzero(np.isin(features.subject, people))
        left = [one for one in np.unique(features.subject) if one not in people]
        held = np.isin(features.subject, left[::5])
        train = np.flatnonzero(~held & np.isin(features.subject, left))
        split = Split(name, "loso", train, np.flatnonzero(held), test)
        probability = run_baseline(baseline, corpus, features, split)
        condition = ALL if corpus is self._corpus else SITTINGS
        self._put(name, group, seed, features, test, probability, condition)
