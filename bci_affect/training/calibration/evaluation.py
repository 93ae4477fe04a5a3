"""Nested held-out scores of one person's EEG, with chance levels and a permutation test.

Everything fitted (components, prior strength, head, temperature, fusion weights) is fitted again
without the clips that it is evaluated on. The p-value repeats all of that for every permutation of
the labels; its statistic is the mean probability that held-out clips' true side was given, which
finds small effects in fewer clips than the share of right clips does. The interval of the balanced
accuracy is calibrated by the same test, so that it excludes chance exactly where the test rejects.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from bci_affect.affect import MAX_LOGIT, Array
from bci_affect.training.calibration import metrics
from bci_affect.training.calibration.clips import LabelledClips
from bci_affect.training.calibration.ladder import Index
from bci_affect.training.calibration.nested_cv import NestedPredictions, nested_predictions
from bci_affect.training.calibration.permutation import (
    ALPHA,
    ChanceTest,
    labels_are_blocked,
    p_value,
    permuted_labels,
)
from bci_affect.training.calibration.probability_calibration import fit_fusion, fit_gain
from bci_affect.training.metrics import correct_decisions, rank_auc

N_PERMUTATIONS = 999
N_RANDOM_EMBEDDINGS = 20


@dataclass(frozen=True)
class Score:
    """Clip-level scores of one predictor on held-out clips.

    ``interval`` and ``auc_interval`` are intervals of level ``level`` over clips
    (`metrics.bootstrap`), NaN where none was drawn; ``right`` is how many clips were on the right
    side.
    """

    n: int
    right: float
    balanced_accuracy: float
    auc: float
    brier: float
    calibration_error: float
    interval: tuple[float, float] = (float("nan"), float("nan"))
    auc_interval: tuple[float, float] = (float("nan"), float("nan"))
    level: float = 0.95


@dataclass(frozen=True)
class Evaluation:
    """Evaluation of one dimension of one person.

    Attributes
    ----------
    dimension : str
    n_clips, n_high, n_sessions : int
    eeg : Score
        Personal EEG estimate, nested leave-one-clip-out; its interval agrees with `p` at `alpha`.
    p : float
        One-sided permutation p-value of `eeg` against chance.
    p_below : float
        The same, for being *below* chance.
    alpha : float
        One-sided level of both tests.
    scheme : str
        Description of the permutations.
    fused, music, population : Score or None
        Both sources, the music alone, the population head alone (music: None where unknown).
    baselines : dict of str to Score
        ``majority`` (the larger class) and ``prior`` (even odds for every clip).
    random : (float, float)
        Balanced accuracy that random embeddings reach by the same procedure: mean, 95th percentile.
    across_sessions : Score or None
        Leave-one-session-out, with more than one session that has both sides elsewhere.
    p_across_sessions : float
    drawn : ndarray
        Mean probability given to the true side under each permutation, for the histogram.
    statistic : float
        The same for the real labels.
    eeg_logit, music_logit, fused_logit : ndarray, shape (n_clips,)
        Held-out calibrated log-odds, for the report.
    high : ndarray, shape (n_clips,)
    curve : list of metrics.Bin
        Reliability of the EEG's probability.
    """

    dimension: str
    n_clips: int
    n_high: int
    n_sessions: int
    eeg: Score
    p: float
    p_below: float
    alpha: float
    scheme: str
    population: Score
    music: Score | None
    fused: Score | None
    baselines: dict[str, Score]
    random: tuple[float, float]
    across_sessions: Score | None
    p_across_sessions: float
    drawn: Array
    statistic: float
    eeg_logit: Array
    music_logit: Array
    fused_logit: Array
    high: Array
    curve: list[metrics.Bin] = field(default_factory=list)


def statistic(logit: Array, high: Array) -> Array:
    """Return the mean probability of the true class over the last axis."""
    p = expit(logit)
    return np.asarray(np.where(high > 0.5, p, 1 - p).mean(axis=-1))


def evaluate(
    clips: LabelledClips,
    *,
    seed: int = 0,
    n_permutations: int = N_PERMUTATIONS,
    n_random: int = N_RANDOM_EMBEDDINGS,
    test: PermutationTest | None = None,
    alpha: float = ALPHA / 2,
) -> Evaluation:
    """Evaluate one dimension of one person; see `Evaluation`.

    Parameters
    ----------
    clips : LabelledClips
        Clips with labels on one dimension.
    seed : int
        Seed of permutations, bootstrap and random embeddings.
    n_permutations : int
        Number of permutations; 999 resolves p to .001.
    n_random : int
        Number of random embeddings for that baseline; 0 leaves it out (NaN).
    test : PermutationTest, optional
        Result of `permutation_test` for these clips, if already available.
    alpha : float
        One-sided level of the test and of each limit of the interval.
    """
    if test is None:
        test = permutation_test(clips, seed=seed, n_permutations=n_permutations)
    nested, labels, drawn, runs = test.nested, test.labels, test.drawn, test.runs
    rng = np.random.default_rng([seed, 1])
    high = clips.high
    calibrated, fused = _calibrate_and_fuse(nested, clips, clips.group)
    across, p_across = _across_sessions(clips, labels)
    music = _music_alone(clips)
    known = np.isfinite(clips.music_logit)
    return Evaluation(
        dimension=clips.dimension,
        n_clips=len(clips),
        n_high=int(high.sum()),
        n_sessions=len(np.unique(clips.session)),
        eeg=score(calibrated, high, clips.group, rng, alpha=alpha, test=test.against_chance),
        p=test.against_chance.above,
        p_below=test.against_chance.below,
        alpha=alpha,
        scheme=_permutation_scheme(clips, runs),
        population=score(clips.eeg_logit, high, clips.group, rng),
        music=score(music[known], high[known], clips.group[known], rng)
        if _has_both_classes(high[known])
        else None,
        fused=score(fused, high, clips.group, rng) if known.any() else None,
        baselines=_baselines(clips),
        random=_random_embeddings(clips, n_random, rng),
        across_sessions=across,
        p_across_sessions=p_across,
        drawn=drawn[1:],
        statistic=float(drawn[0]),
        eeg_logit=calibrated,
        music_logit=music,
        fused_logit=fused,
        high=high,
        curve=metrics.reliability(calibrated, high),
    )


@dataclass(frozen=True)
class PermutationTest:
    """Complete nested procedure under the real labels (first row) and permuted ones.

    ``labels`` (1 + n, n_clips), held-out predictions ``nested`` for each, the statistic ``drawn``
    (1 + n,), and whether complete ``runs`` were exchanged.
    """

    labels: Array
    nested: NestedPredictions
    drawn: Array
    runs: bool

    @property
    def against_chance(self) -> ChanceTest:
        """P-values against chance in both directions; see `chance_test`."""
        accuracy = float(metrics.balanced_accuracy(self.nested.logit[0], self.labels[0]))
        return chance_test(self.drawn, accuracy)


def permutation_test(clips: LabelledClips, *, seed: int, n_permutations: int) -> PermutationTest:
    """Run the nested procedure on the real labels and on permuted ones."""
    rng = np.random.default_rng(seed)
    high, stratum = clips.high, _permutation_strata(clips)
    runs = labels_are_blocked(high, stratum, rng)
    labels = np.vstack([high, permuted_labels(high, stratum, n_permutations, rng, runs=runs)])
    nested = nested_predictions(clips.embedding, clips.eeg_logit, labels, clips.group, clips.group)
    return PermutationTest(labels, nested, statistic(nested.logit, labels), runs)


def chance_test(drawn: Array, accuracy: float) -> ChanceTest:
    """Return p-values of the statistic, the first of `drawn`, among its permutations.

    A side of chance on which the balanced accuracy does not lie is never significant: there the
    p-value is at least one half, so that no claim contradicts the accuracy next to it. It is only
    ever raised, so the test keeps its level.
    """
    above = p_value(drawn[0], drawn[1:])
    below = p_value(-drawn[0], -drawn[1:])
    return ChanceTest(
        above=above if accuracy > metrics.CHANCE + 1e-9 else max(above, 0.5),
        below=below if accuracy < metrics.CHANCE - 1e-9 else max(below, 0.5),
        smallest=1 / len(drawn),
    )


def score(
    logit: Array,
    high: Array,
    group: Index | None = None,
    rng: np.random.Generator | None = None,
    *,
    alpha: float = ALPHA / 2,
    test: ChanceTest | None = None,
) -> Score:
    """Score held-out log-odds against labels; with `group` and `rng` intervals are drawn too.

    `alpha` and `test` are those of `metrics.bootstrap`.
    """
    nan = (float("nan"), float("nan"))
    intervals = {"balanced_accuracy": nan, "auc": nan}
    if group is not None and rng is not None:
        intervals = metrics.bootstrap(logit, high, group, rng, alpha=alpha, test=test)
    return Score(
        n=len(high),
        right=float(correct_decisions(logit, high).sum()),
        balanced_accuracy=float(metrics.balanced_accuracy(logit, high)),
        auc=float(rank_auc(logit, high)),
        brier=metrics.brier(logit, high),
        calibration_error=metrics.calibration_error(logit, high),
        interval=intervals["balanced_accuracy"],
        auc_interval=intervals["auc"],
        level=1 - 2 * alpha,
    )


def _has_both_classes(high: Array) -> bool:
    return bool(0 < high.sum() < len(high))


def _permutation_strata(clips: LabelledClips) -> Index:
    """Return the number of each clip's (session, block) pair."""
    pairs = np.stack([clips.session, clips.block], axis=1)
    return np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)


