"""The filtered EEG as it comes in: one row per channel, with events and bad channels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pyqtgraph import functions as pgf
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.gui.decimate import peaks
from bci_affect.gui.notes import HIDDEN
from bci_affect.gui.panels.base import Panel, choice, colour, font, label, set_text
from bci_affect.gui.texts import tr
from bci_affect.gui.theme import Theme
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.streams import ConnectionState

SCALES_UV = (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
WINDOWS_S = (2.0, 5.0, 10.0, 20.0, 30.0)
_LEFT = 56
_BOTTOM = 18
_TOP = 4
_FORGET_S = 3600.0


class TracePanel(Panel):
    """EEG traces. A click on a channel's name takes it out of use or gives it back."""

    key = "traces"
    divisor = 1

    def __init__(self, vm: ViewModel) -> None:
        super().__init__(vm)
        self.seconds = 10.0
        self.scale_uv = 50.0
        self._lines: list[tuple[QtGui.QPolygonF, str]] = []
        self._newest = 0.0
        self._background: tuple[object, QtGui.QPixmap] | None = None
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_StyledBackground, False)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_OpaquePaintEvent, True)
        self._scale_box = choice(
            [f"{v:g} µV" for v in SCALES_UV],
            SCALES_UV.index(self.scale_uv),
            tr("Height of one row"),
        )
        self._scale_box.currentIndexChanged.connect(self._pick_scale)
        self._window_box = choice(
            [f"{v:g} s" for v in WINDOWS_S], WINDOWS_S.index(self.seconds), tr("Width of the view")
        )
        self._window_box.currentIndexChanged.connect(self._pick_window)
        self._rows_box = choice(
            [tr("all channels"), tr("good only")], 0, tr("Which channels are shown")
        )
        self._state = label("", "muted")
        self.setMinimumSize(260, 120)

    def title(self) -> str:
        return tr("EEG")

    def tools(self) -> list[QtWidgets.QWidget]:
        return [self._state, self._rows_box, self._window_box, self._scale_box]

    def step_scale(self, steps: int) -> None:
        """Make rows larger (+1) or smaller (-1)."""
        at = self._scale_box.currentIndex() - steps
        self._scale_box.setCurrentIndex(min(len(SCALES_UV) - 1, max(0, at)))

    def _pick_scale(self, index: int) -> None:
        self.scale_uv = SCALES_UV[index]

    def _pick_window(self, index: int) -> None:
        self.seconds = WINDOWS_S[index]

    def shown(self) -> list[int]:
        """Return the channels that have a row, in the order of the stream."""
        info = self.vm.snapshot.info
        if info is None:
            return []
        eeg = [i for i in range(len(info.labels)) if info.montage.is_eeg[i]]
        if self._rows_box.currentIndex() == 1:
            bad = self.bad()
            eeg = [i for i in eeg if i not in bad]
        return eeg

    def bad(self) -> set[int]:
        """Return the channels that are out of use, by the program's word or by hand."""
        window = self.vm.snapshot.window
        bad = {i for i, name in enumerate(self.vm.labels) if name in self.vm.manual_bad}
        if window is not None and len(window.mask) == len(self.vm.labels):
            bad |= {int(i) for i in np.flatnonzero(~window.mask)}
        return bad

    def _rows(self) -> QtCore.QRectF:
        return QtCore.QRectF(
            _LEFT, _TOP, max(10, self.width() - _LEFT - 8), self.height() - _TOP - _BOTTOM
        )

    def refresh(self) -> None:
        info = self.vm.snapshot.info
        rows = self.shown()
        self._lines = []
        if info is None or not rows:
            self.update()
            return
        times, uv = self.vm.control.traces(self.seconds)
        if uv.shape[0] != len(info.labels) or uv.shape[1] < 2:
            self.update()
            return
        area = self._rows()
        rate = info.rate_hz or max(1.0, (len(times) - 1) / max(1e-9, times[-1] - times[0]))
        times, uv = peaks(times, uv[rows], int(area.width() / 2), rate)
        self._newest = self._right_edge(float(times[-1]))
        height = area.height() / len(rows)
        x = area.right() + (times - self._newest) * (area.width() / self.seconds)  # (m,)
        middle = area.top() + height * (np.arange(len(rows)) + 0.5)
        # A trace may cross its neighbours but not leave the panel.
        y = middle[:, None] - uv * (height / self.scale_uv)
        y = np.clip(y, area.top(), area.bottom())
        bad = self.bad()
        for r, channel in enumerate(rows):
            tone = "muted" if channel in bad else "eeg_alt" if r % 2 else "eeg"
            self._lines += [(line, tone) for line in _polylines(x, y[r])]
        self._note_state()
        self.update()

    def _right_edge(self, newest: float) -> float:
        """Return the time at the right edge: what is lost slides away and is not shown as now."""
        s = self.vm.snapshot
        streaming = s.health is None or s.health.state is ConnectionState.STREAMING
        return newest if streaming or not 0 < s.time - newest < _FORGET_S else s.time

    def _note_state(self) -> None:
        window = self.vm.snapshot.window
        reading = "" if window is None or not window.reasons else window.reasons[0]
        set_text(self._state, reading if len(reading) < 60 else reading[:57] + "…")

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        p = QtGui.QPainter(self)
        t = self.theme
        area = self._rows()
        rows = self.shown()
        p.drawPixmap(0, 0, self._still(area, rows, t))
        if not rows or not self._lines:
            p.setPen(colour(t.muted))
            p.setFont(font(self, 13))
            health = self.vm.snapshot.health
            text = (
                tr("Waiting for EEG") if health is None else health.reason or tr("Waiting for EEG")
            )
            p.drawText(area, QtCore.Qt.AlignmentFlag.AlignCenter, text)
            p.end()
            return
        p.save()
        p.setClipRect(area)
        for line, tone in self._lines:
            pen = QtGui.QPen(colour(getattr(t, tone), 0.55 if tone == "muted" else 1.0), 1)
            pen.setCosmetic(True)
            p.setPen(pen)
            p.drawPolyline(line)
        p.restore()
        self._paint_events(p, area, t)
        p.end()

    def _still(self, area: QtCore.QRectF, rows: list[int], t: Theme) -> QtGui.QPixmap:
        """Return what stands still (frame, grid, names), drawn anew only when it changes."""
        ratio = self.devicePixelRatioF()
        bad = frozenset(self.bad())
        key = (self.size(), ratio, t.name, self.seconds, tuple(rows), self.vm.labels, bad)
        if self._background is not None and self._background[0] == key:
            return self._background[1]
        picture = QtGui.QPixmap(self.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(colour(t.panel))
        p = QtGui.QPainter(picture)
        p.setPen(colour(t.line))
        p.drawLine(0, 0, 0, self.height())
        p.drawLine(self.width() - 1, 0, self.width() - 1, self.height())
        p.drawLine(0, self.height() - 1, self.width(), self.height() - 1)
        self._paint_grid(p, area, t)
        if rows:
            self._paint_names(p, area, rows, t)
        p.end()
        self._background = (key, picture)
        return picture

    def _paint_grid(self, p: QtGui.QPainter, area: QtCore.QRectF, t: Theme) -> None:
        p.setFont(font(self, 10))
        step = 1.0 if self.seconds <= 10 else 5.0
        for k in range(int(self.seconds / step) + 1):
            x = area.right() - k * step * area.width() / self.seconds
            p.setPen(QtGui.QPen(colour(t.grid), 1))
            p.drawLine(QtCore.QPointF(x, area.top()), QtCore.QPointF(x, area.bottom()))
            if area.width() / (self.seconds / step) > 30 or k % 2 == 0:
                p.setPen(colour(t.muted))
                text = tr("now") if k == 0 else f"-{k * step:g} s"
                where = QtCore.QRectF(x - 40, area.bottom() + 2, 46 if k == 0 else 80, 14)
                flag = QtCore.Qt.AlignmentFlag
                p.drawText(where, flag.AlignRight if k == 0 else flag.AlignHCenter, text)

    def _paint_names(
        self, p: QtGui.QPainter, area: QtCore.QRectF, rows: list[int], t: Theme
    ) -> None:
        height = area.height() / len(rows)
        every = max(1, math.ceil(11 / height))
        bad = self.bad()
        for r, channel in enumerate(rows):
            if r % every:
                continue
            name = self.vm.labels[channel]
            out = channel in bad
            p.setFont(font(self, min(12.0, max(9.0, height * 0.8)), bold=not out))
            p.setPen(colour(t.bad if out else t.text))
            box = QtCore.QRectF(2, area.top() + r * height, _LEFT - 8, height * every)
            if height * every > 24:
                box.setHeight(height)
            flag = QtCore.Qt.AlignmentFlag
            p.drawText(box, flag.AlignRight | flag.AlignVCenter, ("✕ " if out else "") + name)

    def _paint_events(self, p: QtGui.QPainter, area: QtCore.QRectF, t: Theme) -> None:
        p.setFont(font(self, 10))
        free = math.inf  # left edge of the last label: an older one must end before it
        for note in reversed(self.vm.notes):
            if note.time < self._newest - self.seconds:
                break
            x = area.right() + (note.time - self._newest) * area.width() / self.seconds
            if x > area.right() or note.kind in HIDDEN:
                continue
            tone = {"track": t.music, "rating": t.report}.get(note.kind, t.mark)
            p.setPen(QtGui.QPen(colour(tone), 1, QtCore.Qt.PenStyle.DashLine))
            p.drawLine(QtCore.QPointF(x, area.top()), QtCore.QPointF(x, area.bottom()))
            text = p.fontMetrics().elidedText(note.text, QtCore.Qt.TextElideMode.ElideRight, 110)
            width = p.fontMetrics().horizontalAdvance(text) + 6
            left = x if x + width < area.right() else x - width
            if left + width > free:
                continue
            free = left
            p.fillRect(QtCore.QRectF(left, area.top(), width, 14), colour(t.panel, 0.85))
            p.drawText(QtCore.QRectF(left + 3, area.top(), width, 14), 0, text)

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        name = self._name_at(event.position())
        if name:
            self.vm.toggle_bad(name)

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        self.setToolTip(
            tr("Click to take {name} out of use, or to give it back", name=name)
            if (name := self._name_at(event.position()))
            else ""
        )

    def _name_at(self, at: QtCore.QPointF) -> str:
        area, rows = self._rows(), self.shown()
        if not rows or at.x() > _LEFT or not area.top() <= at.y() < area.bottom():
            return ""
        return self.vm.labels[rows[int((at.y() - area.top()) * len(rows) / area.height())]]


def _polylines(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[QtGui.QPolygonF]:
    """Return the stretches of a row between its gaps, as what Qt draws fastest."""
    good = np.isfinite(y)
    if good.all():
        return [_polyline(x, y)]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    return [_polyline(x[a:b], y[a:b]) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _polyline(x: NDArray[np.float64], y: NDArray[np.float64]) -> QtGui.QPolygonF:
    line = pgf.create_qpolygonf(len(x))
    points = pgf.ndarray_from_qpolygonf(line)  # (n, 2), the polygon's own memory
    points[:, 0] = x
    points[:, 1] = y
    return line
