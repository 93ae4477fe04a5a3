"""Typed settings, read from TOML presets (``configs/*.toml``).

Every section is one frozen model that refuses unknown keys, so that a misspelt option is an error
and never ignored. Rooms take the section that concerns them; nobody takes the whole.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bci_affect.errors import BciAffectError

CLASSIC_BANDS: dict[str, tuple[float, float]] = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 45.0),
}

HEAD_CENTRE_M = (0.0, 0.016, 0.042)
"""Centre of the sphere that fits the 10-20 electrodes of MNE's template, in head coordinates."""


class Section(BaseModel):
    """Base of all settings: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WindowSettings(Section):
    """Geometry of the sliding window over band features."""

    window_s: float = Field(6.0, gt=0, le=60)
    """Length of EEG that one estimate sees."""
    step_s: float = Field(0.5, gt=0)
    """Length of one time step of the window: band power is averaged over it."""
    hop_s: float = Field(0.125, gt=0)
    """Time between two windows; 0.125 s gives eight estimates a second."""

    @model_validator(mode="after")
    def _whole_multiples(self) -> WindowSettings:
        for name, whole, part in (
            ("window_s", self.window_s, self.step_s),
            ("step_s", self.step_s, self.hop_s),
        ):
            ratio = whole / part
            if abs(ratio - round(ratio)) > 1e-6 or ratio < 1:
                raise ValueError(f"{name} must be a whole multiple of the next shorter length")
        return self

    @property
    def n_steps(self) -> int:
        """Time steps of one window."""
        return round(self.window_s / self.step_s)

    @property
    def hops_per_step(self) -> int:
        """Hops of one time step."""
        return round(self.step_s / self.hop_s)


class SignalSettings(Section):
    """What the signal room does to the EEG, in the order in which it does it."""

    window: WindowSettings = WindowSettings()
    bands: dict[str, tuple[float, float]] = Field(default_factory=lambda: dict(CLASSIC_BANDS))
    """Band name to (low, high) edge in Hz, in the order of the feature axis."""
    band_order: int = Field(3, ge=1, le=8)
    """Butterworth poles at each edge of a band: more separate better and delay longer."""
    resample_hz: float | None = Field(None, gt=0)
    """Rate to resample to (with anti-aliasing) before filtering; None keeps the device's rate."""
    high_pass_hz: float = Field(0.5, gt=0)
    low_pass_hz: float = Field(45.0, gt=0)
    line_hz: Literal[50, 60, "auto", "off"] = 50
    """Mains frequency whose notch (and harmonics below Nyquist) is applied."""
    reference: Literal["none", "average", "mastoids"] | tuple[str, ...] = "average"
    """Common reference: kept, average of good electrodes, linked mastoids, or named electrodes."""
    gap_s: float = Field(0.5, gt=0)
    """A hole in the stamps longer than this re-initialises filters and window."""


Settings = TypeVar("Settings", bound=Section)


def load_toml(path: Path, section: type[Settings]) -> Settings:
    """Read a TOML file into a settings section.

    Raises
    ------
    BciAffectError
        If the file cannot be read, is not TOML, or has unknown or wrong keys; the sentence names
        the first of them.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BciAffectError(f"Cannot read {path}: {error.strerror or error}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BciAffectError(f"{path} is not valid TOML: {error}.") from None
    try:
        return section.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BciAffectError(f"{path}: {where}: {first['msg']}.") from None