def _permutation_scheme(clips: LabelledClips, runs: bool) -> str:
    where = "within each block" if len(np.unique(clips.block)) > 1 else "within each session"
    if runs:
        return f"runs of equal labels {where} (labels were not in random order)"
    return f"labels of clips {where}"


def _calibrate_and_fuse(
    nested: NestedPredictions, clips: LabelledClips, fold: Index
) -> tuple[Array, Array]:
    """Calibrate and fuse the predictions of each fold, fitted on its training clips."""
    high, music = clips.high, clips.music_logit
    calibrated = np.empty(len(high))
    fused = np.empty(len(high))
    for f, value in enumerate(np.unique(fold)):
        test = fold == value
        train = ~test
        inner = nested.inner[0, f, train]
        gain = fit_gain(inner, high[train])
        calibrated[test] = gain * nested.logit[0, test]
        fusion = fit_fusion(gain * inner, music[train], high[train])
        fused[test] = fusion(calibrated[test], music[test])
    return calibrated, fused


def _music_alone(clips: LabelledClips) -> Array:
    """Return the log-odds by the music, with the gain fitted without the clip; NaN if unknown."""
    known = np.isfinite(clips.music_logit)
    out = np.full(len(clips), np.nan)
    for value in np.unique(clips.group):
        test = known & (clips.group == value)
        train = known & (clips.group != value)
        if train.any():
            gain = fit_gain(clips.music_logit[train], clips.high[train])
            out[test] = gain * clips.music_logit[test]
    return out


