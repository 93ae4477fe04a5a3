"""SVG figures of a calibration report."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from bci_affect.affect import DIMENSIONS, PersonalModel, personal_logits
from bci_affect.training.calibration.evaluation import Evaluation
from bci_affect.training.calibration.runs import Run
from bci_affect.training.svg_figures import (
    GREY,
    HIGH,
    LOW,
    MAX_POINTS,
    MUSIC,
    break_at_gaps,
    new_figure,
    to_svg,
)


def permutation_histogram(evaluation: Evaluation) -> str:
    """Plot the statistic under permuted labels and under the real ones."""
    figure, (axes,) = new_figure(5.2, 2.6)
    axes.hist(evaluation.drawn, bins=30, color="#BBBBBB", label="permuted labels")
    axes.axvline(evaluation.statistic, color=HIGH, linewidth=2, label="your labels")
    axes.set(
        xlabel="mean probability given to the true side of held-out clips",
        ylabel=f"of {len(evaluation.drawn)} permutations",
    )
    axes.legend(
        frameon=False, fontsize=8, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderpad=0
    )
    return to_svg(figure)


def reliability_curve(evaluation: Evaluation) -> str:
    """Plot the predicted probability against the observed share of high clips."""
    figure, (axes,) = new_figure(3.4, 3.2)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    axes.plot(
        [b.predicted for b in evaluation.curve],
        [b.observed for b in evaluation.curve],
        "o-",
        color=LOW,
    )
    for b in evaluation.curve:
        axes.annotate(f"{b.n}", (b.predicted, b.observed), (4, -10), textcoords="offset points")
    axes.set(
        xlim=(0, 1),
        ylim=(-0.03, 1.03),
        xlabel="predicted probability of high",
        ylabel="share that was high",
    )
    return to_svg(figure)


def clip_predictions(evaluation: Evaluation, names: list[str]) -> str:
    """Plot the held-out probability of every clip by EEG, music and fusion, coloured by rating."""
    n = evaluation.n_clips
    figure, (axes,) = new_figure(7.6, 0.9 + 0.22 * n)
    rows = np.arange(n)
    colours = np.where(evaluation.high > 0.5, HIGH, LOW)
    axes.axvline(0.5, color=GREY, linewidth=1)
    axes.scatter(
        expit(evaluation.eeg_logit), rows, c=colours, marker="o", s=34, label="EEG", zorder=3
    )
    known = np.isfinite(evaluation.music_logit)
    if known.any():
        axes.scatter(
            expit(evaluation.music_logit[known]),
            rows[known],
            facecolors="none",
            edgecolors=MUSIC,
            marker="s",
            s=26,
            label="music",
        )
        axes.scatter(
            expit(evaluation.fused_logit), rows, color="black", marker="|", s=60, label="both"
        )
    side = ["high" if high > 0.5 else "low" for high in evaluation.high]
    axes.set_yticks(
        rows, [f"{name[:38]} ({s})" for name, s in zip(names, side, strict=True)], fontsize=7
    )
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel=f"held-out probability of high {evaluation.dimension}")
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return to_svg(figure)


def trajectories(run: Run, personal: PersonalModel) -> str:
    """Plot the probability of high over a recording by the fitted head, with clips and ratings."""
    figure, panels = new_figure(9.0, 3.6, 2)
    panels[0].tick_params(labelbottom=False)  # labels below the lower panel only
    panels[1].sharex(panels[0])
    start = float(run.quality_time[0])
    step = max(1, len(run.time) // MAX_POINTS)
    time = (run.time[::step] - start) / 60
    logits = np.array(
        [
            personal_logits(personal, z, x)
            for z, x in zip(run.logit[::step], run.embedding[::step], strict=True)
        ]
    ).reshape(-1, 2)
    for j, (axes, name) in enumerate(zip(panels, DIMENSIONS, strict=True)):
        for segment in run.segments:
            rating = (segment.valence, segment.arousal)[j]
            colour = GREY if not np.isfinite(rating) or rating == 5 else (LOW, HIGH)[rating > 5]
            alpha = 0.10 if segment.rest else 0.22
            axes.axvspan(
                (segment.start - start) / 60,
                (segment.stop - start) / 60,
                color=colour,
                alpha=alpha,
                linewidth=0,
            )
        axes.plot(*break_at_gaps(time, expit(logits[:, j])), color="black", linewidth=1)
        axes.axhline(0.5, color=GREY, linewidth=0.8)
        axes.set(ylim=(0, 1), ylabel=f"P(high {name})")
    panels[-1].set_xlabel("minutes")
    return to_svg(figure)
