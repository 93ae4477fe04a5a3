"""``train``: a complete study, from a data set to metrics, models and a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bci_affect.cli.output import print_json
from bci_affect.safe_text import echo


def train(
    config: Annotated[str, typer.Argument(help="Preset (paper, streaming, ...) or a TOML file.")],
    data: Annotated[Path, typer.Option(help="Folder of the data set.")],
    out: Annotated[Path, typer.Option(help="Run folder: a new one, or one to resume.")],
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes, one fold each.")] = 1,
    cluster: Annotated[
        str | None,
        typer.Option(help="Run on Ray: 'auto' or an address; 'local' starts --jobs workers here."),
    ] = None,
    folds_per_gpu: Annotated[
        int, typer.Option(min=1, help="Folds that share a GPU of the cluster, if it has any.")
    ] = 4,
    cache: Annotated[Path | None, typer.Option(help="Folder of cached features.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON.")] = False,
) -> None:
    """Train and evaluate with a leak-proof protocol.

    The same command resumes an interrupted run.

    Example: bci-affect train streaming --data DEAP --out runs/streaming --jobs 4
    """
    from bci_affect.cli.study_output import print_study, study_progress
    from bci_affect.training import load_study, prepare_study, run_study

    settings = load_study(config)
    with study_progress() as shown:
        study = prepare_study(settings, data, out, cache=cache, n_jobs=jobs, progress=shown)
        metrics = run_study(
            study, n_jobs=jobs, cluster=cluster, folds_per_gpu=folds_per_gpu, progress=shown
        )
    if as_json:
        print_json(metrics)
    else:
        print_study(metrics)
        echo(f"Everything is in {out}; 'bci-affect report {out}' creates its HTML report.")
