"""HTML report of a calibration: one file with the findings and the methods."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from bci_affect import __version__
from bci_affect.affect import DIMENSIONS, decide
from bci_affect.storage import write_atomically
from bci_affect.training.calibration import figures
from bci_affect.training.calibration.clips import select_labelled
from bci_affect.training.calibration.evaluation import Evaluation, Score
from bci_affect.training.calibration.personal_model import Calibration
from bci_affect.training.calibration.recordings import PersonClips
from bci_affect.training.calibration.verdict import limit_percent
from bci_affect.training.svg_figures import quality_figure, topography_figure


def summary(calibration: Calibration) -> dict[str, Any]:
    """Return verdicts and scores as plain JSON, for ``--json`` and the profile's history."""
    dimensions: dict[str, Any] = {}
    for name in DIMENSIONS:
        if name in calibration.refused:
            dimensions[name] = {"refused": calibration.refused[name]}
            continue
        e, verdict = calibration.evaluations[name], calibration.verdicts[name]
        model = getattr(calibration.personal, name)
        dimensions[name] = {
            "standing": verdict.standing,
            "verdict": verdict.text,
            "advice": list(verdict.advice),
            "n_clips": e.n_clips,
            "n_high": e.n_high,
            "n_sessions": e.n_sessions,
            "chance": 0.5,
            "p": e.p,
            "p_corrected": verdict.p_adjusted,
            "permuted": e.scheme,
            "eeg": _score(e.eeg),
            "population_head": _score(e.population),
            "music": _score(e.music),
            "fused": _score(e.fused),
            "majority": _score(e.baselines["majority"]),
            "prior": _score(e.baselines["prior"]),
            "random_embedding": {"balanced_accuracy": e.random[0], "percentile_95": e.random[1]},
            "across_sessions": _score(e.across_sessions),
            "p_across_sessions": e.p_across_sessions,
            "rung": model.rung,
            "eeg_weight": model.eeg_weight,
            "music_weight": model.music_weight,
            "n_decided": sum(
                decide(float(prob), model.conformal) != "unsure" for prob in expit(e.eeg_logit)
            ),
        }
    return {"n_clips": calibration.personal.n_clips, "dimensions": dimensions}


def _score(score: Score | None) -> dict[str, Any] | None:
    if score is None:
        return None
    return {
        "n": score.n,
        "right": score.right,
        "balanced_accuracy": score.balanced_accuracy,
        "balanced_accuracy_interval": list(score.interval),
        "interval_level": score.level,
        "auc": score.auc,
        "auc_interval": list(score.auc_interval),
        "brier": score.brier,
        "calibration_error": score.calibration_error,
    }


def write_report(
    path: Path,
    profile: str,
    clips: PersonClips,
    calibration: Calibration,
    *,
    model: str,
    tuning: str = "",
) -> None:
    """Write the HTML report; an existing file is not overwritten.

    Raises
    ------
    BciAffectError
        If the file exists or cannot be written.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["j2", "html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(
        profile=profile,
        tuning=tuning,
        version=__version__,
        model=model,
        made=dt.datetime.fromtimestamp(calibration.personal.created).strftime("%Y-%m-%d %H:%M"),
        dimensions=[_dimension(name, clips, calibration) for name in DIMENSIONS],
        runs=[_run(i, clips, calibration) for i in range(len(clips.runs))],
        dropped=clips.dropped,
        n_clips=len(clips.table),
    )
    write_atomically(path, page, overwrite=False)


def _dimension(name: str, clips: PersonClips, calibration: Calibration) -> dict[str, Any]:
    """Return the template values of one dimension."""
    if name in calibration.refused:
        return {"name": name, "refused": calibration.refused[name]}
    evaluation, verdict = calibration.evaluations[name], calibration.verdicts[name]
    rows = select_labelled(clips.table, name).rows
    model = getattr(calibration.personal, name)
    return {
        "name": name,
        "refused": "",
        "standing": verdict.standing,
        "text": verdict.text,
        "advice": verdict.advice,
        "scores": _table(evaluation),
        "scheme": evaluation.scheme,
        "rung": model.rung,
        "eeg_weight": model.eeg_weight,
        "music_weight": model.music_weight,
        "conformal": model.conformal,
        "clips": figures.clip_predictions(evaluation, [clips.table.names[i] for i in rows]),
        "histogram": figures.permutation_histogram(evaluation),
        "reliability": figures.reliability_curve(evaluation),
    }


def _table(e: Evaluation) -> list[dict[str, str]]:
    """Return the rows of the table of scores."""
    lines: list[tuple[str, Score | None, str]] = [
        ("EEG, personal (held out)", e.eeg, f"{e.p:.3f}"),
        ("EEG, population head", e.population, ""),
        ("Music alone", e.music, ""),
        ("Both, fused (held out)", e.fused, ""),
        ("EEG across sessions", e.across_sessions, f"{e.p_across_sessions:.3f}"),
        ("Larger class", e.baselines["majority"], ""),
        ("Even odds", e.baselines["prior"], ""),
    ]
    out = []
    for label, score, p in lines:
        if score is None:
            continue
        low, high = score.interval
        out.append(
            {
                "label": label,
                "right": f"{score.right:g} of {score.n}",
                "accuracy": f"{score.balanced_accuracy:.0%}",
                "interval": f"{limit_percent(low)} to {limit_percent(high)} ({score.level:.0%})"
                if np.isfinite(low)
                else "",
                "auc": f"{score.auc:.2f}",
                "brier": f"{score.brier:.3f}",
                "ece": f"{score.calibration_error:.2f}",
                "p": p,
            }
        )
    mean, top = e.random
    out.append(
        {
            "label": "Random embedding",
            "right": "",
            "accuracy": f"{mean:.0%}",
            "interval": f"95 % below {top:.0%}",
            "auc": "",
            "brier": "",
            "ece": "",
            "p": "",
        }
    )
    return out


def _run(number: int, clips: PersonClips, calibration: Calibration) -> dict[str, Any]:
    """Return the template values of one recording."""
    run = clips.runs[number]
    return {
        "name": run.path.name,
        "session": run.session,
        "minutes": f"{(run.quality_time[-1] - run.quality_time[0]) / 60:.1f}",
        "clips": sum(1 for kept, _ in clips.kept if kept == number),
        "quality": f"{run.quality.mean():.0%}",
        "alpha": f"{run.alpha_rise:+.2f}" if np.isfinite(run.alpha_rise) else "",
        "messages": run.messages,
        "trajectory": figures.trajectories(run, calibration.personal),
        "quality_figure": quality_figure(run.quality_time, run.quality),
        "topography": topography_figure(run.channels, run.positions, run.attention),
    }
