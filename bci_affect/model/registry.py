"""Registry of the EEG encoders by name."""

from __future__ import annotations

from collections.abc import Callable

from bci_affect.errors import BciAffectError
from bci_affect.model.covariance import CovarianceEncoder
from bci_affect.model.encoder import Encoder
from bci_affect.model.paper import PaperEncoder
from bci_affect.model.settings import ModelSettings
from bci_affect.model.streaming import StreamingEncoder
from bci_affect.plugins import find_plugins

ENCODERS: dict[str, type[Encoder]] = {
    "paper": PaperEncoder,
    "streaming": StreamingEncoder,
    "covariance": CovarianceEncoder,
}
"""Encoder classes by the name used in settings and model files."""


def register_encoder(name: str) -> Callable[[type[Encoder]], type[Encoder]]:
    """Return a class decorator that adds an encoder, built as ``cls(settings)``, to `ENCODERS`."""

    def add(cls: type[Encoder]) -> type[Encoder]:
        ENCODERS[name] = cls
        return cls

    return add


def find_encoder(name: str) -> type[Encoder]:
    """Return the class of an encoder, of this program or of a plug-in.

    Raises
    ------
    BciAffectError
        If no encoder has that name, or the plug-in cannot be used.
    """
    if name in ENCODERS:
        return ENCODERS[name]
    found = find_plugins("encoders")
    if name not in found:
        choices = ", ".join(sorted({*ENCODERS, *found}))
        raise BciAffectError(f"There is no encoder '{name}'; choose one of {choices}.")
    cls = found[name].load()
    if not (isinstance(cls, type) and issubclass(cls, Encoder)):
        raise found[name].failure("is no encoder", "it does not inherit from model.Encoder")
    return cls


def build_encoder(settings: ModelSettings) -> Encoder:
    """Build the encoder named in the settings.

    Raises
    ------
    BciAffectError
        If no encoder has that name.
    """
    return find_encoder(settings.encoder)(settings)
