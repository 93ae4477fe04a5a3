"""The model as a scikit-learn estimator: `fit`, `predict_proba`, `score`, in any cross-validation.

    corpus = load_corpus(open_dataset("deap", root), SignalSettings())
    x, y, people = trial_table(corpus, "arousal")
    classifier = AffectClassifier(positions=corpus.features.positions[0])
    cross_val_score(classifier, x, y, groups=people, cv=LeaveOneGroupOut())

A row of `x` is a trial: its windows as the pipeline and the causal normalisation gave them, padded
with NaN where it has fewer than others. Trials and not windows are the samples, so no
cross-validation can tear a trial apart; pass the people as groups to keep them apart as well.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from bci_affect.errors import BciAffectError
from bci_affect.training.corpus import Corpus
from bci_affect.training.features import FeatureSet
from bci_affect.training.metrics import per_trial
from bci_affect.training.settings import TrainSettings
from bci_affect.training.study_settings import TARGETS, Target, load_study

Floats = NDArray[np.float32]


def trial_table(
    corpus: Corpus, target: Target = "valence"
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Return all rated trials as scikit-learn takes them.

    Returns
    -------
    x : ndarray of float32, shape (n_trials, n_windows, n_steps, n_channels, n_bands)
        Padded with NaN; electrodes that are masked are NaN, too.
    y : ndarray of int64, shape (n_trials,)
        1 for high.
    people : ndarray of int64, shape (n_trials,)
        Whose trial it is: the groups.
    """
    features = corpus.features
    column = TARGETS.index(target)
    rated = np.flatnonzero(np.isfinite(features.labels[:, column]))
    if not len(rated):
        raise BciAffectError(f"Nobody rated {target} in these data.")
    trials, first, count = np.unique(features.trial[rated], return_index=True, return_counts=True)
    x = np.full((len(trials), count.max(), *features.bands.shape[1:]), np.nan, np.float32)
    for row, trial in enumerate(trials):
        mine = rated[features.trial[rated] == trial]
        masked = ~features.mask[mine][:, None, :, None]
        x[row, : len(mine)] = np.where(masked, np.float32(np.nan), features.bands[mine])
    of = rated[first]
    return x, features.labels[of, column].astype(np.int64), features.subject[of]


class AffectClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """EEG trials to a binary feeling, by the encoder that live use has.

    Parameters
    ----------
    positions : array_like, shape (n_channels, 3), optional
        Electrode positions in metres (`eeg.Montage.positions`); needed by the encoder
        ``streaming``.
    preset : str
        Shipped configuration, or a TOML file, whose ``[train]`` section is taken. There is no music
        here, so terms that need it are without effect.
    epochs : int, optional
        Instead of the preset's.
    validation : float
        Share of the training trials on which the epoch is chosen; of the groups where `fit` is
        given groups.
    seed : int
        Fixes everything.

    Attributes
    ----------
    classes_ : ndarray
        The two classes that were seen in `fit`.
    model_ : bci_affect.model.AffectModel
        What was fitted.
    """

    def __init__(
        self,
        positions: ArrayLike | None = None,
        preset: str = "streaming",
        epochs: int | None = None,
        validation: float = 0.2,
        seed: int = 0,
    ) -> None:
        self.positions = positions
        self.preset = preset
        self.epochs = epochs
        self.validation = validation
        self.seed = seed

    def fit(self, x: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit to trials.

        Parameters
        ----------
        x : array_like, shape (n_trials, n_windows, n_steps, n_channels, n_bands)
            From `trial_table`; (n_trials, n_steps, n_channels, n_bands) is one window a trial.
        y : array_like, shape (n_trials,)
            Two classes.
        groups : array_like, shape (n_trials,), optional
            People; some of them validate, instead of some trials.

        Raises
        ------
        BciAffectError
            If shapes do not fit, there are not two classes, or a trial has no window.
        """
        from bci_affect.training.trainer import fit

        windows = _checked(x)
        given = np.asarray(y)
        if given.shape != (len(windows),):
            raise BciAffectError(f"There are {len(windows)} trials, but y has shape {given.shape}.")
        self.classes_, labels = np.unique(given, return_inverse=True)
        if len(self.classes_) != 2:
            raise BciAffectError(
                f"AffectClassifier tells two classes apart; y has {len(self.classes_)}."
            )
        units = np.arange(len(windows)) if groups is None else np.asarray(groups)
        valid = np.isin(units, self._validating(units, labels))
        features = self._features(windows, labels.astype(np.float32))
        held = valid[features.trial]
        settings = self._settings(features)
        found = fit(features.select(~held), features.select(held), settings, self.seed)
        self.model_ = found.model
        self.n_features_in_ = int(np.prod(windows.shape[1:]))
        return self

    def predict_proba(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each class, (n_trials, 2): the mean over a trial's windows."""
        from sklearn.utils.validation import check_is_fitted

        from bci_affect.training.trainer import predict

        check_is_fitted(self, "model_")
        windows = _checked(x)
        features = self._features(windows, np.full(len(windows), np.nan, np.float32))
        logits = predict(self.model_, features).logits[:, 0].astype(np.float64)
        _, high = per_trial(1 / (1 + np.exp(-logits)), features.trial)
        return np.stack([1 - high, high], axis=1)

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Return the more probable class of each trial."""
        chosen: NDArray[Any] = self.classes_[(self.predict_proba(x)[:, 1] >= 0.5).astype(int)]
        return chosen

    def score(self, x: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the balanced accuracy over trials; chance is 0.5."""
        from sklearn.metrics import balanced_accuracy_score

        return float(balanced_accuracy_score(y, self.predict(x), sample_weight=sample_weight))

    def _validating(self, units: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[Any]:
        """Choose the units that validate; of both classes where units are trials."""
        rng = np.random.default_rng(self.seed)
        names = np.unique(units)
        if len(names) < 2:
            raise BciAffectError("At least two trials (or groups) are needed to fit and validate.")
        if len(names) < len(units):
            n = min(max(1, round(self.validation * len(names))), len(names) - 1)
            chosen: NDArray[Any] = rng.permutation(names)[:n]
            return chosen
        parts = []
        for label in (0, 1):
            mine = np.flatnonzero(labels == label)
            n = min(round(self.validation * len(mine)), len(mine) - 1)
            parts.append(units[rng.permutation(mine)[: max(n, 0)]])
        together = np.concatenate(parts)
        return together if len(together) else names[:1]

    def _settings(self, features: FeatureSet) -> TrainSettings:
        settings = load_study(self.preset).train
        _, n_steps, n_channels, n_bands = features.bands.shape
        shape: dict[str, int] = {"n_steps": n_steps, "n_bands": n_bands}
        if settings.model.n_channels:
            shape["n_channels"] = n_channels
        change: dict[str, Any] = {"model": settings.model.model_copy(update=shape)}
        if self.epochs is not None:
            change["epochs"] = self.epochs
        return settings.model_copy(update=change)

    def _features(self, windows: Floats, labels: Floats) -> FeatureSet:
        """Turn trials into the windows that they hold."""
        # (n_trials, n_windows, n_channels)
        usable: NDArray[np.bool_] = np.asarray(np.isfinite(windows).all(axis=(2, 4)))
        there: NDArray[np.bool_] = np.asarray(usable.any(axis=2))
        if not there.any(axis=1).all():
            raise BciAffectError(
                f"Trial {int(np.flatnonzero(~there.any(axis=1))[0])} has no window without NaN."
            )
        trial, _ = np.nonzero(there)
        bands = np.nan_to_num(windows[there])
        n, n_channels = len(trial), windows.shape[3]
        positions = np.full((n_channels, 3), np.nan, np.float32)
        if self.positions is not None:
            positions = np.asarray(self.positions, np.float32)
            if positions.shape != (n_channels, 3):
                raise BciAffectError(
                    f"The trials have {n_channels} channels, but positions have shape "
                    f"{positions.shape}."
                )
        nothing = np.full((n, 2), np.nan, np.float32)
        both = nothing.copy()
        both[:, 0] = labels[trial]
        return FeatureSet(
            bands=bands,
            mask=usable[there],
            positions=positions[None],
            montage=np.zeros(n, np.int64),
            labels=both,
            music=np.zeros((n, 0), np.float32),
            music_labels=nothing,
            trial=trial.astype(np.int64),
            subject=np.zeros(n, np.int64),
            session=np.zeros(n, np.int64),
            stimulus=np.full(n, -1, np.int64),
            time_s=np.zeros(n, np.float32),
        )


def _checked(x: ArrayLike) -> Floats:
    windows = np.asarray(x, np.float32)
    if windows.ndim == 4:
        windows = windows[:, None]
    if windows.ndim != 5 or not len(windows):
        raise BciAffectError(
            "x must be (n_trials, n_windows, n_steps, n_channels, n_bands), from trial_table; it "
            f"has shape {windows.shape}."
        )
    return windows
