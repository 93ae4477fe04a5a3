"""Leakage check of finished splits, independent of the code that creates them."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from bci_affect.errors import BciAffectError
from bci_affect.training.features import FeatureSet
from bci_affect.training.splits import FORBIDDEN, Split


class LeakError(BciAffectError):
    """Raised if parts of a split overlap."""


def refuse_leak(features: FeatureSet, split: Split) -> None:
    """Refuse a split whose parts share a window, or a unit that its scheme keeps apart.

    Parameters
    ----------
    features : FeatureSet
        Feature set of the split.
    split : Split
        Split to check; all three pairs of training, validation and test are compared.

    Raises
    ------
    LeakError
        If two parts overlap; the message names the parts, the kind of unit and the first unit
        shared.
    BciAffectError
        If a part is empty or its indices lie outside the feature set.
    """
    parts = {"training": split.train, "validation": split.validation, "test": split.test}
    for name, rows in parts.items():
        if not len(rows):
            raise BciAffectError(f"Split {split.name}: the {name} part is empty; add data.")
        if rows.min() < 0 or rows.max() >= len(features):
            raise BciAffectError(f"Split {split.name}: the {name} part has indices out of range.")
    for (first, a), (second, b) in combinations(parts.items(), 2):
        _refuse(split, first, second, "window", np.intersect1d(a, b))
        for unit in FORBIDDEN[split.protocol]:
            # With only two sessions, validation trials come from the training session.
            if unit == "session" and split.protocol == "loso-session" and second != "test":
                continue
            values = getattr(features, unit)
            shared = np.intersect1d(values[a], values[b])
            if unit in ("stimulus", "session"):
                shared = shared[shared >= 0]  # -1 means unknown
            _refuse(split, first, second, unit, shared)
        if split.protocol == "within-subject":
            people = np.union1d(features.subject[a], features.subject[b])
            if len(people) > 1:
                raise LeakError(f"Split {split.name}: a within-subject split mixes subjects.")


def _refuse(split: Split, first: str, second: str, unit: str, shared: np.ndarray) -> None:
    if len(shared):
        raise LeakError(
            f"Split {split.name} leaks: {first} and {second} share {unit} {int(shared[0])} "
            f"({len(shared)} in all), which protocol '{split.protocol}' forbids."
        )
