"""Offline analysis of a recording along the live path."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect.path import AffectPath
from bci_affect.affect.step import AffectStep, BreakHold
from bci_affect.eeg import FeatureWindow
from bci_affect.event_log import Breaks
from bci_affect.streams import Source, read_to_end


def analyse(source: Source, path: AffectPath, breaks: Breaks | None = None) -> Iterator[AffectStep]:
    """Yield the step of every window of a finite source, oldest first.

    The same `AffectPath` as live; only the clock differs (invariant 1 of the design).

    Parameters
    ----------
    source : Source
        Opened source.
    path : AffectPath
        Path from chunks to estimates.
    breaks : Breaks, optional
        Breaks of the session, in which no estimate is a reading.
    """
    hold = BreakHold(breaks or Breaks())
    for chunk in read_to_end(source):
        for step in path.push(chunk):
            yield hold.apply(step)


def features_document(
    windows: list[FeatureWindow],
    channels: tuple[str, ...],
    band_names: tuple[str, ...],
    rate_hz: float,
) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of a ``features.npz`` (see the design's file formats)."""
    return {
        "time": np.array([window.time for window in windows]),
        "bands": np.array([window.bands for window in windows], dtype=np.float32),
        "mask": np.array([window.mask for window in windows], dtype=bool),
        "quality": np.array([window.quality for window in windows], dtype=np.float32),
        "state": np.array([window.state.value for window in windows], dtype="U8"),
        "index": np.array([window.index for window in windows], dtype=np.int64),
        "channels": np.array(channels),
        "band_names": np.array(band_names),
        "rate": np.array(rate_hz),
    }
