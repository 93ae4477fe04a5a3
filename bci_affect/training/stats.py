"""Confidence intervals and tests over independent units: people, or the trials of one person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_EXACT_UP_TO = 12  # units whose 2**n sign flips are enumerated


@dataclass(frozen=True)
class Interval:
    """Mean over units with its confidence interval.

    Attributes
    ----------
    mean, low, high : float
        NaN without units; `low` and `high` are NaN with fewer than two.
    n : int
        Number of units (people or trials) with a value.
    level : float
        Nominal coverage of the interval.
    """

    mean: float
    low: float
    high: float
    n: int
    level: float = 0.95

    def as_dict(self) -> dict[str, float]:
        """Return the fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """Paired comparison of two variants over the same units.

    Attributes
    ----------
    difference : Interval
        First minus second.
    p : float
        Two-sided p-value of the sign-flip permutation test.
    """

    difference: Interval
    p: float

    def as_dict(self) -> dict[str, object]:
        """Return the fields by name."""
        return {**self.difference.as_dict(), "p": self.p}


def bootstrap_mean(
    values: ArrayLike, *, level: float = 0.95, n_draws: int = 4000, seed: int = 0
) -> Interval:
    """Return the mean with its bootstrap interval over units.

    Units are drawn with replacement; the interval is the expanded percentile interval (Hesterberg
    2015, "What Teachers Should Know About the Bootstrap", section 3.3): percentiles whose level is
    adjusted for the number of units, since plain ones are too narrow for a dozen units. It lies
    within the range of the values, and has zero width if all are equal.

    Parameters
    ----------
    values : array_like, shape (n_units,)
        One value per person (or per trial); NaN units are left out.
    level : float
        Nominal coverage.
    n_draws : int
        Number of bootstrap samples.
    seed : int
        Seed of the bootstrap samples.
    """
    from scipy.stats import norm
    from scipy.stats import t as student_t

    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    n = len(x)
    nan = float("nan")
    if n == 0:
        return Interval(nan, nan, nan, 0, level)
    mean = float(x.mean())
    if n == 1:
        return Interval(mean, nan, nan, 1, level)
    draws = x[np.random.default_rng(seed).integers(0, n, (n_draws, n))].mean(axis=1)
    tail = norm.cdf(np.sqrt(n / (n - 1)) * student_t.ppf((1 - level) / 2, n - 1))
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(mean, float(low), float(high), n, level)


def compare_paired(
    first: ArrayLike, second: ArrayLike, *, level: float = 0.95, seed: int = 0, n_flips: int = 10000
) -> Comparison:
    """Compare two variants on the same units.

    The p-value is that of the sign-flip permutation test of the mean difference: exact for up to 12
    units, by random flips with the + 1 correction beyond.

    Parameters
    ----------
    first, second : array_like, shape (n_units,)
        Values of both variants; units with a NaN are left out.
    level : float
        Nominal coverage of the interval.
    seed, n_flips : int
        Seed and number of random flips.
    """
    d = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    d = d[np.isfinite(d)]
    interval = bootstrap_mean(d, level=level, seed=seed)
    n = len(d)
    if n == 0:
        return Comparison(interval, float("nan"))
    observed = abs(d.mean())
    tolerance = 1e-12 + 1e-9 * observed
    if n <= _EXACT_UP_TO:
        signs = np.array(list(product((-1.0, 1.0), repeat=n)))
        p = float((np.abs(signs @ d / n) >= observed - tolerance).mean())
    else:
        rng = np.random.default_rng(seed)
        signs = rng.choice((-1.0, 1.0), (n_flips, n))
        p = float((1 + (np.abs(signs @ d / n) >= observed - tolerance).sum()) / (n_flips + 1))
    return Comparison(interval, p)


def permutation_p(
    labels: ArrayLike,
    scores: ArrayLike,
    measure: Callable[[Floats, Floats], float],
    *,
    groups: ArrayLike | None = None,
    n_permutations: int = 1000,
    seed: int = 0,
) -> float:
    """Return the one-sided p-value of a measure under permutation of the labels within groups.

    Labels and scores belong to independent units (trials), never to windows. Labels are permuted
    only within a group (a person or a session), so that differences in base rates between people
    do not count as an effect.

    Parameters
    ----------
    labels, scores : array_like, shape (n_units,)
        NaN units are left out.
    measure : callable
        ``measure(labels, scores)``; larger is better.
    groups : array_like, shape (n_units,), optional
        Group of each unit; by default one group.
    n_permutations, seed : int
        Number of permutations and their seed.

    Returns
    -------
    float
        ``(1 + permutations at least as good) / (1 + n_permutations)``; NaN if the measure is
        undefined.
    """
    y, s = np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    g = np.zeros(len(y), int) if groups is None else np.asarray(groups)
    good = np.isfinite(y) & np.isfinite(s)
    y, s, g = y[good], s[good], g[good]
    observed = measure(y, s) if len(y) else float("nan")
    if not np.isfinite(observed):
        return float("nan")
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(g == group) for group in np.unique(g)]
    as_good = 0
    for _ in range(n_permutations):
        shuffled = y.copy()
        for rows in members:
            shuffled[rows] = y[rng.permutation(rows)]
        as_good += measure(shuffled, s) >= observed - 1e-12
    return (1 + as_good) / (1 + n_permutations)
