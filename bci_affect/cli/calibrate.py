"""``calibrate``: a personal model, guided live or from recordings with labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def calibrate(
    more: Annotated[
        list[Path] | None, typer.Argument(help="Further recordings after --from.", metavar="FILE")
    ] = None,
    from_: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Recording (XDF); several in the order of recording."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="LABELS.toml: what the recordings' markers mean.")
    ] = None,
    profile: Annotated[str, typer.Option(help="Profile to write to; made if it is new.")] = "",
    model: Annotated[
        Path | None, typer.Option(help="Model file; default: the shipped one.")
    ] = None,
    stream: Annotated[str | None, typer.Option(help="Name of the EEG stream.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="New HTML report; default: in the user's data folder.")
    ] = None,
    permutations: Annotated[int, typer.Option(min=19, help="Permutations of the test.")] = 999,
    seed: Annotated[int, typer.Option(help="Seed of everything drawn at random.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Fit a model to one listener and say honestly how much it knows.

    Example: [bold]bci-affect calibrate --from A.xdf B.xdf --labels LABELS.toml --profile Ada[/bold]
    """
    from bci_affect.errors import BciAffectError

    files = [*(from_ or []), *(more or [])]
    if not files:
        raise BciAffectError("Give recordings with --from FILE.xdf.")
    document = _from_recordings(
        files, labels, profile, model, stream, report, permutations, seed, quiet=as_json
    )
    if as_json:
        from bci_affect.cli.output import print_json

        print_json(document)
    else:
        _show(document)


def _from_recordings(
    files: list[Path],
    labels: Path | None,
    profile: str,
    model: Path | None,
    stream: str | None,
    report: Path | None,
    permutations: int,
    seed: int,
    *,
    quiet: bool,
) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import Progress

    from bci_affect.config import load_toml
    from bci_affect.datasets import Labels
    from bci_affect.model import Predictor
    from bci_affect.resources import shipped
    from bci_affect.session.build import DEFAULT_MODEL
    from bci_affect.training.calibration.store import calibrate_recordings

    meaning = load_toml(labels, Labels) if labels else Labels()
    weights = model or shipped(DEFAULT_MODEL)
    console = Console(stderr=True)
    with Progress(console=console, disable=quiet or not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def progress(name: str, share: float) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=1.0)
            bar.update(tasks[name], completed=share)

        return calibrate_recordings(
            files,
            meaning,
            Predictor(weights),
            model_path=weights,
            profile=profile,
            stream=stream,
            report=report,
            n_permutations=permutations,
            seed=seed,
            progress=progress,
        )


def _show(document: dict[str, Any]) -> None:
    """Print verdicts and where things are."""
    for name, found in document["dimensions"].items():
        if "refused" in found:
            typer.echo(f"{name.capitalize()}: not calibrated. {found['refused']}")
            continue
        typer.echo(found["verdict"])
        for advice in found["advice"]:
            typer.echo(f"  - {advice}")
    for text in document["dropped"]:
        typer.echo(f"Left out: {text}.")
    typer.echo(f"Profile: {document['profile']}")
    typer.echo(f"Report:  {document['report']}")
