"""Music library for the window: covers, waveforms, and positions in the common space."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError

if TYPE_CHECKING:
    from bci_affect.model import Predictor
    from bci_affect.music import Library, Track

logger = logging.getLogger(__name__)
POINTS = 800
"""Points of a waveform, for any length of the track."""
T = TypeVar("T")


class LibraryView:
    """`bci_affect.gui.services.MusicView` with a background thread; calls return at once.

    Parameters
    ----------
    library : Library
        The library; `close` closes it.
    predictor : Predictor
        Projects music into the space of the session's embeddings.
    """

    def __init__(self, library: Library, predictor: Predictor) -> None:
        self._library, self._predictor = library, predictor
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="bci-library-view")
        self._jobs: dict[str, Future[object]] = {}

    def tracks(self) -> list[Track]:
        """Return all tracks of the library."""
        return self._library.tracks()

    def cover(self, track_id: int) -> bytes | None:
        """Return the cover picture's file content, or None."""
        try:
            return self._library.cover(track_id)
        except BciAffectError:
            return None

    def waveform(self, track_id: int) -> NDArray[np.float32] | None:
        """Return peak levels (n,), 0 to 1; None while being read, or if unreadable."""
        return self._later(f"waveform {track_id}", lambda: self._read_peaks(track_id))

    def embeddings(self) -> tuple[list[int], NDArray[np.float32]] | None:
        """Return track ids and the mean of each track's rows in the common space, (n, d)."""
        return self._later(f"map {self._library.version}", self._place)

    def close(self) -> None:
        """Drop pending work, wait for the running one, and close the library."""
        self._worker.shutdown(wait=True, cancel_futures=True)
        self._library.close()

    def _later(self, key: str, work: Callable[[], T]) -> T | None:
        job = self._jobs.get(key)
        if job is None:
            job = self._jobs[key] = self._worker.submit(work)
        if not job.done():
            return None
        error = job.exception()
        if error is not None:
            if not getattr(job, "told", False):
                logger.warning("no %s: %s", key, error)
                job.told = True  # type: ignore[attr-defined]
            return None
        return job.result()  # type: ignore[return-value]

    def _read_peaks(self, track_id: int) -> NDArray[np.float32]:
        from bci_affect.music import read_blocks

        track = self._library.track(track_id)
        seconds = max(track.duration_s, 1.0) / POINTS
        levels = [float(np.abs(block).max()) for block, _ in read_blocks(Path(track.path), seconds)]
        peaks = np.asarray(levels, dtype=np.float32)
        return peaks / max(float(peaks.max(initial=0.0)), 1e-6)

    def _place(self) -> tuple[list[int], NDArray[np.float32]]:
        ids, places = [], []
        for track_id, _, rows in self._library.iter_embeddings():
            ids.append(track_id)
            places.append(self._predictor.project_music(rows).mean(axis=0))
        if not ids:
            return [], np.empty((0, self._predictor.space), np.float32)
        return ids, np.stack(places).astype(np.float32)
