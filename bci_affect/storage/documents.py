"""Plain JSON documents: NumPy values become numbers and lists, not-a-number becomes null."""

from __future__ import annotations

import math
from typing import Any


def plain(value: Any) -> Any:
    """Return a copy of a document that every JSON reader accepts.

    Dictionaries, lists, tuples, NumPy arrays and NumPy scalars are converted; NaN and infinities,
    which JSON cannot hold, become None.

    Examples
    --------
    >>> plain({"score": float("nan"), 1: (2, 3)})
    {'score': None, '1': [2, 3]}
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
