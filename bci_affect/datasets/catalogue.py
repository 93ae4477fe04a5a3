"""Interface of data sets, and opening of a data set by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

from bci_affect.datasets.trial import Trial
from bci_affect.errors import BciAffectError
from bci_affect.plugins import find_plugins

DatasetName = Literal["deap", "dreamer", "bids", "recorded", "simulated"]


class Dataset(Protocol):
    """Subjects with trials; each subject is read independently of the others."""

    name: str

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the subjects, in order."""

    @property
    def simulated(self) -> bool:
        """True if the data are simulated; models and reports state it."""

    def content_key(self, subject: str) -> str:
        """Return a hash of all data and settings that determine the subject's trials."""

    def trials(self, subject: str) -> list[Trial]:
        """Return the subject's validated trials in chronological order, session by session."""


@runtime_checkable
class HasRests(Protocol):
    """Data set with rests of its subjects."""

    def rests(self, subject: str) -> list[Trial]:
        """Return the subject's rests with open eyes before the first rated trial, in order."""


def rests_of(dataset: Dataset, subject: str) -> list[Trial]:
    """Return a subject's rests before the first trial; empty where the data set has none."""
    return dataset.rests(subject) if isinstance(dataset, HasRests) else []


def check_dataset_name(name: str) -> None:
    """Refuse a name that is neither a data set of this program nor of a plug-in.

    Raises
    ------
    BciAffectError
        With the names to choose from.
    """
    own = get_args(DatasetName)
    if name in own:
        return
    found = find_plugins("datasets")
    if name not in found:
        choices = ", ".join((*own, *found))
        raise BciAffectError(f"Unknown data set '{name}'; choose one of {choices}.")


def open_dataset(name: str, root: Path, subjects: Sequence[str] | None = None) -> Dataset:
    """Open a data set.

    Parameters
    ----------
    name : str
        Layout of `root`: "deap", "dreamer", "bids", "recorded", "simulated", or a plug-in's.
    root : Path
        Folder of the data; for ``dreamer`` also the file itself, for ``simulated`` a TOML file of
        `SimulationSettings`.
    subjects : sequence of str, optional
        Subjects to read; by default all.

    Raises
    ------
    BciAffectError
        If the name is unknown, the folder does not hold the data set, or subjects are missing.

    Examples
    --------
    See `bci_affect.load_corpus`.
    """
    check_dataset_name(name)
    if not root.exists():
        raise BciAffectError(f"{root} does not exist; give the folder of the data set.")
    if name not in get_args(DatasetName):
        dataset: Dataset = find_plugins("datasets")[name].call(root, subjects)
        return dataset
    if name == "deap":
        from bci_affect.datasets.deap import Deap

        return Deap(root, subjects)
    if name == "dreamer":
        from bci_affect.datasets.dreamer import Dreamer

        return Dreamer(root, subjects)
    if name == "bids":
        from bci_affect.datasets.bids import DalyBids

        return DalyBids(root, subjects)
    if name == "recorded":
        from bci_affect.datasets.recorded import RecordedSessions

        return RecordedSessions(root, subjects)
    from bci_affect.config import load_toml
    from bci_affect.datasets.simulated import SimulatedDataset, SimulationSettings

    return SimulatedDataset(load_toml(root, SimulationSettings), subjects)
