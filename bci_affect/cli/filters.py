"""``bci-affect filters``: gain and delay of the signal path at each frequency."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bci_affect.cli.output import print_json
from bci_affect.safe_text import make_console
from bci_affect.storage import atomic_file

if TYPE_CHECKING:
    from bci_affect.eeg import Pipeline


def filters(
    rate: Annotated[float, typer.Option(help="Sampling rate of the stream in Hz.")] = 250.0,
    settings: Annotated[
        Path | None, typer.Option(help="Signal settings (TOML); default: built-in.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="PNG file for a plot of gain and delay.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the filter of each band: edges, gain, delay, warm-up.

    Example: bci-affect filters --rate 250 --plot docs/img/frequency-response.png
    """
    from bci_affect.config import SignalSettings, load_toml
    from bci_affect.eeg import Pipeline, make_montage

    chosen = SignalSettings() if settings is None else load_toml(settings, SignalSettings)
    plain = chosen.model_copy(update={"reference": "none"})
    pipeline = Pipeline(plain, rate, make_montage(["Cz"]))
    document = _describe(pipeline)
    if plot is not None:
        _draw(pipeline, plot)
        document["plot"] = str(plot)
    if as_json:
        print_json(document)
    else:
        _show(document)


def _describe(pipeline: Pipeline) -> dict[str, Any]:
    import numpy as np

    bands = {}
    for name, (low, high) in pipeline.settings.bands.items():
        centre = float(np.sqrt(low * min(high, 0.45 * pipeline.rate_hz)))
        at = np.array([low, centre, min(high, 0.49 * pipeline.rate_hz)])
        gain = 20 * np.log10(np.abs(pipeline.design.from_electrode[name].response(at)))
        bands[name] = {
            "low_hz": low,
            "high_hz": high,
            "gain_db_low": float(gain[0]),
            "gain_db_centre": float(gain[1]),
            "gain_db_high": float(gain[2]),
            "delay_ms": 1e3 * pipeline.delays[name],
        }
    return {
        "rate_hz": pipeline.rate_hz,
        "bands": bands,
        "traces_delay_ms": 1e3 * pipeline.delays["traces"],
        "resampling_delay_ms": 1e3 * pipeline.delays["resampling"],
        "settle_s": pipeline.settle_s,
        "warm_up_s": pipeline.warm_up_s,
    }


def _show(document: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table("band", "Hz", "gain at edges and centre, dB", "group delay, ms", box=None)
    for name, band in document["bands"].items():
        gains = " ".join(f"{band[f'gain_db_{at}']:.1f}" for at in ("low", "centre", "high"))
        edges = f"{band['low_hz']:g}-{band['high_hz']:g}"
        table.add_row(name, edges, gains, f"{band['delay_ms']:.0f}")
    console = make_console(highlight=False)
    console.print(f"At {document['rate_hz']:g} Hz:")
    console.print(table)
    console.print(
        f"Displayed traces: {document['traces_delay_ms']:.1f} ms at 10 Hz, corrected in their time "
        f"stamps. Resampling waits {document['resampling_delay_ms']:.0f} ms."
    )
    console.print(
        f"Filters settle in {document['settle_s']:g} s; the first window can be ok after "
        f"{document['warm_up_s']:g} s."
    )


def _draw(pipeline: Pipeline, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    hz = np.geomspace(0.1, 0.49 * pipeline.rate_hz, 1500)
    colours = ("#E69F00", "#56B4E9", "#009E73", "#D55E00", "#CC79A7", "#0072B2", "#F0E442")
    figure, (gains, delays) = plt.subplots(2, 1, figsize=(8, 6), sharex=True)
    cascades = pipeline.design.from_electrode
    for i, (name, cascade) in enumerate(cascades.items()):
        style = {"color": "#555555", "ls": "--"} if name == "traces" else {"color": colours[i % 7]}
        response = cascade.response(hz)
        gain = 20 * np.log10(np.maximum(np.abs(response), 1e-6))
        gains.semilogx(hz, gain, label=name, lw=1.4, **style)
        inside = gain > -6
        delay = -np.gradient(np.unwrap(np.angle(response)), 2 * np.pi * hz)
        delays.semilogx(hz, np.where(inside, 1e3 * delay, np.nan), lw=1.4, **style)
    gains.set(ylabel="gain, dB", ylim=(-60, 5))
    gains.legend(ncols=3, fontsize=8, loc="lower left")
    delays.set(ylabel="group delay, ms", xlabel="frequency, Hz", ylim=(0, 500))
    for axis in (gains, delays):
        axis.grid(alpha=0.3)
    figure.suptitle(f"From the electrode to each band, {pipeline.rate_hz:g} Hz")
    figure.tight_layout()
    try:
        with atomic_file(path) as partial:
            figure.savefig(partial, dpi=90, format=path.suffix[1:] or "png")
    finally:
        plt.close(figure)
