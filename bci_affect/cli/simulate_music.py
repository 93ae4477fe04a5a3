"""``simulate music``: render short royalty-free pieces spread over valence and arousal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bci_affect.safe_text import echo, make_console, make_progress


def simulate_music(
    folder: Annotated[
        Path, typer.Argument(help="Folder for the pieces; created if it does not exist.")
    ],
    count: Annotated[
        int,
        typer.Option(min=0, help="Number of random pieces; 0: the fourteen of the demonstration."),
    ] = 0,
    seconds: Annotated[float, typer.Option(min=4, max=600, help="Length of random pieces.")] = 32.0,
    seed: Annotated[int, typer.Option(help="Seed of random pieces.")] = 0,
    file_format: Annotated[
        str, typer.Option("--format", help="flac, ogg, wav, mp3 or opus.")
    ] = "flac",
    as_json: Annotated[bool, typer.Option("--json", help="Print the pieces as JSON.")] = False,
) -> None:
    """Compose music whose intended valence and arousal are known.

    Example: bci-affect simulate music ~/Music/demo
    """
    from dataclasses import asdict

    from bci_affect.cli.output import print_json
    from bci_affect.simulation import PIECES, random_pieces, write

    pieces = random_pieces(count, seed, seconds) if count else list(PIECES)
    console = make_console(stderr=True)
    with make_progress(console, transient=True) as bar:
        task = bar.add_task("Rendering", total=len(pieces))
        paths = write(
            folder,
            pieces,
            file_format=file_format,
            progress=lambda n, _: bar.update(task, completed=n),
        )
    if as_json:
        print_json(
            [asdict(piece) | {"file": str(path)} for piece, path in zip(pieces, paths, strict=True)]
        )
    else:
        echo(f"{len(paths)} pieces in {folder}; pieces.json lists their intended moods")
