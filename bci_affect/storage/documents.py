"""Plain JSON documents: NumPy values become numbers and lists, not-a-number becomes null."""

from __future__ import annotations

import math
from typing import Any


def plain(value: Any, *, digits: int | None = None) -> Any:
    """Return a copy of a document that every JSON reader accepts.

    Dictionaries, lists, tuples, NumPy arrays and NumPy scalars are converted; NaN and infinities,
    which JSON cannot hold, become None. Fractions are rounded to `digits`, if it is given.

    Examples
    --------
    >>> plain({"score": float("nan"), 1: (2, 3.14159)}, digits=2)
    {'score': None, '1': [2, 3.14]}
    """
    if isinstance(value, dict):
        return {str(key): plain(item, digits=digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, digits=digits) for item in value]
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return plain(value.tolist(), digits=digits)
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return value if digits is None else round(value, digits)
    return value
