"""Settings of a study: data, signal, splits, phases and variants.

A configuration file (``configs/*.toml``) is one `StudyConfig`::

    [dataset]            # data set and subjects
    [signal]             # signal processing, see `config.SignalSettings`
    [features]           # selection of windows
    [train]              # model, objective, optimiser, see `training.settings.TrainSettings`
    [train.model]
    [train.objective]
    [pretrain]           # changes to [train] for the first phase
    [cotrain]            # changes to [train] for the second phase
    [study]              # split scheme, folds, phases, seeds
    [variants.NAME]      # changes to [train] to compare with each other
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from bci_affect.config import Section, SignalSettings, load_toml
from bci_affect.datasets import check_dataset_name
from bci_affect.errors import BciAffectError
from bci_affect.resources import shipped
from bci_affect.training.extract import ExtractionSettings
from bci_affect.training.settings import TrainSettings
from bci_affect.training.splits import SplitScheme

Target = Literal["valence", "arousal"]
TARGETS: tuple[Target, ...] = ("valence", "arousal")


class DatasetSettings(Section):
    """Data set and subjects."""

    name: str = "deap"
    """Data set of this program or of a plug-in; see `datasets.open_dataset`."""
    subjects: tuple[str, ...] | None = None
    """Subjects to use, for example "s01"; by default all."""

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            check_dataset_name(name)
        except BciAffectError as error:
            raise ValueError(str(error)) from None
        return name


class StudySettings(Section):
    """Splits, phases, seeds and baselines of a study."""

    protocol: SplitScheme = "loso"
    folds: int = Field(0, ge=0)
    """Number of folds; 0 leaves one subject (or session) out at a time."""
    validation: float = Field(0.2, gt=0, lt=1)
    """Share of the training units used for validation."""
    targets: tuple[Target, ...] = TARGETS
    """Labels to learn; other labels are hidden from training."""
    cotrain: bool = False
    """After pre-training across subjects, train further on part of each held-out subject's trials
    and test on the others (scheme ``loso`` only)."""
    cotrain_folds: int = Field(5, ge=2)
    seeds: tuple[int, ...] = (0,)
    """Training seeds; every fold is trained once per seed, with the same splits."""
    split_seed: int = Field(0, ge=0)
    baselines: bool = True
    permutations: int = Field(1000, ge=0)
    final_model: bool = True
    """Train a final model on all subjects for use; it is not evaluated."""

    @model_validator(mode="after")
    def _check_consistency(self) -> StudySettings:
        if not self.targets or not self.seeds:
            raise ValueError("at least one target and one seed are needed")
        if self.cotrain and self.protocol != "loso":
            raise ValueError("cotrain needs the protocol 'loso'")
        return self


class StudyConfig(Section):
    """Configuration of a study."""

    dataset: DatasetSettings = DatasetSettings()
    signal: SignalSettings = SignalSettings()
    features: ExtractionSettings = ExtractionSettings()
    train: TrainSettings = TrainSettings()
    pretrain: dict[str, Any] = Field(default_factory=dict)
    cotrain: dict[str, Any] = Field(default_factory=dict)
    study: StudySettings = StudySettings()
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_changes(self) -> StudyConfig:
        for variant in self.variant_names:
            for phase in ("pretrain", "cotrain"):
                try:
                    self.training(variant, phase)
                except ValidationError as error:
                    first = error.errors()[0]
                    where = ".".join(str(part) for part in first["loc"])
                    raise ValueError(
                        f"a change to [train] is invalid: {where}: {first['msg']}"
                    ) from None
        return self

    @property
    def variant_names(self) -> tuple[str, ...]:
        """Names of the variants; without variants, the name of the encoder."""
        return tuple(self.variants) or (self.train.model.encoder,)

    def training(
        self, variant: str, phase: Literal["pretrain", "cotrain"] | str = "pretrain"
    ) -> TrainSettings:
        """Return the training settings of a variant in a phase."""
        merged = self.train.model_dump()
        changes = self.cotrain if phase == "cotrain" else self.pretrain
        for change in (self.variants.get(variant, {}), changes):
            merged = _merge(merged, change)
        return TrainSettings.model_validate(merged)


def load_study(config: str | Path) -> StudyConfig:
    """Load a configuration from a path or from a shipped preset such as ``"streaming"``.

    Raises
    ------
    BciAffectError
        If there is no such preset, or the file has unknown or invalid keys.
    """
    path = Path(config)
    if not path.is_file() and path.suffix != ".toml" and path.name == str(config):
        folder = shipped("configs")
        path = folder / f"{config}.toml"
        if not path.is_file():
            names = ", ".join(sorted(p.stem for p in folder.glob("*.toml")))
            raise BciAffectError(
                f"There is no preset '{config}'; choose one of {names}, or give a file."
            )
    return load_toml(path, StudyConfig)


def _merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        inner = merged.get(key)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(inner, value) if both else value  # type: ignore[arg-type]
    return merged
