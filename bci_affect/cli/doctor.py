"""`bci-affect doctor`: checks of this machine, and suggested fixes."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from bci_affect.safe_text import make_console


@dataclass(frozen=True)
class Check:
    """Result of one check: ``ok``, ``warning`` (something is missing) or ``failed``."""

    name: str
    result: str
    detail: str
    mend: str = ""


def check_python() -> Check:
    """Report the versions of Python and of the package."""
    from bci_affect import __version__

    return Check("python", "ok", f"Python {sys.version.split()[0]}, bci_affect {__version__}")


def check_lsl() -> Check:
    """Check that liblsl loads, and that an inlet receives a sample from an outlet."""
    import uuid

    from bci_affect.errors import BciAffectError
    from bci_affect.streams import FloatOutlet, find_streams

    name = f"bci_affect-doctor-{uuid.uuid4().hex[:8]}"
    try:
        outlet = FloatOutlet(name, "Test", ("value",))
        seen = find_streams(3.0, lambda stream: stream.name == name)
        outlet.close()
    except BciAffectError as error:
        return Check("lsl", "failed", str(error), "Install liblsl, or set PYLSL_LIB to its path.")
    if not seen:
        return Check(
            "lsl",
            "failed",
            "A stream of this program is not visible to it.",
            "Check that a firewall lets multicast on this machine through, or set LSLAPICFG to a "
            "file with [multicast] ResolveScope=machine.",
        )
    return Check("lsl", "ok", "a stream of this machine is visible")


def check_audio() -> Check:
    """Check that PortAudio loads and has an output device."""
    try:
        import sounddevice

        outputs = [d["name"] for d in sounddevice.query_devices() if d["max_output_channels"] > 0]
    except OSError:
        return Check(
            "audio",
            "warning",
            "PortAudio is missing; sessions run without sound.",
            "sudo apt-get install libportaudio2 libasound2-plugins",
        )
    except Exception as error:  # PortAudio's own errors have no common public base
        return Check("audio", "warning", f"PortAudio fails: {error}", "Check the sound server.")
    if not outputs:
        return Check(
            "audio",
            "warning",
            "No output device; sessions run without sound.",
            "Plug in a device, or start PulseAudio or PipeWire.",
        )
    return Check("audio", "ok", f"{len(outputs)} output devices, first: {outputs[0]}")


def check_qt() -> Check:
    """Check that Qt loads and that there is a display."""
    from bci_affect.gui import has_display

    try:
        from pyqtgraph.Qt import QtCore, QtWidgets  # noqa: F401 - widgets need the system's libraries
    except Exception as error:  # pyqtgraph raises a bare Exception where no binding loads
        return Check(
            "qt",
            "failed",
            f"Qt does not load: {error}",
            "sudo apt-get install libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1 "
            "libglib2.0-0",
        )
    detail = f"Qt {QtCore.QT_VERSION_STR}" if hasattr(QtCore, "QT_VERSION_STR") else "Qt"
    if not has_display():
        return Check(
            "qt", "warning", f"{detail}, but no display.", "Use --headless, or set DISPLAY."
        )
    return Check("qt", "ok", detail)


def check_torch() -> Check:
    """Report the version of torch and the visible GPUs."""
    import torch

    device = "CUDA" if torch.cuda.is_available() else "CPU"
    return Check("torch", "ok", f"torch {torch.__version__} on {device}")


def check_model() -> Check:
    """Check that the shipped model loads and predicts."""
    import numpy as np

    from bci_affect.errors import BciAffectError
    from bci_affect.session import load_predictor

    try:
        predictor = load_predictor(None)
    except BciAffectError as error:
        return Check("model", "failed", str(error), "Install bci_affect again.")
    card = predictor.card
    bands = np.zeros((round(card.window_s / card.step_s), 4, len(card.bands)), dtype=np.float32)
    positions = np.array(
        [[0.03, 0.08, 0.0], [-0.03, 0.08, 0.0], [0.07, 0.0, 0.0], [-0.07, 0.0, 0.0]], np.float32
    )
    prediction = predictor.predict(bands, np.ones(4, dtype=bool), positions)
    sums_to_one = abs(float(prediction.attention.sum()) - 1.0) < 1e-4
    if not (sums_to_one and np.isfinite(prediction.embedding).all()):
        return Check(
            "model", "failed", f"{card.name} computes wrong results.", "Install torch again."
        )
    return Check("model", "ok", f"{card.name}: {card.summary}")


def check_disk() -> Check:
    """Check that the user's data folder is writable and has enough free space."""
    from bci_affect.errors import BciAffectError
    from bci_affect.resources import user_home

    try:
        home = user_home()
    except BciAffectError as error:
        return Check("disk", "failed", str(error), "Set BCI_AFFECT_HOME.")
    if not os.access(home, os.W_OK):
        return Check("disk", "failed", f"{home} cannot be written.", "Set BCI_AFFECT_HOME.")
    free = shutil.disk_usage(home).free / 1e9
    if free < 1.0:
        return Check("disk", "warning", f"{home}: {free:.1f} GB free.", "Free at least 1 GB.")
    return Check("disk", "ok", f"{home}: {free:.0f} GB free")


def check_extras() -> Check:
    """List the installed optional packages."""
    from importlib.metadata import version  # slow to import, and every --help would wait for it
    from importlib.util import find_spec

    extras = {
        "brainflow": "headsets without LSL",
        "mne_bids": "BIDS data sets",
        "av": "m4a music",
        "onnxruntime": "other taggers",
        "ray": "clusters",
    }
    found = [
        f"{name} {version(name.replace('_', '-'))}"
        for name in extras
        if find_spec(name) is not None
    ]
    return Check("extras", "ok", ", ".join(found) if found else "none installed (all optional)")


CHECKS: tuple[Callable[[], Check], ...] = (
    check_python,
    check_lsl,
    check_audio,
    check_qt,
    check_torch,
    check_model,
    check_disk,
    check_extras,
)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Check this machine and suggest fixes.

    LSL, sound, Qt, torch, models and disk. The exit status is 1 if a check fails that every session
    needs.

    Example: bci-affect doctor
    """
    from rich.table import Table
    from rich.text import Text

    from bci_affect.cli.output import print_json

    results = []
    for check in CHECKS:
        try:
            results.append(check())
        except ImportError as error:
            name = check.__name__.removeprefix("check_")
            results.append(Check(name, "failed", str(error), "Install bci_affect again."))
    failed = any(result.result == "failed" for result in results)
    if as_json:
        print_json({"ok": not failed, "checks": [asdict(result) for result in results]})
    else:
        table = Table(box=None, show_header=False)
        marks = {
            "ok": Text("ok", "green"),
            "warning": Text("!", "yellow"),
            "failed": Text("x", "red"),
        }
        for result in results:
            mend = f"\n-> {result.mend}" if result.mend else ""
            table.add_row(marks[result.result], result.name, result.detail + mend)
        make_console().print(table)
    if failed:
        raise typer.Exit(1)
