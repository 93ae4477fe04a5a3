"""Registry of the EEG encoders by name."""

from __future__ import annotations

from collections.abc import Callable

from bci_affect.errors import BciAffectError
from bci_affect.model.covariance import CovarianceEncoder
from bci_affect.model.encoder import Encoder
from bci_affect.model.paper import PaperEncoder
from bci_affect.model.settings import ModelSettings
from bci_affect.model.streaming import StreamingEncoder

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


def build_encoder(settings: ModelSettings) -> Encoder:
    """Build the encoder named in the settings.

    Raises
    ------
    BciAffectError
        If no encoder has that name.
    """
    if settings.encoder not in ENCODERS:
        raise BciAffectError(
            f"There is no encoder '{settings.encoder}'; choose one of "
            f"{', '.join(sorted(ENCODERS))}."
        )
    return ENCODERS[settings.encoder](settings)
