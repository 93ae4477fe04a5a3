"""A personal model as plain JSON and arrays, which is how a profile keeps it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import DIMENSIONS, DimensionModel, PersonalModel
from bci_affect.storage import Arrays

_ENCODER = "tuned:"  # before the names of the tuned encoder's parameters
_SCALARS = (
    "gain",
    "bias",
    "live_gain",
    "conformal",
    "eeg_weight",
    "music_weight",
    "fused_bias",
)


def split(personal: PersonalModel) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Split a personal model into plain JSON and arrays."""
    header: dict[str, Any] = {
        "created": personal.created,
        "n_clips": personal.n_clips,
        "model": personal.model,
    }
    arrays: dict[str, NDArray[Any]] = {
        "centre": personal.centre,
        "directions": personal.directions,
        "reach": np.array(personal.reach),
    }
    arrays |= {f"{_ENCODER}{name}": value for name, value in personal.encoder.items()}
    for name, model in zip(DIMENSIONS, personal.dimensions, strict=True):
        header[name] = {"rung": model.rung, "informative": model.informative}
        arrays[f"{name}.weights"] = model.weights
        arrays[f"{name}.scalars"] = np.array([getattr(model, field) for field in _SCALARS])
    return header, arrays


def join(header: dict[str, Any], arrays: Arrays) -> PersonalModel:
    """Inverse of `split`.

    Raises
    ------
    ValueError, KeyError
        If something is missing or does not fit.
    """
    models = {}
    for name, value in arrays.items():
        if name != "reach" and not np.isfinite(value).all():
            raise ValueError(f"'{name}' holds values that are not numbers")
    n_dim = len(arrays["centre"])
    if arrays["directions"].shape[:1] != (n_dim,):
        raise ValueError("directions do not fit the embedding")
    for name in DIMENSIONS:
        weights = arrays[f"{name}.weights"]
        if weights.shape != (n_dim,):
            raise ValueError(f"weights of {name} do not fit the embedding")
        scalars = zip(_SCALARS, arrays[f"{name}.scalars"].tolist(), strict=True)
        models[name] = DimensionModel(
            weights=weights,
            rung=str(header[name]["rung"]),
            informative=bool(header[name]["informative"]),
            **dict(scalars),
        )
    return PersonalModel(
        valence=models["valence"],
        arousal=models["arousal"],
        centre=arrays["centre"],
        directions=arrays["directions"],
        reach=float(arrays["reach"]),
        created=float(header["created"]),
        n_clips=int(header["n_clips"]),
        model=str(header["model"]),
        encoder={
            name.removeprefix(_ENCODER): value
            for name, value in arrays.items()
            if name.startswith(_ENCODER)
        },
    )
