"""Typed settings, read from TOML presets (``configs/*.toml``).

Every section is one frozen model that refuses unknown keys, so that a misspelt option is an error
and never ignored. Each room uses only its own section.
"""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bci_affect.errors import BciAffectError
from bci_affect.resources import read_document

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

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class WindowSettings(Section):
    """Geometry of the sliding window over band features."""

    window_s: float = Field(6.0, gt=0, le=60)
    """Length of EEG in one window."""
    step_s: float = Field(0.5, ge=0.01)
    """Length of one time step of the window: band power is averaged over it."""
    hop_s: float = Field(0.125, ge=0.01)
    """Time between two windows; 0.125 s gives eight estimates a second."""

    @model_validator(mode="after")
    def _whole_multiples(self) -> WindowSettings:
        for name, whole, part in (
            ("window_s", self.window_s, self.step_s),
            ("step_s", self.step_s, self.hop_s),
        ):
            ratio = whole / part
            if abs(ratio - round(ratio)) > 1e-6 or ratio < 1:
                raise ValueError(f"{name} must be an integer multiple of the next shorter length")
        return self

    @property
    def n_steps(self) -> int:
        """Time steps of one window."""
        return round(self.window_s / self.step_s)

    @property
    def hops_per_step(self) -> int:
        """Hops of one time step."""
        return round(self.step_s / self.hop_s)


class QualitySettings(Section):
    """Bounds of electrode quality. Defaults suit gel and saline electrodes."""

    flat_uv: float = Field(0.1, ge=0)
    """RMS below which an electrode is flat."""
    max_uv: float = Field(100.0, gt=0)
    """RMS of the filtered EEG above which it is not EEG."""
    max_line_uv: float = Field(1000.0, gt=0)
    """RMS of mains hum that exceeds the capacity of the notch."""
    max_high_uv: float = Field(60.0, gt=0)
    """RMS above the bands (muscle, bad contact) that hides the EEG."""
    contact_uv: float = Field(1500.0, gt=0)
    """Peak of the high-passed EEG that indicates lost or regained contact."""
    clipped_share: float = Field(0.08, gt=0, le=1)
    """Share of samples at the edges of the range above which the amplifier is railed."""
    outlier_z: float = Field(5.0, gt=0)
    """Robust z of log amplitude, mains hum, or high frequencies among the electrodes."""
    min_correlation: float = Field(0.4, ge=0, le=1)
    """Best correlation with a neighbour that an electrode of a dense cap must have."""
    vote_s: float = Field(4.0, gt=0)
    """Time constant of the voting."""


class ArtifactSettings(Section):
    """Bounds of blinks, jaw clenches and movement."""

    enabled: bool = True
    """Set a window's state to ``artifact`` when one is found."""
    blink_uv: float = Field(80.0, gt=0)
    """Least swing of frontal electrodes in a blink."""
    jaw_nats: float = Field(0.8, gt=0)
    """Rise of the amplitude above the bands in a clench, natural logarithm (0.8 is 7 dB)."""
    movement_uv: float = Field(250.0, gt=0)
    """Least swing of half of the electrodes in a movement."""
    max_share: float = Field(0.5, gt=0, le=1)
    """Share of the window that may be disturbed; the newest step may not be at all."""


class AsrSettings(Section):
    """Optional cleaning by artifact subspace reconstruction (needs the extra ``asr``)."""

    enabled: bool = False
    cutoff: float = Field(20.0, gt=1)
    """Standard deviations of the calibration beyond which a direction is reconstructed."""
    calibration_s: float = Field(30.0, ge=10)
    """Seconds of the calibration at the start, which extend the warm-up."""


class SignalSettings(Section):
    """Signal processing of the EEG, in the order of its steps."""

    window: WindowSettings = WindowSettings()
    bands: dict[str, tuple[float, float]] = Field(default_factory=lambda: dict(CLASSIC_BANDS))
    """Band name to (low, high) edge in Hz, in the order of the feature axis."""
    band_order: int = Field(3, ge=1, le=8)
    """Butterworth poles at each edge of a band: more separate better and delay longer."""
    resample_hz: float | None = Field(None, gt=0)
    """Rate to resample to (with anti-aliasing) before filtering; None keeps the device's rate."""
    covariance: bool = False
    """Accumulate the covariance between electrodes per band, for models that need it."""
    high_pass_hz: float = Field(0.5, gt=0)
    low_pass_hz: float = Field(45.0, gt=0)
    line_hz: Literal[50, 60, "auto", "off"] = "auto"
    """Mains frequency whose notch (and harmonics below Nyquist) is applied; found by default."""
    reference: Literal["none", "average", "mastoids"] | tuple[str, ...] = "average"
    """Common reference: kept, average of good electrodes, linked mastoids, or named electrodes."""
    gap_s: float = Field(0.5, gt=0)
    """Length of a hole in the stamps that re-initialises filters and window."""
    quality: QualitySettings = QualitySettings()
    artifacts: ArtifactSettings = ArtifactSettings()
    asr: AsrSettings = AsrSettings()

    @model_validator(mode="after")
    def _bands_are_ranges(self) -> SignalSettings:
        if not self.bands:
            raise ValueError("bands: at least one is needed")
        for name, (low, high) in self.bands.items():
            if not 0 < low < high < math.inf:
                raise ValueError(f"band '{name}' from {low:g} to {high:g} Hz is no range")
        return self


class AffectSettings(Section):
    """Smoothing of predictions into a running estimate, and its quality bound."""

    smoothing_s: float = Field(4.0, gt=0, le=60)
    """Time constant of the exponential average of the logits."""
    min_quality: float = Field(0.3, ge=0, le=1)
    """Mean electrode quality below which the estimate is held."""


Digit = Annotated[str, Field(pattern="^[0-9]$")]
"""One of the keys 0 to 9."""


class LiveSettings(Section):
    """A live session's settings; ``configs/live.toml`` shows them with their defaults."""

    signal: SignalSettings | None = None
    """Filters and quality; None takes those that the model was trained with."""
    affect: AffectSettings = AffectSettings()
    electrodes: dict[str, str] = {}
    """Electrode map: a channel's name to its position in the 10-20 system, or to "" if it is not an
    electrode."""
    marks: dict[Digit, str] = {}
    """Notes of the marks that the digit keys set: a digit to its meaning; the digit by default."""


Settings = TypeVar("Settings", bound=Section)


def load_toml(path: Path, section: type[Settings]) -> Settings:
    """Read a TOML file into a settings section.

    Raises
    ------
    BciAffectError
        If the file cannot be read, is not TOML, or has unknown or wrong keys; the message names
        the first of them.
    """
    try:
        raw = tomllib.loads(read_document(path))
    except OSError as error:
        raise BciAffectError(f"Cannot read {path}: {error.strerror or error}.") from None
    except RecursionError:
        raise BciAffectError(f"{path} is not valid: its values are nested too deeply.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BciAffectError(f"{path} is not valid TOML: {error}.") from None
    try:
        return section.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BciAffectError(f"{path}: {where}: {first['msg']}.") from None
