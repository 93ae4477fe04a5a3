"""``calibrate``: a personal model, guided live or from recordings with labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bci_affect.cli.live import AcceptNotice
from bci_affect.safe_text import echo, make_console, make_progress


def calibrate(
    more: Annotated[
        list[Path] | None, typer.Argument(help="Further recordings after --from.", metavar="FILE")
    ] = None,
    from_: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Recording (XDF); several in the order of recording."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="LABELS.toml: ratings of the recordings' markers.")
    ] = None,
    profile: Annotated[str, typer.Option(help="Profile to write to; created if it is new.")] = "",
    model: Annotated[
        Path | None, typer.Option(help="Model file, or base; default: the shipped demo.")
    ] = None,
    stream: Annotated[str | None, typer.Option(help="Name of the EEG stream.")] = None,
    source_id: Annotated[
        str | None, typer.Option(help="Source id of the LSL stream (guided).")
    ] = None,
    type_: Annotated[str, typer.Option("--type", help="Type of the LSL stream (guided).")] = "EEG",
    wait: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the stream.")] = 30.0,
    clips: Annotated[int, typer.Option(help="Clips to play (guided): 8, 12, 16, ...")] = 12,
    seconds: Annotated[float, typer.Option(help="Length of a clip (guided), 20 to 60.")] = 30.0,
    rest: Annotated[
        bool, typer.Option("--rest/--no-rest", help="Begin with the rest baseline (guided).")
    ] = True,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume an interrupted calibration.")
    ] = False,
    earlier: Annotated[
        bool | None,
        typer.Option(
            "--earlier/--no-earlier",
            help="Use the recordings of the profile's last calibration too; guided: yes, else no.",
        ),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Folder of recordings; default: in the user's data folder.")
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Guide in the terminal, without a window.")
    ] = False,
    volume: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Loudness of the clips (guided), 0 to 1.")
    ] = 0.5,
    audio: Annotated[
        str, typer.Option(help="Part of an audio device's name; 'none' for silence (guided).")
    ] = "",
    report: Annotated[
        Path | None, typer.Option(help="New HTML report; default: in the user's data folder.")
    ] = None,
    align: Annotated[
        bool,
        typer.Option("--align", help="Shift EEG or markers of --from that are on another clock."),
    ] = False,
    permutations: Annotated[int, typer.Option(min=19, help="Permutations of the test.")] = 999,
    seed: Annotated[int, typer.Option(help="Seed of all random choices.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    accept_notice: AcceptNotice = False,
) -> None:
    """Fit a model to one listener and test whether it beats chance.

    With --from, use recordings whose markers LABELS.toml maps to ratings, or that contain ratings
    as events. Without it, guide the listener through rest and clips of the music library, live.

    Example: bci-affect calibrate --from A.xdf B.xdf --labels LABELS.toml --profile Ada

    Example: bci-affect calibrate --stream "Muse S" --profile Ada --clips 16
    """
    from bci_affect.errors import BciAffectError

    files = [*(from_ or []), *(more or [])]
    if files:
        found: dict[str, Any] | None = _from_recordings(
            files,
            labels,
            profile,
            model,
            stream,
            report,
            permutations,
            seed,
            align=align,
            earlier=bool(earlier),
            quiet=as_json,
        )
    elif not profile:
        raise BciAffectError(
            "Give recordings with --from FILE.xdf, or --profile NAME for a guided calibration."
        )
    else:
        from bci_affect.app import GuidedOptions, require_consent, run_guided

        require_consent(profile, accept=accept_notice, ask=not headless)
        found = run_guided(
            GuidedOptions(
                profile=profile,
                model=model,
                stream=stream,
                source_id=source_id,
                type=type_,
                wait_s=wait,
                clips=clips,
                seconds=seconds,
                rest=rest,
                resume=resume,
                earlier=earlier is not False,
                record=record,
                headless=headless,
                audio=audio,
                volume=volume,
                report=report,
                permutations=permutations,
                seed=seed,
            )
        )
    if as_json:
        from bci_affect.cli.output import print_json

        print_json(found or {"stopped": True, "profile": profile})
    elif found is None:
        echo("Stopped; run the same command with --resume to continue.")
    else:
        _show(found)


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
    align: bool,
    earlier: bool,
    quiet: bool,
) -> dict[str, Any]:
    from bci_affect.app import calibrate as calibrate_offline

    console = make_console(stderr=True)
    with make_progress(console, hidden=quiet) as bar:
        tasks: dict[str, Any] = {}

        def progress(name: str, share: float) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=1.0)
            bar.update(tasks[name], completed=share)

        return calibrate_offline(
            files,
            labels,
            profile=profile,
            model=model,
            stream=stream,
            align=align,
            earlier=earlier,
            report=report,
            permutations=permutations,
            seed=seed,
            progress=progress,
        )


def _show(document: dict[str, Any]) -> None:
    """Print the verdicts and the paths of the files."""
    for name, found in document["dimensions"].items():
        if "refused" in found:
            echo(f"{name.capitalize()}: not calibrated. {found['refused']}")
            continue
        echo(found["verdict"])
        for advice in found["advice"]:
            echo(f"  - {advice}")
    echo(document["fine_tuning"]["text"])
    for text in document["dropped"]:
        echo(f"Left out: {text}.")
    echo(f"Profile: {document['profile']}")
    echo(f"Report:  {document['report']}")
