"""`bci-affect benchmark`: how fast the parts are on this machine."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def benchmark(
    only: Annotated[
        str | None, typer.Option(help="Names, separated by commas; default: all.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="Shorter and noisier.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure how fast every part is on this machine.

    Latency, replay, signal, streams, training, tagger, retrieval, window, start.

    Example: bci-affect benchmark --only live,signal --json
    """
    import importlib
    import os
    import platform

    from rich.console import Console
    from rich.table import Table

    from bci_affect.app import BENCHMARKS
    from bci_affect.cli.output import print_json

    names = [name.strip() for name in only.split(",")] if only else list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        raise typer.BadParameter(
            f"'{unknown[0]}' is none of {', '.join(BENCHMARKS)}", param_hint="--only"
        )
    document: dict[str, Any] = {
        "machine": {
            "platform": platform.platform(),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "load_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        }
    }
    console = Console(stderr=True)
    for name in names:
        with console.status(f"Measuring {name} ..."):
            document[name] = importlib.import_module(BENCHMARKS[name]).run(quick)
    if as_json:
        print_json(document)
        return
    table = Table("benchmark", "figure", "value", box=None)
    for name in names:
        for key, value in _flat(document[name]):
            table.add_row(name, key, f"{value:.4g}" if isinstance(value, float) else str(value))
    Console().print(table)


def _flat(figures: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in figures.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{key}.")
        else:
            rows.append((prefix + key, value))
    return rows
