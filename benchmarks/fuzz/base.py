"""For each kind of file: healthy seeds, how they are broken, and what a user does with the result.

`use` goes as far as a user's program would: a recording is decoded, a configuration is built into a
pipeline, a profile gives an estimate. It raises `Wrong` where numbers came out that are not what
was stored and nothing said so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np


class Wrong(Exception):
    """A result that is not right, and nobody was told."""


class Target(ABC):
    """One kind of file."""

    title: ClassVar[str]
    count: ClassVar[int]
    """Inputs of the documented run."""

    @abstractmethod
    def prepare(self, folder: Path) -> None:
        """Make the seeds."""

    @abstractmethod
    def make(self, rng: np.random.Generator) -> bytes:
        """Return one broken input."""

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
