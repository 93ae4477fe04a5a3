"""Model files: weights as safetensors, settings and model card as JSON in the metadata.

Nothing in a model file is ever executed. Loading an invalid file raises an error with the reason.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from bci_affect.config import WindowSettings
from bci_affect.errors import BciAffectError
from bci_affect.model.affect import AffectModel
from bci_affect.model.card import ModelCard
from bci_affect.model.settings import ModelSettings
from bci_affect.storage import atomic_file

FORMAT = "bci_affect.model"
FORMAT_VERSION = 2
"""Version of new files; version 1 had no calibration against rest."""
_READABLE = ("1", "2")
_MAX_NATS = 1e3
"""Bound on the magnitude of the logarithm of a band power, in nats."""


def save_model(path: Path, model: AffectModel, card: ModelCard) -> None:
    """Write a model and its card atomically: a failed write keeps the previous file.

    Raises
    ------
    BciAffectError
        If the file cannot be written.
    """
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "settings": model.settings.model_dump_json(),
        "card": json.dumps(asdict(card)),  # bands in the order of the feature axis
    }
    weights = {k: v.detach().cpu().contiguous().clone() for k, v in model.state_dict().items()}
    metadata["sum"] = content_hash(metadata["settings"], metadata["card"], weights)
    with atomic_file(path) as partial:
        try:
            save_file(weights, partial, metadata=metadata)
        except SafetensorError as error:
            raise BciAffectError(f"Cannot write {path}: {error}.") from None
        partial.chmod(0o644)  # safetensors creates files that only the owner can read


def content_hash(settings: str, card: str, weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of a model file's settings, card and weights."""
    digest = hashlib.sha256()
    for text in (settings, card):
        digest.update(hashlib.sha256(text.encode()).digest())
    for name in sorted(weights):
        value = weights[name].contiguous()
        header = f"{name} {value.dtype} {tuple(value.shape)}"
        digest.update(hashlib.sha256(header.encode()).digest())
        digest.update(hashlib.sha256(value.numpy().tobytes()).digest())
    return digest.hexdigest()


def load_model(path: Path) -> tuple[AffectModel, ModelCard]:
    """Load a model, in evaluation mode, and its card.

    Raises
    ------
    BciAffectError
        If the file is absent, damaged, of another kind or a newer version, or if its weights do not
        match its settings; the message states which.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise BciAffectError(f"There is no model file {path}.") from None
    except (OSError, SafetensorError) as error:
        raise BciAffectError(f"{path} is not a readable model file: {error}.") from None
    settings, card = _parse_metadata(path, metadata)
    model = AffectModel(settings)
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise BciAffectError(
                f"The model {path} does not fit its own description: '{name}' should be "
                f"{expected.get(name, 'absent')} and is {found.get(name, 'absent')}."
            )
    if not all(bool(value.isfinite().all()) for value in weights.values()):
        raise BciAffectError(f"The model {path} holds weights that are not numbers (NaN).")
    stored = metadata.get("sum")  # absent in files of the first releases
    if stored is not None and stored != content_hash(
        metadata["settings"], metadata["card"], weights
    ):
        raise BciAffectError(
            f"The model {path} is damaged: its content does not match its checksum. Download or "
            "copy it again."
        )
    model.load_state_dict(weights)
    return model.eval(), card


def _parse_metadata(path: Path, metadata: dict[str, str]) -> tuple[ModelSettings, ModelCard]:
    if metadata.get("format") != FORMAT:
        raise BciAffectError(f"{path} is a safetensors file, but not a model of bci_affect.")
    version = metadata.get("format_version", "")
    if version not in _READABLE:
        raise BciAffectError(
            f"The model {path} has format version {version or 'none'}; this program reads versions "
            f"{' and '.join(_READABLE)}. Update the program or train the model again."
        )
    try:
        settings = ModelSettings.model_validate_json(metadata["settings"])
        card = _parse_card(json.loads(metadata["card"]))
    except (KeyError, ValueError, TypeError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise BciAffectError(
            f"The description in the model {path} cannot be read: {reason}."
        ) from None
    if len(card.bands) != settings.n_bands:
        raise BciAffectError(
            f"The model {path} names {len(card.bands)} bands, but its weights are for "
            f"{settings.n_bands}."
        )
    for prior in (card.prior_mean, card.prior_sd):
        if len(prior) not in (0, len(card.bands)) or not all(abs(v) < _MAX_NATS for v in prior):
            raise BciAffectError(
                f"The model {path} has a population prior that does not match its bands."
            )
    if not all(sd > 1 / _MAX_NATS for sd in card.prior_sd):
        raise BciAffectError(
            f"The model {path} has a population standard deviation that is not above 0."
        )
    return settings, card


def _parse_card(raw: Any) -> ModelCard:
    """Validate the model card read from JSON."""
    if not isinstance(raw, dict):
        raise ValueError("the card is not a JSON object")
    known = {f.name for f in fields(ModelCard)}
    values = {key: value for key, value in raw.items() if key in known}
    card = TypeAdapter(ModelCard).validate_python(values)
    WindowSettings(window_s=card.window_s, step_s=card.step_s, hop_s=card.hop_s)
    for name, (low, high) in card.bands.items():
        if not 0 < low < high < math.inf:
            raise ValueError(f"band '{name}' from {low:g} to {high:g} Hz")
    for one in card.rest_calibration:
        numbers = (*one.threshold, *one.slope)
        if one.electrodes < 1 or not all(math.isfinite(number) for number in numbers):
            raise ValueError(f"the calibration for {one.electrodes} electrodes")
    return card
