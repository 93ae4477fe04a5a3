"""Label permutations within sessions and blocks, and the p-values from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bci_affect.affect import Array
from bci_affect.training.calibration.ladder import Index

ALPHA = 0.05
"""Familywise error of "above chance" over the dimensions of one person."""


@dataclass(frozen=True)
class ChanceTest:
    """P-values of one permutation test, in both directions.

    Attributes
    ----------
    above, below : float
        One-sided p-values of being above and below chance.
    smallest : float
        Smallest p-value possible with the number of permutations.
    """

    above: float
    below: float
    smallest: float


def permuted_labels(
    high: Array, stratum: Index, n: int, rng: np.random.Generator, *, runs: bool
) -> Array:
    """Draw labellings that are exchangeable with the real one under the null hypothesis.

    Parameters
    ----------
    high : ndarray, shape (n_clips,)
        Labels in the order of presentation.
    stratum : ndarray of int, shape (n_clips,)
        Session or block; labels are permuted only within a stratum.
    n : int
        Number of labellings.
    rng : numpy Generator
        Random generator.
    runs : bool
        Permute runs of equal labels instead of single clips: for labels presented in blocks, which
        slow drift of the EEG could separate without any emotion.

    Returns
    -------
    ndarray, shape (n, n_clips)
    """
    out = np.tile(high, (n, 1))
    for s in np.unique(stratum):
        rows = np.flatnonzero(stratum == s)
        labels = high[rows]
        if runs:
            edges = np.flatnonzero(np.diff(labels)) + 1
            pieces = np.split(labels, edges)
            for i in range(n):
                order = rng.permutation(len(pieces))
                out[i, rows] = np.concatenate([pieces[j] for j in order])
        else:
            out[:, rows] = rng.permuted(np.tile(labels, (n, 1)), axis=1)
    return out


def labels_are_blocked(high: Array, stratum: Index, rng: np.random.Generator) -> bool:
    """Return True if the labels form fewer runs than in random order (one-sided p < .05)."""

    def count(labels: Array) -> Array:
        change = labels[..., 1:] != labels[..., :-1]
        inside = stratum[1:] == stratum[:-1]
        return np.asarray((change & inside).sum(axis=-1))

    drawn = count(permuted_labels(high, stratum, 999, rng, runs=False))
    return bool((1 + np.sum(drawn <= count(high))) / 1000 < 0.05)


def p_value(observed: float, drawn: Array) -> float:
    """Return the one-sided p-value of a statistic among permutations, the real one included."""
    return float((1 + np.sum(drawn >= observed - 1e-12)) / (1 + len(drawn)))


def holm(p: dict[str, float]) -> dict[str, float]:
    """Return Holm-corrected p-values over the dimensions of one person."""
    adjusted: dict[str, float] = {}
    floor = 0.0
    for i, name in enumerate(sorted(p, key=lambda key: p[key])):
        floor = max(floor, min(1.0, (len(p) - i) * p[name]))
        adjusted[name] = floor
    return adjusted


def holm_levels(p: dict[str, float], alpha: float = ALPHA) -> dict[str, float]:
    """Return the one-sided level at which Holm's procedure tests each dimension.

    The smallest p-value is tested at ``alpha`` divided by the number of dimensions, the next at
    ``alpha`` divided by the number left, and so on; after the first failure the level stays. Thus
    ``p[name] < holm_levels(p)[name]`` if and only if ``holm(p)[name] < alpha``, and an interval of
    that level agrees with the corrected test.
    """
    levels: dict[str, float] = {}
    left = len(p)
    for name in sorted(p, key=lambda key: p[key]):
        levels[name] = alpha / left
        if p[name] < levels[name]:
            left -= 1
    return levels
