"""The bimodal model: EEG encoder, music projection, common space, heads, losses, model files.

What lives here: torch modules, each in a file, and `Predictor`, which takes and gives NumPy arrays
so that other rooms need no torch. What never will: EEG files, LSL, and Qt.

Importing this room does not import torch; the first use of a name that needs it does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bci_affect.model.card import ModelCard, Prediction
from bci_affect.model.settings import ModelSettings

if TYPE_CHECKING:
    from bci_affect.model.affect import AffectModel, Output
    from bci_affect.model.encoder import ENCODERS, Encoder
    from bci_affect.model.files import load_model, save_model
    from bci_affect.model.predictor import Predictor

_NEEDS_TORCH = {
    "AffectModel": "affect",
    "Output": "affect",
    "ENCODERS": "encoder",
    "Encoder": "encoder",
    "load_model": "files",
    "save_model": "files",
    "Predictor": "predictor",
}

__all__ = [
    "ENCODERS",
    "AffectModel",
    "Encoder",
    "ModelCard",
    "ModelSettings",
    "Output",
    "Prediction",
    "Predictor",
    "load_model",
    "save_model",
]


def __getattr__(name: str) -> Any:
    if name in _NEEDS_TORCH:
        return getattr(import_module(f"bci_affect.model.{_NEEDS_TORCH[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
