"""Interpretability metrics: attention deletion test, domain separability and embedding variance.

All are computed on windows that the model was not trained on.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bci_affect.model import AffectModel, Prediction
from bci_affect.training.corpus import MusicCatalogue
from bci_affect.training.features import FeatureSet
from bci_affect.training.trainer import predict

Floats = NDArray[np.float64]

_MAX_PERSON_WINDOWS = 40
_MAX_WINDOWS = 400  # sample size of the tests; more windows change only the third digit


def deletion_test(
    model: AffectModel, test: FeatureSet, prediction: Prediction, seed: int, share: float = 0.25
) -> dict[str, float]:
    """Measure the effect of masking the most attended, least attended and random electrodes.

    For each window the `share` of its electrodes with the most attention (summed over steps) is
    masked, then as many with the least, then as many at random. The effect is the mean absolute
    change of the logits. Attention is meaningful if ``most`` is above ``random`` and ``least`` is
    below it.

    Parameters
    ----------
    model : AffectModel
        Trained model.
    test : FeatureSet
        Windows not used in training.
    prediction : Prediction
        Output of the model for `test`.
    seed : int
        Seed of the sample of windows and of the random electrodes.
    share : float
        Share of the valid electrodes to mask.

    Returns
    -------
    dict
        ``most``, ``least``, ``random``: mean change; ``windows``: number of windows used.
    """
    rows = _sample_rows(len(test), seed)
    if model.needs_person:  # every new set of electrodes needs the person's reference again
        rows = rows[:_MAX_PERSON_WINDOWS]
    sample = test.select(rows)
    by_channel = prediction.attention[rows].sum(axis=2)  # (n, n_channels)
    random = np.random.default_rng([seed, 0xDE]).random(by_channel.shape)
    change: dict[str, float] = {}
    for name, order in (("most", by_channel), ("least", -by_channel), ("random", random)):
        mask = sample.mask & ~_top(order, sample.mask, share)
        # The features are set to 0 too, for encoders that ignore the mask.
        bands = np.where(mask[:, None, :, None], sample.bands, np.float32(0))
        masked = predict(model, replace(sample, mask=mask, bands=bands))
        change[name] = float(np.abs(masked.logits - prediction.logits[rows]).mean())
    change["windows"] = float(len(rows))
    return change


def domain_separability(
    model: AffectModel,
    test: FeatureSet,
    embedding: NDArray[np.float32],
    catalogue: MusicCatalogue,
    seed: int,
) -> dict[str, float]:
    """Measure how well a linear probe separates EEG from music in the common space.

    The probe is a logistic regression; its balanced accuracy is cross-validated over tracks, in the
    space of the trained model (``after``) and of an untrained one with the same settings
    (``before``). 0.5 means that the modalities are not linearly separable.

    Parameters
    ----------
    model : AffectModel
        Trained model.
    test : FeatureSet
        Windows not used in training.
    embedding : ndarray of float32, shape (n, space)
        EEG embeddings of `test`.
    catalogue : MusicCatalogue
        Music embeddings.
    seed : int
        Seed of the samples and of the untrained model.
    """
    import torch

    nan = {"before": float("nan"), "after": float("nan")}
    if not len(catalogue) or not (test.stimulus >= 0).any():
        return nan
    rows = _sample_rows(len(test), seed)
    sample = test.select(rows)
    items = _sample_rows(len(catalogue), seed + 1)
    music = torch.from_numpy(catalogue.embeddings[items])
    groups = np.concatenate([sample.stimulus, catalogue.stimulus[items]])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        untrained = AffectModel(model.settings).eval()
    scales = {k: v for k, v in model.named_buffers() if k.startswith(("music_", "encoder.field_"))}
    untrained.load_state_dict(scales, strict=False)
    accuracy = {}
    for name, candidate, eeg in (
        ("before", untrained, predict(untrained, sample).embedding),
        ("after", model, embedding[rows]),
    ):
        with torch.inference_mode():
            projected = candidate.project_music(music).embedding.numpy()
        accuracy[name] = linear_probe(eeg, projected, groups)
    return accuracy


def linear_probe(
    eeg: NDArray[np.float32], music: NDArray[np.float32], groups: NDArray[np.int64]
) -> float:
    """Return the balanced accuracy of a linear classifier of two sets of points.

    Parameters
    ----------
    eeg, music : ndarray of float32, shape (n, space)
        Points of the two classes.
    groups : ndarray of int64, shape (n_eeg + n_music,)
        Group of each point, held out together in cross-validation.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from bci_affect.training.metrics import balanced_accuracy

    n_groups = len(np.unique(groups))
    if n_groups < 2:
        return float("nan")
    x = np.concatenate([eeg, music])
    y = np.concatenate([np.zeros(len(eeg)), np.ones(len(music))])
    classifier = make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=300)
    )
    splits = GroupKFold(min(3, n_groups)).split(x, y, groups)
    splits = [(train, test) for train, test in splits if len(np.unique(y[train])) == 2]
    if not splits:
        return float("nan")
    probability = np.full(len(y), np.nan)
    for train, test in splits:
        probability[test] = classifier.fit(x[train], y[train]).predict_proba(x[test])[:, 1]
    return balanced_accuracy(y, probability)


def within_track_variance(embedding: NDArray[np.floating], trial: NDArray[np.int64]) -> float:
    """Return the share of the embedding's variance within trials, 0 to 1.

    1 means that a window's embedding is unrelated to its track, 0 that it is constant during a
    track.
    """
    x = np.asarray(embedding, np.float64)
    total = ((x - x.mean(axis=0)) ** 2).sum()
    if total <= 0:
        return float("nan")
    _, index = np.unique(trial, return_inverse=True)
    sums = np.zeros((index.max() + 1, x.shape[1]))
    np.add.at(sums, index, x)
    means = sums / np.bincount(index)[:, None]
    return float(((x - means[index]) ** 2).sum() / total)


def principal_axes(points: NDArray[np.floating], n: int = 2) -> tuple[Floats, Floats]:
    """Return the projections on the first principal axes, (n_points, n), and explained variance."""
    x = np.asarray(points, np.float64)
    x = x - x.mean(axis=0)
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    sign = np.sign(vt[np.arange(len(vt)), np.abs(vt).argmax(axis=1)])  # deterministic signs
    projected: Floats = (u * s * sign)[:, :n]
    return projected, (s**2 / max((s**2).sum(), 1e-12))[:n]


def _top(order: NDArray[np.floating], mask: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Return the mask of the largest valid values of each row, `share` of them, at least one."""
    ranked = np.where(mask, order, -np.inf)
    rank = (-ranked).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    count = np.maximum(1, np.round(share * mask.sum(axis=1))).astype(int)
    top: NDArray[np.bool_] = (rank < count[:, None]) & mask
    return top


def _sample_rows(n: int, seed: int) -> NDArray[np.int64]:
    if n <= _MAX_WINDOWS:
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, 0x1D]).permutation(n)[:_MAX_WINDOWS])
