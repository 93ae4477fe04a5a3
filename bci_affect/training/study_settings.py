"""What a study is told: data, signal, splits, phases, and the variants that it compares.

A configuration file (``configs/*.toml``) is one `StudyConfig`::

    [dataset]            # which data, whose
    [signal]             # what the pipeline does, see `config.SignalSettings`
    [features]           # which windows are kept
    [train]              # model, objective, optimiser, see `training.settings.TrainSettings`
    [train.model]
    [train.objective]
    [pretrain]           # changes to [train] for the first phase, if any
    [cotrain]            # changes to [train] for the second
    [study]              # protocol, folds, phases, seeds
    [variants.NAME]      # changes to [train] that are compared with each other
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from bci_affect.config import Section, SignalSettings, load_toml
from bci_affect.datasets import DatasetName
from bci_affect.errors import BciAffectError
from bci_affect.resources import shipped
from bci_affect.training.extract import ExtractionSettings
from bci_affect.training.settings import TrainSettings
from bci_affect.training.splits import SplitScheme

Target = Literal["valence", "arousal"]
TARGETS: tuple[Target, ...] = ("valence", "arousal")


class DatasetSettings(Section):
    """Which data set, and whose data of it."""

    name: DatasetName = "deap"
    subjects: tuple[str, ...] | None = None
    """Names such as "s01"; everybody when absent."""


class StudySettings(Section):
    """How people, trials and stimuli are split, and what is done with each split."""

    protocol: SplitScheme = "loso"
    folds: int = Field(0, ge=0)
    """Number of folds; 0 leaves one person (or session) out at a time."""
    validation: float = Field(0.2, gt=0, lt=1)
    """Share of the training units on which epochs are chosen."""
    targets: tuple[Target, ...] = TARGETS
    """Which labels are learned; those of others are hidden from training."""
    cotrain: bool = False
    """After pre-training across people, whether each held-out person's own trials train further
    (protocol ``loso`` only); their other trials test it."""
    cotrain_folds: int = Field(5, ge=2)
    seeds: tuple[int, ...] = (0,)
    """Each seed trains every fold once; splits stay the same."""
    split_seed: int = Field(0, ge=0)
    baselines: bool = True
    permutations: int = Field(1000, ge=0)
    final_model: bool = True
    """Whether a model is trained on everybody in the end, to be used; it is never evaluated."""

    @model_validator(mode="after")
    def _sensible(self) -> StudySettings:
        if not self.targets or not self.seeds:
            raise ValueError("at least one target and one seed are needed")
        if self.cotrain and self.protocol != "loso":
            raise ValueError("cotrain needs the protocol 'loso'")
        return self


class StudyConfig(Section):
    """Everything that a study is told."""

    dataset: DatasetSettings = DatasetSettings()
    signal: SignalSettings = SignalSettings()
    features: ExtractionSettings = ExtractionSettings()
    train: TrainSettings = TrainSettings()
    pretrain: dict[str, Any] = Field(default_factory=dict)
    cotrain: dict[str, Any] = Field(default_factory=dict)
    study: StudySettings = StudySettings()
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _changes_fit(self) -> StudyConfig:
        for variant in self.variant_names:
            for phase in ("pretrain", "cotrain"):
                try:
                    self.training(variant, phase)
                except ValidationError as error:
                    first = error.errors()[0]
                    where = ".".join(str(part) for part in first["loc"])
                    raise ValueError(
                        f"a change to [train] does not fit: {where}: {first['msg']}"
                    ) from None
        return self

    @property
    def variant_names(self) -> tuple[str, ...]:
        """Names of what is compared; one, named after its encoder, where nothing is."""
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
    """Read a configuration: a path, or the name of a shipped preset such as ``"streaming"``.

    Raises
    ------
    BciAffectError
        If there is none of that name, or it has unknown or wrong keys.
    """
    path = Path(config)
    if not path.is_file() and path.suffix != ".toml" and path.name == str(config):
        folder = shipped("configs")
        path = folder / f"{config}.toml"
        if not path.is_file():
            names = ", ".join(sorted(p.stem for p in folder.glob("*.toml")))
            raise BciAffectError(
                f"There is no preset '{config}'; there are {names}, or give a file."
            )
    return load_toml(path, StudyConfig)


def _merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        inner = merged.get(key)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(inner, value) if both else value  # type: ignore[arg-type]
    return merged
