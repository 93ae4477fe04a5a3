"""scikit-learn estimator of the model.

    corpus = load_corpus(open_dataset("deap", root), SignalSettings())
    x, y, people = trial_table(corpus, "arousal")
    classifier = AffectClassifier(positions=corpus.features.positions[0])
    cross_val_score(classifier, x, y, groups=people, cv=LeaveOneGroupOut())

A row of `x` is a trial: its causally normalised feature windows, padded with NaN. Samples are
trials, not windows, so no cross-validation divides the windows of a trial between training and
test; pass the people as groups to separate people as well.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin

from bci_affect.eeg import make_montage
from bci_affect.errors import BciAffectError
from bci_affect.training.corpus import Corpus
from bci_affect.training.features import FeatureSet
from bci_affect.training.metrics import per_trial
from bci_affect.training.settings import TrainSettings
from bci_affect.training.study_settings import TARGETS, Target, load_study

Floats = NDArray[np.float32]

_INPUT: dict[str, Any] = {
    "allow_nd": True,
    "dtype": np.float32,
    "ensure_all_finite": "allow-nan",
}


class TrialsError(BciAffectError, ValueError):
    """Error in the trials or labels, also a `ValueError` as scikit-learn expects."""


def trial_table(
    corpus: Corpus, target: Target = "valence"
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Return all rated trials as arrays for scikit-learn.

    Returns
    -------
    x : ndarray of float32, shape (n_trials, n_windows, n_steps, n_channels, n_bands)
        Padded with NaN; masked electrodes are NaN too.
    y : ndarray of int64, shape (n_trials,)
        1 for high, 0 for low.
    people : ndarray of int64, shape (n_trials,)
        Subject of each trial, for use as groups.

    Examples
    --------
    See `AffectClassifier`.
    """
    features = corpus.features
    column = TARGETS.index(target)
    rated = np.flatnonzero(np.isfinite(features.labels[:, column]))
    if not len(rated):
        raise BciAffectError(f"These data contain no ratings of {target}; choose another target.")
    trials, first, count = np.unique(features.trial[rated], return_index=True, return_counts=True)
    x = np.full((len(trials), count.max(), *features.bands.shape[1:]), np.nan, np.float32)
    for row, trial in enumerate(trials):
        windows = rated[features.trial[rated] == trial]
        masked = ~features.mask[windows][:, None, :, None]
        x[row, : len(windows)] = np.where(masked, np.float32(np.nan), features.bands[windows])
    first_window = rated[first]
    labels = features.labels[first_window, column].astype(np.int64)
    return x, labels, features.subject[first_window]


class AffectClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Binary classifier of EEG trials with the encoder used in live sessions.

    Parameters
    ----------
    positions : array_like, shape (n_channels, 3), optional
        Electrode positions in metres (`eeg.Montage.positions`); required by the encoder
        ``streaming``.
    preset : str
        Shipped configuration or TOML file; its ``[train]`` section is used. Loss terms that need
        music have no effect.
    epochs : int, optional
        Number of epochs; by default that of the preset.
    validation : float
        Share of the training trials (or of the groups, if given to `fit`) used for validation.
    seed : int
        Random seed of the fit.

    Attributes
    ----------
    classes_ : ndarray
        The two classes seen in `fit`.
    model_ : bci_affect.model.AffectModel
        Fitted model.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import bci_affect as ba
    >>> from bci_affect.datasets import SimulationSettings, write_deap
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = write_deap(folder / "deap", SimulationSettings(subjects=2, trials=6, seconds=8))
    >>> corpus = ba.load_corpus(ba.open_dataset("deap", folder / "deap"), cache=folder)
    >>> x, y, people = ba.trial_table(corpus, "arousal")
    >>> x.shape, people.tolist()
    ((12, 3, 12, 32, 5), [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    >>> model = ba.AffectClassifier(positions=corpus.features.positions[0], epochs=1)
    >>> model.fit(x, y, groups=people).predict_proba(x).shape
    (12, 2)
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
            Trials from `trial_table`; shape (n_trials, n_steps, n_channels, n_bands) means one
            window per trial, and (n_trials, n_features) one electrode at the vertex with
            `n_features` bands and one step.
        y : array_like, shape (n_trials,)
            Labels of two classes.
        groups : array_like, shape (n_trials,), optional
            Groups (people) of the trials; validation then uses complete groups.

        Raises
        ------
        BciAffectError
            If shapes do not match, there are not two classes, or a trial has no window.
        """
        from sklearn.utils.multiclass import check_classification_targets
        from sklearn.utils.validation import validate_data

        from bci_affect.music import single_threaded_torch
        from bci_affect.training.trainer import fit

        if getattr(x, "ndim", 2) > 2 and np.shape(y) != np.shape(x)[:1]:
            raise TrialsError(
                f"There are {len(np.asarray(x))} trials, but y has shape {np.shape(y)}; give one "
                "label per trial."
            )
        x, target = validate_data(self, x, y, **_INPUT)
        check_classification_targets(target)
        windows = _as_windows(np.asarray(x))
        self.classes_, labels = np.unique(target, return_inverse=True)
        if len(self.classes_) != 2:
            raise TrialsError(
                "Only binary classification is supported. AffectClassifier needs two classes; y "
                f"has {len(self.classes_)} class{'es' * (len(self.classes_) != 1)}."
            )
        units = np.arange(len(windows)) if groups is None else np.asarray(groups)
        valid = np.isin(units, self._choose_validation_units(units, labels))
        features = self._features(windows, labels.astype(np.float32))
        held_out = valid[features.trial]
        settings = self._settings(features)
        with single_threaded_torch():
            result = fit(features.select(~held_out), features.select(held_out), settings, self.seed)
        self.model_ = result.model
        self.n_steps_, self.n_channels_, self.n_bands_ = windows.shape[2:]
        return self

    def predict_proba(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the class probabilities, (n_trials, 2), averaged over the windows of a trial."""
        from sklearn.utils.validation import check_is_fitted, validate_data

        from bci_affect.music import single_threaded_torch
        from bci_affect.training.trainer import predict

        check_is_fitted(self, "model_")
        if np.asarray(x).ndim < 3:  # the number of windows of a trial may differ from the fit's
            x = validate_data(self, x, reset=False, **_INPUT)
        windows = _as_windows(np.asarray(x, np.float32))
        if windows.shape[2:] != (self.n_steps_, self.n_channels_, self.n_bands_):
            raise TrialsError(
                f"The windows have the shape {windows.shape[2:]}; AffectClassifier was fitted on "
                f"{(self.n_steps_, self.n_channels_, self.n_bands_)}."
            )
        features = self._features(windows, np.full(len(windows), np.nan, np.float32))
        with single_threaded_torch():
            logits = predict(self.model_, features).logits[:, 0].astype(np.float64)
        _, high = per_trial(expit(logits), features.trial)
        return np.stack([1 - high, high], axis=1)

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Return the more probable class of each trial."""
        high = self.predict_proba(x)[:, 1] >= 0.5
        chosen: NDArray[Any] = self.classes_[high.astype(int)]
        return chosen

    def score(self, x: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the balanced accuracy over trials; chance is 0.5."""
        from sklearn.metrics import balanced_accuracy_score

        return float(balanced_accuracy_score(y, self.predict(x), sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _choose_validation_units(
        self, units: NDArray[Any], labels: NDArray[np.int64]
    ) -> NDArray[Any]:
        """Choose the validation units, stratified by class if units are trials."""
        rng = np.random.default_rng(self.seed)
        names = np.unique(units)
        if len(names) < 2:
            raise TrialsError(
                "At least two trials (or groups) are needed to fit and validate, not 1 sample."
            )
        if len(names) < len(units):
            n = min(max(1, round(self.validation * len(names))), len(names) - 1)
            chosen: NDArray[Any] = rng.permutation(names)[:n]
            return chosen
        parts = []
        for label in (0, 1):
            members = np.flatnonzero(labels == label)
            n = min(round(self.validation * len(members)), len(members) - 1)
            parts.append(units[rng.permutation(members)[: max(n, 0)]])
        selected = np.concatenate(parts)
        return selected if len(selected) else names[:1]

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
        """Convert trials to a feature set of their windows."""
        # (n_trials, n_windows, n_channels)
        usable: NDArray[np.bool_] = np.asarray(np.isfinite(windows).all(axis=(2, 4)))
        present: NDArray[np.bool_] = np.asarray(usable.any(axis=2))
        if not present.any(axis=1).all():
            raise TrialsError(
                f"Trial {int(np.flatnonzero(~present.any(axis=1))[0])} has no window without NaN; "
                "leave it out."
            )
        trial, _ = np.nonzero(present)
        bands = np.nan_to_num(windows[present])
        n, n_channels = len(trial), windows.shape[3]
        positions = np.full((n_channels, 3), np.nan, np.float32)
        if n_channels == 1:
            positions = make_montage(["Cz"]).positions
        if self.positions is not None:
            positions = np.asarray(self.positions, np.float32)
            if positions.shape != (n_channels, 3):
                raise TrialsError(
                    f"The trials have {n_channels} channels, but positions have shape "
                    f"{positions.shape}."
                )
        missing = np.full((n, 2), np.nan, np.float32)
        both = missing.copy()
        both[:, 0] = labels[trial]
        return FeatureSet(
            bands=bands,
            mask=usable[present],
            positions=positions[None],
            montage=np.zeros(n, np.int64),
            labels=both,
            music=np.zeros((n, 0), np.float32),
            music_labels=missing,
            trial=trial.astype(np.int64),
            subject=np.zeros(n, np.int64),
            session=np.zeros(n, np.int64),
            stimulus=np.full(n, -1, np.int64),
            time_s=np.zeros(n, np.float32),
        )


def _as_windows(x: NDArray[Any]) -> Floats:
    """Return trials as (n_trials, n_windows, n_steps, n_channels, n_bands)."""
    windows = np.asarray(x, np.float32)
    if windows.ndim == 2:
        windows = windows[:, None, None, :]
    if windows.ndim == 4:
        windows = windows[:, None]
    if windows.ndim != 5 or not len(windows):
        raise TrialsError(
            "x must be (n_trials, n_windows, n_steps, n_channels, n_bands), from trial_table; it "
            f"has shape {windows.shape}."
        )
    return windows
