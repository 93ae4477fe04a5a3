"""Scrolling picture of the traces: only new columns are drawn.

Redrawing 32 rows of ten seconds costs 6 ms a frame; moving the picture and adding the newest
columns costs a tenth of it. Columns are tied to the clock, so that traces do not shimmer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyqtgraph import arrayToQPath
from pyqtgraph.Qt import QtCore, QtGui

from bci_affect.gui.decimate import peaks

Fetch = Callable[[float], tuple[NDArray[np.float64], NDArray[np.float32]]]
"""Function from seconds to times (n,) and rows to draw (n_rows, n) in microvolts."""
_SPARE_S = 0.5
"""Overlap with the old columns in seconds, so that no sample is missing at the seam."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Geometry of the traces in the picture, in screen pixels.

    Attributes
    ----------
    width, height : int
        Size of the picture.
    seconds : float
        Time span of the width.
    rate_hz : float
        Of the samples.
    pixels_per_uv : float
        Height of a microvolt.
    pens : tuple of QPen
        One for every row.
    """

    width: int
    height: int
    seconds: float
    rate_hz: float
    pixels_per_uv: float
    pens: tuple[QtGui.QPen, ...]

    @property
    def column_s(self) -> float:
        """Seconds that a column of pixels stands for."""
        return self.seconds / self.width


class TraceLayer:
    """Transparent picture of the traces.

    Attributes
    ----------
    picture : QPixmap or None
        The picture; None before the first samples.
    """

    def __init__(self) -> None:
        self.picture: QtGui.QPixmap | None = None
        self._key: Hashable = None
        self._edge = 0  # column of the clock at the right edge
        self._drawn = 0  # column of the newest point: from here on it is drawn again

    def clear(self) -> None:
        """Clear the picture."""
        self.picture, self._key = None, None

    def draw(
        self,
        key: Hashable,
        frame: Frame,
        fetch: Fetch,
        right_edge: Callable[[float], float],
        now: float,
    ) -> None:
        """Bring the picture up to date.

        Parameters
        ----------
        key : hashable
            Values whose change requires a full redraw.
        frame : Frame
            Geometry of the traces.
        fetch : callable
            Returns the newest samples.
        right_edge : callable
            Returns the time at the right edge, given the time of the newest sample.
        now : float
            The session's time.
        """
        column_s = frame.column_s
        wanted = now - self._drawn * column_s + _SPARE_S
        anew = key != self._key or self.picture is None or not 0 < wanted < frame.seconds
        times, rows = fetch(frame.seconds if anew else wanted)
        if len(times) < 2:
            self.clear()
            return
        edge = math.floor(right_edge(float(times[-1])) / column_s)
        if not anew:
            anew = (
                not 0 <= edge - self._edge < frame.width
                or times[0] > (self._drawn - 2) * column_s
                or times[-1] < (self._drawn - 2) * column_s
            )
            if anew:
                times, rows = fetch(frame.seconds)
        if anew:
            self.picture = QtGui.QPixmap(frame.width, frame.height)
            self.picture.fill(QtCore.Qt.GlobalColor.transparent)
            first = edge - frame.width
        else:
            assert self.picture is not None
            if edge > self._edge:
                self.picture.scroll(self._edge - edge, 0, self.picture.rect())
            first = self._drawn
        self._key, self._edge = key, edge
        self._add(frame, times, rows, first)

    def _add(
        self, frame: Frame, times: NDArray[np.float64], rows: NDArray[np.float32], first: int
    ) -> None:
        """Draw the columns from `first` to the right edge."""
        picture = self.picture
        assert picture is not None
        column_s = frame.column_s
        width = int(frame.rate_hz * column_s)  # samples in a column
        begin = int(np.searchsorted(times, (first - 2) * column_s)) - 2 * width
        begin = max(0, begin)
        x, y = peaks(times[begin:], rows[:, begin:], width, frame.rate_hz)
        if len(x) < 2:
            return
        left = max(0, first - self._edge + frame.width)
        fresh = QtCore.QRect(left, 0, frame.width - left, frame.height)
        p = QtGui.QPainter(picture)
        p.setClipRect(fresh)
        p.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_Source)
        p.fillRect(fresh, QtCore.Qt.GlobalColor.transparent)
        p.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_SourceOver)
        self._drawn = math.floor(x[-1] / column_s)
        across = x / column_s - self._edge + frame.width  # (m,)
        n_rows = len(y)
        middle = frame.height / n_rows * (np.arange(n_rows) + 0.5)
        # A trace may cross its neighbours but not leave the picture.
        down = np.clip(middle[:, None] - y * frame.pixels_per_uv, 0, frame.height - 1)
        whole = np.isfinite(down)  # (n_rows, m)
        joined = np.zeros(whole.shape, dtype=np.int32)
        joined[:, :-1] = whole[:, :-1] & whole[:, 1:]
        for pen in {id(pen): pen for pen in frame.pens}.values():
            mine = [r for r, other in enumerate(frame.pens) if other is pen]
            p.setPen(pen)
            p.drawPath(
                arrayToQPath(
                    np.tile(across, len(mine)),
                    np.nan_to_num(down[mine].ravel()).astype(np.float64),
                    joined[mine].ravel(),
                    finiteCheck=False,
                )
            )
        p.end()
