"""Listener's mood and position in the common space, smoothed over time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class SmoothedMood:
    """Exponential average of valid estimates; other estimates leave it unchanged.

    Parameters
    ----------
    smoothing_s : float
        Time constant.

    Attributes
    ----------
    mood : ndarray, shape (2,), or None
        Valence and arousal; None before the first estimate.
    query : ndarray, shape (d,), or None
        Position in the common space; None before the first estimate.
    confidence : float
        Of the last estimate.
    """

    def __init__(self, smoothing_s: float) -> None:
        self._smoothing_s = smoothing_s
        self._updated_at: float | None = None
        self.mood: NDArray[np.float64] | None = None
        self.query: NDArray[np.float64] | None = None
        self.confidence = 0.0

    def update(
        self,
        embedding: NDArray[np.floating[Any]] | None,
        mood: tuple[float, float] | None,
        confidence: float,
        time_s: float,
    ) -> None:
        """Update with the newest estimate; `mood` is None for an estimate that does not count."""
        last, self._updated_at = self._updated_at, time_s
        if mood is None or not np.isfinite(mood).all():
            return
        step = 0.0 if last is None else min(max(time_s - last, 0.0), 1.0)
        share = 1.0 - np.exp(-step / self._smoothing_s)
        now = np.array(mood, dtype=np.float64)
        self.confidence = float(confidence)
        self.mood = now if self.mood is None else self.mood + share * (now - self.mood)
        if embedding is not None and np.isfinite(embedding).all():
            place = np.asarray(embedding, dtype=np.float64)
            place = place / max(float(np.linalg.norm(place)), 1e-9)
            before = place if self.query is None else self.query
            self.query = before + share * (place - before)
