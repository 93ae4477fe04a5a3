"""Valence and arousal over the session, with gaps, tracks, marks and self-reports."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pyqtgraph import arrayToQPath
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.gui.notes import Note, NoteKind
from bci_affect.gui.panels.base import Panel, choice, colour, font
from bci_affect.gui.texts import clock, tr
from bci_affect.gui.theme import Theme
from bci_affect.gui.viewmodel import ViewModel

SPANS_S = (60.0, 180.0, 600.0, math.inf)
SPREAD_S = 10.0
MISSING_S = 2.0
"""Longest time in seconds without an estimate that is not drawn as a gap."""
_LEFT, _RIGHT, _TOP, _BOTTOM, _STRIP = 62, 10, 4, 16, 15


class TimelinePanel(Panel):
    """Two lanes on one clock; stretches without readings are hatched, never drawn as a line."""

    key = "timeline"
    divisor = 12

    def __init__(self, vm: ViewModel) -> None:
        super().__init__(vm)
        words = (tr("1 min"), tr("3 min"), tr("10 min"), tr("full session"))
        self._span_box = choice(list(words), 1, tr("Length of the view"))
        self.setMinimumSize(240, 90)

    def title(self) -> str:
        return tr("Time")

    def tools(self) -> list[QtWidgets.QWidget]:
        return [self._span_box]

    def refresh(self) -> None:
        self.update()

    def _range(self) -> tuple[float, float]:
        now = self.vm.snapshot.clock
        span = min(SPANS_S[self._span_box.currentIndex()], max(60.0, now.elapsed_s))
        return now.time - span, now.time

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        p = QtGui.QPainter(self)
        t = self.theme
        area = QtCore.QRectF(
            _LEFT,
            _TOP + _STRIP,
            max(10, self.width() - _LEFT - _RIGHT),
            max(20, self.height() - _TOP - _STRIP - _BOTTOM),
        )
        begin, end = self._range()
        self._paint_clock(p, t, area, begin, end)
        self._paint_tracks(p, t, area, begin, end)
        rows = self.vm.timeline.since(begin)
        half = area.height() / 2
        for lane, (column, word) in enumerate(((1, tr("valence")), (2, tr("arousal")))):
            box = QtCore.QRectF(area.left(), area.top() + lane * half, area.width(), half - 3)
            self._paint_lane(p, t, box, word, rows, column, begin, end)
        self._paint_marks(p, t, area, begin, end)
        p.end()

    def _paint_clock(
        self, p: QtGui.QPainter, t: Theme, area: QtCore.QRectF, begin: float, end: float
    ) -> None:
        p.setFont(font(self, 10))
        span = end - begin
        step = next(
            s for s in (10, 30, 60, 120, 300, 600, 1800, 3600) if span / s <= 9 or s == 3600
        )
        zero = self.vm.started
        tick = math.ceil((begin - zero) / step) * step
        while zero + tick <= end:
            x = area.left() + (zero + tick - begin) / span * area.width()
            if tick >= 0:
                p.setPen(QtGui.QPen(colour(t.grid), 1))
                p.drawLine(QtCore.QPointF(x, area.top()), QtCore.QPointF(x, area.bottom()))
                p.setPen(colour(t.muted))
                box = QtCore.QRectF(x - 40, area.bottom() + 1, 80, 14)
                p.drawText(box, QtCore.Qt.AlignmentFlag.AlignHCenter, clock(tick))
            tick += step

    def _paint_tracks(
        self, p: QtGui.QPainter, t: Theme, area: QtCore.QRectF, begin: float, end: float
    ) -> None:
        p.setFont(font(self, 10))
        for i, one in enumerate(self.vm.music.played):
            stop = min(one.stop, end)
            if stop < begin:
                continue
            x0, x1 = (
                area.left() + (min(end, max(begin, m)) - begin) / (end - begin) * area.width()
                for m in (one.start, stop)
            )
            box = QtCore.QRectF(x0, _TOP, max(1.0, x1 - x0 - 1), _STRIP - 3)
            p.fillRect(box, colour(t.music, 0.30 if i % 2 else 0.18))
            if one.start >= begin:
                p.setPen(QtGui.QPen(colour(t.music, 0.7), 1))
                p.drawLine(QtCore.QPointF(x0, _TOP), QtCore.QPointF(x0, area.bottom()))
            p.setPen(colour(t.text))
            text = p.fontMetrics().elidedText(
                one.music.title or one.music.track,
                QtCore.Qt.TextElideMode.ElideRight,
                int(box.width()) - 6,
            )
            if box.width() > 24:
                p.drawText(box.adjusted(4, -1, 0, 0), 0, text)
        p.setPen(colour(t.muted))
        flag = QtCore.Qt.AlignmentFlag
        p.drawText(QtCore.QRectF(0, _TOP, _LEFT - 8, _STRIP - 3), flag.AlignRight, tr("track"))

    def _paint_lane(
        self,
        p: QtGui.QPainter,
        t: Theme,
        box: QtCore.QRectF,
        word: str,
        rows: NDArray[np.float64],
        column: int,
        begin: float,
        end: float,
    ) -> None:
        middle = box.center().y()
        p.setPen(QtGui.QPen(colour(t.line), 1, QtCore.Qt.PenStyle.DotLine))
        p.drawLine(QtCore.QPointF(box.left(), middle), QtCore.QPointF(box.right(), middle))
        p.setFont(font(self, 11))
        p.setPen(colour(t.text))
        flag = QtCore.Qt.AlignmentFlag
        name = QtCore.QRectF(0, box.top(), _LEFT - 14, box.height())
        p.drawText(name, flag.AlignRight | flag.AlignVCenter, word)
        p.setFont(font(self, 9))
        p.setPen(colour(t.muted))
        if box.height() > 26:
            side = QtCore.QRectF(0, box.top(), _LEFT - 3, box.height())
            p.drawText(side, flag.AlignRight | flag.AlignTop, "+1")
            p.drawText(side, flag.AlignRight | flag.AlignBottom, "-1")
        if len(rows) < 2:
            return
        x = box.left() + (rows[:, 0] - begin) / (end - begin) * box.width()
        y = middle - rows[:, column] * box.height() / 2
        good = (rows[:, 4] > 0) & np.isfinite(rows[:, column])
        self._paint_held(p, t, box, x, good)
        self._paint_missing(p, t, box, rows[:, 0], begin, end)
        x, y, rank = x[good], y[good], rows[good, 4]
        if len(x) < 2:
            return
        self._paint_spread(p, t, box, rows[good, 0], x, rows[good, column])
        whole = np.append(np.diff(rows[good, 0]) < 2.0, False)
        for wanted, alpha, style in (
            (1.0, 0.75, QtCore.Qt.PenStyle.DotLine),
            (2.0, 1.0, QtCore.Qt.PenStyle.SolidLine),
        ):
            connect = (whole & (rank == wanted)).astype(np.int32)
            if connect.any():
                p.setPen(QtGui.QPen(colour(t.eeg, alpha), 1, style))
                p.setBrush(QtCore.Qt.BrushStyle.NoBrush)
                p.drawPath(arrayToQPath(x, y, connect, finiteCheck=False))

    def _paint_held(
        self,
        p: QtGui.QPainter,
        t: Theme,
        box: QtCore.QRectF,
        x: NDArray[np.float64],
        good: NDArray[np.bool_],
    ) -> None:
        """Hatch every stretch without readings, between estimates too."""
        edges = np.diff(np.concatenate([[False], ~good, [False]]).astype(int))
        p.setPen(QtCore.Qt.PenStyle.NoPen)
        p.setBrush(QtGui.QBrush(colour(t.muted, 0.5), QtCore.Qt.BrushStyle.BDiagPattern))
        for a, b in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
            left = max(box.left(), float(x[a]))
            right = float(x[min(int(b), len(x) - 1)])
            p.drawRect(QtCore.QRectF(left, box.top(), max(1.0, right - left), box.height()))
        p.setBrush(QtCore.Qt.BrushStyle.NoBrush)

    def _paint_missing(
        self,
        p: QtGui.QPainter,
        t: Theme,
        box: QtCore.QRectF,
        times: NDArray[np.float64],
        begin: float,
        end: float,
    ) -> None:
        """Hatch every stretch without estimates, up to now: the stream was gone."""
        stamps = np.append(times, end)
        p.setPen(QtCore.Qt.PenStyle.NoPen)
        p.setBrush(QtGui.QBrush(colour(t.bad, 0.5), QtCore.Qt.BrushStyle.FDiagPattern))
        for k in np.flatnonzero(np.diff(stamps) > MISSING_S):
            left, right = (
                box.left() + (float(stamp) - begin) / (end - begin) * box.width()
                for stamp in stamps[k : k + 2]
            )
            p.drawRect(QtCore.QRectF(left, box.top(), right - left, box.height()))
        p.setBrush(QtCore.Qt.BrushStyle.NoBrush)

    def _paint_spread(
        self,
        p: QtGui.QPainter,
        t: Theme,
        box: QtCore.QRectF,
        times: NDArray[np.float64],
        x: NDArray[np.float64],
        values: NDArray[np.float64],
    ) -> None:
        """Shade one standard deviation of the ten seconds around each of some moments."""
        at = np.unique(np.linspace(0, len(x) - 1, min(len(x), 120)).astype(int))
        first = np.searchsorted(times, times[at] - SPREAD_S)
        last = at + 1
        total = np.concatenate([[0.0], np.cumsum(values)])
        square = np.concatenate([[0.0], np.cumsum(values**2)])
        n = last - first
        mean = (total[last] - total[first]) / n
        sd = np.sqrt(np.maximum(0.0, (square[last] - square[first]) / n - mean**2))
        scale = box.height() / 2
        up = np.clip(box.center().y() - (values[at] + sd) * scale, box.top(), box.bottom())
        down = np.clip(box.center().y() - (values[at] - sd) * scale, box.top(), box.bottom())
        p.setPen(QtCore.Qt.PenStyle.NoPen)
        p.setBrush(colour(t.eeg, 0.16))
        breaks = (
            np.flatnonzero(np.diff(times[at]) > max(3.0, 3 * float(np.median(np.diff(times[at])))))
            + 1
        )
        for part in np.split(np.arange(len(at)), breaks):
            if len(part) > 1:
                outline = [QtCore.QPointF(x[at[k]], up[k]) for k in part]
                outline += [QtCore.QPointF(x[at[k]], down[k]) for k in part[::-1]]
                p.drawPolygon(QtGui.QPolygonF(outline))
        p.setBrush(QtCore.Qt.BrushStyle.NoBrush)

    def _paint_marks(
        self, p: QtGui.QPainter, t: Theme, area: QtCore.QRectF, begin: float, end: float
    ) -> None:
        half = area.height() / 2
        free = -math.inf
        for note in self._visible(begin):
            x = area.left() + (note.time - begin) / (end - begin) * area.width()
            if note.rating is not None:
                p.setPen(QtGui.QPen(colour(t.report), 1.6))
                for lane, value in enumerate(note.rating):
                    y = area.top() + lane * half + (half - 3) / 2 * (1 - value)
                    p.drawRect(QtCore.QRectF(x - 4, y - 4, 8, 8))
            elif note.kind in (NoteKind.MARK, NoteKind.MARKER, NoteKind.BASELINE):
                p.setPen(QtGui.QPen(colour(t.mark), 1, QtCore.Qt.PenStyle.DashLine))
                p.drawLine(QtCore.QPointF(x, area.top()), QtCore.QPointF(x, area.bottom()))
                p.setFont(font(self, 10))
                text = p.fontMetrics().elidedText(note.text, QtCore.Qt.TextElideMode.ElideRight, 90)
                width = p.fontMetrics().horizontalAdvance(text) + 4
                left = x + 2 if x + width < area.right() else x - width
                if left < free:
                    continue
                free = left + width
                p.fillRect(QtCore.QRectF(left, area.top(), width, 13), colour(t.panel, 0.8))
                p.drawText(QtCore.QRectF(left + 2, area.top() - 1, width, 14), 0, text)

    def _visible(self, begin: float) -> list[Note]:
        return [n for n in self.vm.notes if n.time >= begin]
