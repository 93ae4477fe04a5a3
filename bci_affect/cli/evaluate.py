"""``evaluate``: metrics of a run, recomputed from the predictions of its folds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bci_affect.cli.output import print_json


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder of 'train'.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder of the data set, if it was moved after training.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of cached features.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Recompute the metrics of a run without training.

    Example: bci-affect evaluate runs/streaming --json
    """
    from bci_affect.cli.study_output import print_study, study_progress
    from bci_affect.training import reevaluate

    with study_progress() as shown:
        metrics = reevaluate(run, data, cache=cache, progress=shown)
    if as_json:
        print_json(metrics)
    else:
        print_study(metrics)
