"""Verdict of a calibration in words, with advice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy.stats import binom

from bci_affect.training.calibration.evaluation import Evaluation
from bci_affect.training.calibration.metrics import CHANCE
from bci_affect.training.calibration.permutation import ALPHA

Standing = Literal["above chance", "not (yet) above chance", "worse than chance"]
POOR_QUALITY = 0.75
MAX_CLIPS = 96


@dataclass(frozen=True)
class Verdict:
    """Verdict on one dimension.

    Attributes
    ----------
    dimension : str
    standing : str
        Result of the test, based on `p_adjusted`.
    p_adjusted : float
        P-value with Holm's correction over the dimensions of this person.
    text : str
        Verdict as a paragraph for the user.
    advice : tuple of str
        Recommendations, one sentence each.
    """

    dimension: str
    standing: Standing
    p_adjusted: float
    text: str
    advice: tuple[str, ...]

    @property
    def above_chance(self) -> bool:
        """True if the EEG of this person is informative."""
        return self.standing == "above chance"


def make_verdict(evaluation: Evaluation, p_adjusted: float, quality: float) -> Verdict:
    """Return the verdict on an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
        Evaluation of one dimension.
    p_adjusted : float
        Permutation p-value, corrected for the number of dimensions.
    quality : float
        Mean share of good electrodes over the clips, 0 to 1.
    """
    e = evaluation
    standing: Standing = "not (yet) above chance"
    if p_adjusted < ALPHA:
        standing = "above chance"
    elif e.p_below < e.alpha:
        standing = "worse than chance"
    low, high = e.eeg.interval
    text = (
        f"{e.dimension.capitalize()}: your EEG is {standing}. It had {e.eeg.right:g} of "
        f"{e.n_clips} clips on the right side, each predicted without itself (balanced accuracy "
        f"{e.eeg.balanced_accuracy:.0%}, {100 * e.eeg.level:.0f} % interval {limit_percent(low)} "
        f"to {limit_percent(high)}, chance 50 %, "
        f"permutation p = {_p(e.p)}, corrected for two dimensions {_p(p_adjusted)})."
    )
    if e.music is not None:
        text += f" The music alone had {e.music.balanced_accuracy:.0%}"
        text += f", both together {e.fused.balanced_accuracy:.0%}." if e.fused else "."
    if e.across_sessions is not None:
        text += (
            f" Predicting one session from the others: {e.across_sessions.balanced_accuracy:.0%} "
            f"(p = {_p(e.p_across_sessions)})."
        )
    return Verdict(e.dimension, standing, p_adjusted, text, tuple(_advice(e, standing, quality)))


def limit_percent(value: float) -> str:
    """Format a limit of an interval so that rounding never moves it to chance.

    Examples
    --------
    >>> limit_percent(0.6931), limit_percent(0.5004), limit_percent(0.4999), limit_percent(0.5)
    ('69%', '50.1%', '49.9%', '50%')
    """
    text = f"{value:.0%}"
    if value == CHANCE or text != f"{CHANCE:.0%}":
        return text
    away = math.ceil if value > CHANCE else math.floor
    return f"{away(1000 * value) / 10:.1f}%"


def clips_needed(accuracy: float, power: float = 0.8, alpha: float = ALPHA) -> int | None:
    """Return the number of clips at which the binomial test detects an accuracy with a given power.

    The power is not monotonic in the number of clips; the result is the smallest number from which
    it stays sufficient, up to `MAX_CLIPS`. None if more are needed.
    """
    if accuracy <= 0.5:
        return None
    needed = None
    for n in range(MAX_CLIPS, 7, -1):
        critical = int(binom.isf(alpha, n, 0.5)) + 1
        if binom.sf(critical - 1, n, accuracy) < power:
            break
        needed = n
    return needed


def _advice(e: Evaluation, standing: Standing, quality: float) -> list[str]:
    advice: list[str] = []
    if "runs" in e.scheme:
        advice.append(
            "The clips did not come in random order, so slow drift of the EEG could look like "
            "emotion; the test allows for that and is strict. Use a random order next time."
        )
    if quality < POOR_QUALITY:
        advice.append(
            f"Only {quality:.0%} of the electrodes were good on average: improve the contact "
            "(moisten, press, move hair away) and calibrate again."
        )
    if standing == "above chance":
        if e.across_sessions is None:
            advice.append(
                "This was shown within one session: repeat on another day to see whether it lasts."
            )
        elif e.p_across_sessions >= ALPHA:
            advice.append(
                "It does not carry over from one session to the next yet: measure a rest baseline "
                "at the start of every session."
            )
        return advice
    if standing == "worse than chance":
        advice.append(
            "Predictions were wrong more often than chance allows: check that markers and ratings "
            "belong to the right clips and that low and high are not swapped."
        )
        return advice
    more = clips_needed(e.eeg.balanced_accuracy)
    if more is not None and more > e.n_clips:
        advice.append(
            f"If the accuracy stays as it is, about {more} clips in all would show it "
            f"({more - e.n_clips} more)."
        )
    elif e.n_clips < 24:
        advice.append(f"Play and rate more clips (24 or more; so far {e.n_clips}).")
    else:
        advice.append(
            "More clips alone are unlikely to help: check the contact, listen with eyes closed "
            "and without moving, or rely on the music's estimate."
        )
    return advice


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0") if value < 1 else "1"
