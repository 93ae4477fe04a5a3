"""What a model has learned, beyond its score: attention, the common space, music against EEG.

The numbers here are computed on windows that the model was not trained on.
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

_MOST = 400  # windows that a test looks at; more changes the third digit


def deletion_test(
    model: AffectModel, test: FeatureSet, said: Prediction, seed: int, share: float = 0.25
) -> dict[str, float]:
    """Hide the electrodes that attention points to, and others, and see what changes more.

    For each window the `share` of its electrodes with the most attention (summed over steps) is
    masked, then as many with the least, then as many at random. The change is the mean absolute
    difference of the logits. Attention means something where ``most`` is above ``random`` and
    ``least`` is below it.

    Returns
    -------
    dict
        ``most``, ``least``, ``random``: mean change; ``windows``: how many were looked at.
    """
    rows = _some_rows(len(test), seed)
    few = test.select(rows)
    by_channel = said.attention[rows].sum(axis=2)  # (n, n_channels)
    random = np.random.default_rng([seed, 0xDE]).random(by_channel.shape)
    change: dict[str, float] = {}
    for name, order in (("most", by_channel), ("least", -by_channel), ("random", random)):
        mask = few.mask & ~_top(order, few.mask, share)
        # Without its electrodes' features, too: a montage-bound encoder may not read the mask.
        bands = np.where(mask[:, None, :, None], few.bands, np.float32(0))
        left = predict(model, replace(few, mask=mask, bands=bands))
        change[name] = float(np.abs(left.logits - said.logits[rows]).mean())
    change["windows"] = float(len(rows))
    return change


def domain_separability(
    model: AffectModel, test: FeatureSet, catalogue: MusicCatalogue, seed: int
) -> dict[str, float]:
    """Measure how well a linear probe tells EEG from music in the common space.

    The probe is a logistic regression whose balanced accuracy is cross-validated over tracks, in
    the space of the model as it is (``after``) and of one with the same settings before any
    training (``before``). 0.5 means that the modalities cannot be told apart.
    """
    import torch

    nan = {"before": float("nan"), "after": float("nan")}
    if not len(catalogue) or not (test.stimulus >= 0).any():
        return nan
    rows = _some_rows(len(test), seed)
    few = test.select(rows)
    items = _some_rows(len(catalogue), seed + 1)
    music = torch.from_numpy(catalogue.rows[items])
    groups = np.concatenate([few.stimulus, catalogue.stimulus[items]])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        untrained = AffectModel(model.settings).eval()
    scales = {k: v for k, v in model.named_buffers() if k.startswith(("music_", "encoder.field_"))}
    untrained.load_state_dict(scales, strict=False)
    found = {}
    for name, one in (("before", untrained), ("after", model)):
        with torch.inference_mode():
            heard = one.project_music(music).embedding.numpy()
        found[name] = probe(predict(one, few).embedding, heard, groups)
    return found


def probe(eeg: NDArray[np.float32], music: NDArray[np.float32], groups: NDArray[np.int64]) -> float:
    """Return the balanced accuracy of telling two clouds apart linearly, groups held out."""
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
    said = np.full(len(y), np.nan)
    for train, test in splits:
        said[test] = classifier.fit(x[train], y[train]).predict_proba(x[test])[:, 1]
    return balanced_accuracy(y, said)


def within_track_share(embedding: NDArray[np.floating], trial: NDArray[np.int64]) -> float:
    """Return the share of the embedding's variance that lies within trials, 0 to 1.

    1 means that a window's place says nothing of its track; 0 that the place stands still while a
    track plays.
    """
    x = np.asarray(embedding, np.float64)
    total = ((x - x.mean(axis=0)) ** 2).sum()
    if total <= 0:
        return float("nan")
    _, where = np.unique(trial, return_inverse=True)
    sums = np.zeros((where.max() + 1, x.shape[1]))
    np.add.at(sums, where, x)
    means = sums / np.bincount(where)[:, None]
    return float(((x - means[where]) ** 2).sum() / total)


def principal_axes(points: NDArray[np.floating], n: int = 2) -> tuple[Floats, Floats]:
    """Return points on their first principal axes, (n_points, n), and the shares of variance."""
    x = np.asarray(points, np.float64)
    x = x - x.mean(axis=0)
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    sign = np.sign(vt[np.arange(len(vt)), np.abs(vt).argmax(axis=1)])  # so that runs agree
    placed: Floats = (u * s * sign)[:, :n]
    return placed, (s**2 / max((s**2).sum(), 1e-12))[:n]


def _top(order: NDArray[np.floating], mask: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Mark the `share` of each row's valid entries with the largest values; at least one."""
    ranked = np.where(mask, order, -np.inf)
    rank = (-ranked).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    count = np.maximum(1, np.round(share * mask.sum(axis=1))).astype(int)
    top: NDArray[np.bool_] = (rank < count[:, None]) & mask
    return top


def _some_rows(n: int, seed: int) -> NDArray[np.int64]:
    if n <= _MOST:
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, 0x1D]).permutation(n)[:_MOST])
