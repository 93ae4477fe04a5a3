"""Base class of fuzz targets: valid seeds of a kind of file, their damage, and their use.

`use` does what a user's program does: a recording is decoded, a configuration builds a pipeline, a
profile gives an estimate. It raises `Wrong` if the resulting numbers differ from the stored ones
without a report.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np


class Wrong(Exception):
    """Wrong result without a report."""


class Target(ABC):
    """Kind of file."""

    title: ClassVar[str]
    count: ClassVar[int]
    """Inputs of the documented run."""

    @abstractmethod
    def prepare(self, folder: Path) -> None:
        """Create the seeds."""

    @abstractmethod
    def make(self, rng: np.random.Generator) -> bytes:
        """Return one damaged input."""

    @abstractmethod
    def use(self, data: bytes, folder: Path) -> str:
        """Use the input; return ``read`` or ``reported``, raise `BciAffectError` or `Wrong`."""


def pick(seeds: list[bytes], rng: np.random.Generator) -> bytes:
    """Return one of the seeds."""
    return seeds[int(rng.integers(len(seeds)))]


def must(condition: bool, what: str) -> None:
    """Raise `Wrong` unless a condition holds."""
    if not condition:
        raise Wrong(what)
