"""``bci-affect export-model``: the EEG branch of a model as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bci_affect.safe_text import echo


def export_model(
    out: Annotated[Path, typer.Option(help="New ONNX file.")],
    model: Annotated[
        Path | None, typer.Argument(help="Model file; default: the shipped one.")
    ] = None,
) -> None:
    """Write the EEG encoder of a model as an ONNX file with its card.

    Example: bci-affect export-model --out encoder.onnx
    """
    from bci_affect.model import export_onnx, load_model
    from bci_affect.session import model_path

    loaded, card = load_model(model_path(model))
    export_onnx(out, loaded, card)
    echo(f"Wrote {out} ({card.name}).")
