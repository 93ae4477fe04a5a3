"""The filtered EEG as it comes in: one row per channel, with events and bad channels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pyqtgraph import arrayToQPath
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.gui.decimate import peaks
from bci_affect.gui.panels.base import Panel, choice, colour, font, label, set_text
from bci_affect.gui.texts import tr
from bci_affect.gui.theme import Theme
from bci_affect.gui.viewmodel import ViewModel

SCALES_UV = (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
WINDOWS_S = (2.0, 5.0, 10.0, 20.0, 30.0)
_LEFT = 56
_BOTTOM = 18
_TOP = 4


class TracePanel(Panel):
    """EEG traces. A click on a channel's name takes it out of use or gives it back."""

    key = "traces"
    divisor = 1

    def __init__(self, vm: ViewModel) -> None:
        super().__init__(vm)
        self.seconds = 10.0
        self.scale_uv = 50.0
        self._paths: list[tuple[QtGui.QPainterPath, str]] = []
        self._newest = 0.0
        self._first = 0
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
        self._paths = []
        if info is None or not rows:
            self.update()
            return
        times, uv = self.vm.control.traces(self.seconds)
        if uv.shape[0] != len(info.labels) or uv.shape[1] < 2:
            self.update()
            return
        area = self._rows()
        rate = info.rate_hz or max(1.0, (len(times) - 1) / max(1e-9, times[-1] - times[0]))
        times, uv = peaks(times, uv[rows], int(area.width()), rate)
        self._newest = float(times[-1])
        height = area.height() / len(rows)
        x = area.right() + (times - self._newest) * (area.width() / self.seconds)  # (m,)
        middle = area.top() + height * (np.arange(len(rows)) + 0.5)
        # A trace may cross its neighbours but not leave the panel.
        y = middle[:, None] - uv * (height / self.scale_uv)
        y = np.clip(y, area.top(), area.bottom())
        bad = self.bad()
        for pick, tone in (
            ([r for r, c in enumerate(rows) if c in bad], "muted"),
            ([r for r, c in enumerate(rows) if c not in bad and r % 2], "eeg_alt"),
            ([r for r, c in enumerate(rows) if c not in bad and not r % 2], "eeg"),
        ):
            if pick:
                self._paths.append((_one_path(x, y[pick]), tone))
        self._note_state()
        self.update()

    def _note_state(self) -> None:
        window = self.vm.snapshot.window
        reading = "" if window is None or not window.reasons else window.reasons[0]
        set_text(self._state, reading if len(reading) < 60 else reading[:57] + "…")

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        p = QtGui.QPainter(self)
        t = self.theme
        area = self._rows()
        rows = self.shown()
        self._paint_grid(p, area, t)
        if not rows or not self._paths:
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
        for path, tone in self._paths:
            p.setPen(QtGui.QPen(colour(getattr(t, tone), 0.55 if tone == "muted" else 1.0), 1))
            p.drawPath(path)
        p.restore()
        self._paint_names(p, area, rows, t)
        self._paint_events(p, area, t)
        p.end()

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
            if x > area.right():
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


def _one_path(x: NDArray[np.float64], y: NDArray[np.float64]) -> QtGui.QPainterPath:
    """Join rows into one path, lifted between rows and at NaN: one draw call is the cheapest."""
    n_rows, n = y.shape
    connect = np.ones((n_rows, n), dtype=np.int32)
    connect[:, -1] = 0
    if not np.isfinite(y).all():
        hole = ~np.isfinite(y)
        connect[hole] = 0
        connect[:, :-1][hole[:, 1:]] = 0
        y = np.where(hole, 0.0, y)
    xs = np.broadcast_to(np.where(np.isfinite(x), x, 0.0), y.shape)
    return arrayToQPath(xs.ravel(), y.ravel(), connect.ravel(), finiteCheck=False)
