"""HTML report of a study: tables, figures and conclusions in one self-contained page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bci_affect.storage import write_atomically
from bci_affect.training import report_figures as figures
from bci_affect.training.figure_data import (
    FigureData,
    collect_figure_data,
    read_figure_data,
    write_figure_data,
)
from bci_affect.training.run_folder import RunFolder
from bci_affect.training.study import Progress, open_study
from bci_affect.training.study_settings import TARGETS


def write_report(
    run: Path,
    out: Path | None = None,
    *,
    data: Path | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the report of a finished study.

    The data set is read only for a run of an earlier version, which has no ``figures.npz``.

    Parameters
    ----------
    run : Path
        Folder of the study.
    out : Path, optional
        File to write; by default ``report.html`` in the folder.
    data, cache, progress
        See `study.reevaluate`.

    Returns
    -------
    Path
        Path of the report.

    Raises
    ------
    BciAffectError
        If the folder is not a finished study, its data are missing, or the report cannot be
        written.
    """
    folder = RunFolder(run)
    found = read_figure_data(run)
    if found is None:
        folder.metrics  # noqa: B018 - an unfinished study is refused before its data are read
        found = collect_figure_data(open_study(run, data, cache=cache, progress=progress))
        write_figure_data(run, found)
    page = render(folder, found, progress)
    path = out if out is not None else run / "report.html"
    write_atomically(path, page)
    return path


def render(folder: RunFolder, found: FigureData, progress: Progress | None = None) -> str:
    """Return the HTML report of a study."""
    from jinja2 import Environment, PackageLoader, select_autoescape

    metrics, config = folder.metrics, folder.config()
    environment = Environment(
        loader=PackageLoader("bci_affect.training", "."), autoescape=select_autoescape(["j2"])
    )
    environment.filters["interval"] = interval
    return environment.get_template("report.html.j2").render(
        metrics=metrics,
        targets=[target for target in TARGETS if target in config.study.targets],
        phases=_phases(metrics),
        sentences=conclusions(metrics),
        simulated=found.simulated,
        study=folder.study,
        config=json.dumps(config.model_dump(mode="json"), indent=1),
        history=figures.history_figure(list(folder.histories())),
        variants=list(_variant_figures(found, progress)),
    )


def conclusions(metrics: dict[str, Any]) -> list[str]:
    """Return one sentence on chance level for each variant, phase and target.

    "Above chance" requires both the test and the interval. The test permutes labels within each
    person: can the result of these people be chance? The interval resamples people: does it
    generalise to other people? If only one of them is positive, the sentence explains which.
    """
    sentences = []
    for variant, phases in metrics["results"].items():
        for phase, result in phases.items():
            for target, p in result["p"].items():
                found = result[target]["trial"]["balanced_accuracy"]
                verdict = _verdict(found, p)
                where = "held-out people" if phase == "pretrain" else "people's own held-out trials"
                if metrics["protocol"] != "loso" and phase == "pretrain":
                    where = f"the test part (protocol {metrics['protocol']})"
                sentences.append(
                    f"{variant}, {target} on {where}: {verdict} "
                    f"({interval(found)}, chance 0.5, p = {'-' if p is None else f'{p:.3f}'})."
                )
    return sentences


def _verdict(found: dict[str, Any], p: float | None) -> str:
    """Return the verdict on one balanced accuracy, with its interval over people and its p."""
    if found["mean"] is None or p is None:
        return "is undefined: no person has trials of both classes"
    low, high = found["low"], found["high"]
    people, labels = low is not None and low > 0.5, p < 0.05
    if people and labels:
        return "is above chance"
    if high is not None and high < 0.5:
        return "is below chance: check labels and splits for an error"
    if labels and low is None:
        return "is above chance in this one person, which is no evidence about other people"
    if labels:
        return (
            "is above chance in these people by the test, which permutes labels within each "
            "person, but is not shown to be above chance in people at large: the interval over "
            "people includes chance"
        )
    if people:
        return (
            "is not shown to be above chance: the interval over people excludes chance, but the "
            "test, which permutes labels within each person, is not significant"
        )
    return "is not shown to be above chance"


def interval(found: dict[str, Any] | None) -> str:
    """Format a mean with its interval."""
    if not found or found["mean"] is None:
        return "-"
    if found["low"] is None:
        return f"{found['mean']:.3f}"
    return f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def _phases(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    names = {"pretrain": "Across people", "cotrain": "After co-training with own trials"}
    found = []
    for phase, title in names.items():
        rows = [
            (variant, phases[phase])
            for variant, phases in metrics["results"].items()
            if phase in phases
        ]
        if rows:
            figure = figures.people_figure(metrics, phase)
            found.append({"name": phase, "title": title, "rows": rows, "figure": figure})
    return found


def _variant_figures(
    found: FigureData, progress: Progress | None = None
) -> Iterator[dict[str, Any]]:
    """Draw attention and common space of each variant."""
    for number, one in enumerate(found.variants):
        if progress is not None:
            progress("Figures", one.variant, number, len(found.variants))
        spaces = []
        if len(one.music):
            spaces = figures.space_figures(
                one.embedding, one.music, one.subject, one.labels, one.music_labels
            )
        yield {
            "variant": one.variant,
            "attention": figures.attention_figure(one.attention, found.channels, found.positions),
            "spaces": spaces,
            "fold": one.fold,
        }
