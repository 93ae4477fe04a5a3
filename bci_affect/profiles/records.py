"""Records of profiles, the keys of their entries, and their checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bci_affect.affect import PersonalModel
from bci_affect.errors import BciAffectError


@dataclass(frozen=True)
class CalibrationRecord:
    """One calibration in a profile's history.

    Attributes
    ----------
    id : int
    created : float
        Unix time.
    model : str
        Identity of the encoder.
    parent : int or None
        The calibration before it: the profile's lineage.
    summary : dict
        Verdicts and scores, plain JSON.
    sources : tuple of str
        Recordings that it was made from.
    report : str
        Path of its HTML report; "" where none was written.
    """

    id: int
    created: float
    model: str
    parent: int | None
    summary: dict[str, Any]
    sources: tuple[str, ...]
    report: str


@dataclass(frozen=True)
class Profile:
    """One listener.

    ``personal`` is None before the first calibration; ``history`` is oldest first.
    """

    name: str
    created: float
    note: str
    personal: PersonalModel | None
    history: tuple[CalibrationRecord, ...]


def model_identity(path: Path) -> str:
    """Return what identifies a model file in profiles: its name and the start of its SHA-256.

    Raises
    ------
    BciAffectError
        If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BciAffectError(f"Cannot read the model {path} ({error.strerror}).") from None
    return f"{path.stem}@{digest[:12]}"


def normalisation_key(model: str, channels: Sequence[str]) -> str:
    """Return the key under which a profile keeps the normalisation of a model on a montage.

    Parameters
    ----------
    model : str
        `model_identity`: it fixes bands and windows.
    channels : sequence of str
        The stream's channel labels, in order.
    """
    return f"{model} {' '.join(channels)}"


def row_sum(values: Sequence[Any]) -> str:
    """Return a checksum over a row."""
    digest = hashlib.sha256()
    for value in values:
        data = value if isinstance(value, bytes) else repr(value).encode()
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()


def is_intact(stored: str, values: Sequence[Any]) -> bool:
    """Return whether a row has the checksum that was stored with it, if there was one."""
    return not stored or stored == row_sum(values)