def _baselines(clips: LabelledClips) -> dict[str, Score]:
    """Score the baselines without EEG and music: the larger class, and even odds."""
    high = clips.high
    majority = np.full(len(high), MAX_LOGIT if high.mean() >= 0.5 else -MAX_LOGIT)
    return {"majority": score(majority, high), "prior": score(np.zeros(len(high)), high)}


def _random_embeddings(
    clips: LabelledClips, n: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the balanced accuracy of the procedure on noise: mean and 95th percentile."""
    if n == 0:
        return float("nan"), float("nan")
    found = []
    for _ in range(n):
        noise = rng.standard_normal(clips.embedding.shape)
        logit = rng.standard_normal(len(clips))
        nested = nested_predictions(noise, logit, clips.high[None], clips.group, clips.group)
        found.append(float(metrics.balanced_accuracy(nested.logit[0], clips.high)))
    return float(np.mean(found)), float(np.quantile(found, 0.95))


def _across_sessions(clips: LabelledClips, labels: Array) -> tuple[Score | None, float]:
    """Leave each session out, if the others have both classes and enough clips."""
    sessions = np.unique(clips.session)
    if len(sessions) < 2:
        return None, float("nan")
    for s in sessions:
        rest = clips.high[clips.session != s]
        if len(rest) < 6 or min(rest.sum(), len(rest) - rest.sum()) < 2:
            return None, float("nan")
    nested = nested_predictions(
        clips.embedding, clips.eeg_logit, labels, clips.group, clips.session
    )
    drawn = statistic(nested.logit, labels)
    calibrated, _ = _calibrate_and_fuse(nested, clips, clips.session)
    found = score(calibrated, clips.high)
    return found, chance_test(drawn, found.balanced_accuracy).above
