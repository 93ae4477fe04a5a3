"""Music encoder of the level per second, in decibels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class LevelEncoder:
    """Mean and peak level of each second of audio."""

    id = "example-level"
    rate_hz = 16000
    dim = 2
    embedding_period_s = 1.0
    licence = "MIT"
    hash = "example-level-1"

    def embed(self, mono: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return times (n,) and embeddings (n, 2)."""
        seconds = max(1, len(mono) // self.rate_hz)
        padded = np.pad(mono, (0, max(0, seconds * self.rate_hz - len(mono))))
        blocks = padded[: seconds * self.rate_hz].reshape(seconds, -1)
        level = np.sqrt((blocks**2).mean(axis=1)) + 1e-6
        peak = np.abs(blocks).max(axis=1) + 1e-6
        embeddings = 20 * np.log10(np.stack([level, peak], axis=1))
        return np.arange(seconds) + 0.5, embeddings.astype(np.float32)
