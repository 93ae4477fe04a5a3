"""Traces panel: filtered EEG, one row per channel, with events and bad channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.gui.notes import NoteKind
from bci_affect.gui.panels.base import Panel, choice, colour, font
from bci_affect.gui.panels.topbar import Elided
from bci_affect.gui.panels.tracelayer import Frame, TraceLayer
from bci_affect.gui.texts import tr
from bci_affect.gui.theme import Theme
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.streams import ConnectionState

SCALES_UV = (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
WINDOWS_S = (2.0, 5.0, 10.0, 20.0, 30.0)
AS_STREAMED, FRONT_TO_BACK, MEAN = range(3)
_LEFT = 56
_BOTTOM = 18
_TOP = 4
_FORGET_S = 3600.0


class TracePanel(Panel):
    """EEG traces; a click on a channel's name excludes or includes it.

    Keys: up and down choose a channel, Enter excludes or includes it.
    """

    key = "traces"
    divisor = 1
    commands_session = True

    def __init__(self, vm: ViewModel) -> None:
        super().__init__(vm)
        self.seconds = 10.0
        self.scale_uv = 100.0
        self.layer = TraceLayer()
        self._bad: frozenset[int] = frozenset()
        self._chosen: str = ""
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
        self._montage_box = choice(
            [tr("as streamed"), tr("front to back"), tr("against the mean")],
            AS_STREAMED,
            tr("Montage of the traces: order of the channels, or each against their mean"),
        )
        self._state = Elided("muted", hugging=True)
        self.setMinimumSize(260, 120)

    def title(self) -> str:
        return tr("EEG")

    def tools(self) -> list[QtWidgets.QWidget]:
        return [
            *(self._state, self._rows_box, self._montage_box),
            *(self._window_box, self._scale_box),
        ]

    def step_scale(self, steps: int) -> None:
        """Make rows larger (+1) or smaller (-1)."""
        at = self._scale_box.currentIndex() - steps
        self._scale_box.setCurrentIndex(min(len(SCALES_UV) - 1, max(0, at)))

    def _pick_scale(self, index: int) -> None:
        self.scale_uv = SCALES_UV[index]

    def _pick_window(self, index: int) -> None:
        self.seconds = WINDOWS_S[index]

    def shown(self) -> list[int]:
        """Return the channels that have a row, from the top."""
        info = self.vm.info
        if info is None:
            return []
        eeg = [i for i in range(len(info.labels)) if info.montage.is_eeg[i]]
        if self._rows_box.currentIndex() == 1:
            bad = self.bad()
            eeg = [i for i in eeg if i not in bad]
        if self._montage_box.currentIndex() == FRONT_TO_BACK:
            return front_to_back(eeg, info.labels, info.montage.positions)
        return eeg

    def bad(self) -> set[int]:
        """Return the channels excluded by quality control or by hand."""
        window = self.vm.snapshot.affect.window
        bad = {i for i, name in enumerate(self.vm.labels) if name in self.vm.manual_bad}
        if window is not None and len(window.mask) == len(self.vm.labels):
            bad |= {int(i) for i in np.flatnonzero(~window.mask)}
        return bad

    def _rows(self) -> QtCore.QRectF:
        return QtCore.QRectF(
            _LEFT, _TOP, max(10, self.width() - _LEFT - 8), self.height() - _TOP - _BOTTOM
        )

    def refresh(self) -> None:
        info = self.vm.info
        rows = self.shown()
        self._bad = frozenset(self.bad())
        if info is None or not rows:
            self.layer.clear()
        else:
            self._draw(info.rate_hz, rows)
        self._note_state()
        self.update()

    def _draw(self, rate_hz: float, rows: list[int]) -> None:
        """Bring the picture of the traces up to date."""
        ratio = self.devicePixelRatioF()
        area = self._rows()
        montage = self._montage_box.currentIndex()
        frame = Frame(
            width=max(2, round(area.width() * ratio)),
            height=max(2, round(area.height() * ratio)),
            seconds=self.seconds,
            rate_hz=rate_hz,
            pixels_per_uv=area.height() * ratio / len(rows) / self.scale_uv,
            pens=self._pens(rows, ratio),
        )
        key = (
            *(frame.width, frame.height, self.seconds, self.scale_uv, self.theme.name),
            *(tuple(rows), self.vm.labels, self._bad, montage),
        )

        def fetch(seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
            times, uv = self.vm.control.traces(seconds)
            if uv.shape[0] != len(self.vm.labels):
                return np.empty(0), np.empty((0, 0), np.float32)
            if montage == MEAN and (good := [r for r in rows if r not in self._bad]):
                uv = uv - uv[good].mean(axis=0)
            return times, uv[rows]

        self.layer.draw(key, frame, fetch, self._right_edge, self.vm.snapshot.clock.time)

    def _pens(self, rows: list[int], ratio: float) -> tuple[QtGui.QPen, ...]:
        tones = (("eeg", 1.0), ("eeg_alt", 1.0), ("muted", 0.55))
        made = [
            QtGui.QPen(colour(getattr(self.theme, name), alpha), max(1, round(ratio)))
            for name, alpha in tones
        ]
        return tuple(made[2 if row in self._bad else r % 2] for r, row in enumerate(rows))

    def _right_edge(self, newest: float) -> float:
        """Return the time at the right edge; lost EEG scrolls out and is not shown as present."""
        s = self.vm.snapshot
        health = self.vm.health
        streaming = health is None or health.state is ConnectionState.STREAMING
        return newest if streaming or not 0 < s.clock.time - newest < _FORGET_S else s.clock.time

    def _note_state(self) -> None:
        window = self.vm.snapshot.affect.window
        reading = "" if window is None or not window.reasons else window.reasons[0]
        self._state.show_text(reading)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        p = QtGui.QPainter(self)
        t = self.theme
        area = self._rows()
        rows = self.shown()
        p.drawPixmap(0, 0, self._still(area, rows, t))
        picture = self.layer.picture
        if not rows or picture is None:
            p.setPen(colour(t.muted))
            p.setFont(font(self, 13))
            health = self.vm.health
            text = (
                tr("Waiting for EEG") if health is None else health.reason or tr("Waiting for EEG")
            )
            p.drawText(area, QtCore.Qt.AlignmentFlag.AlignCenter, text)
            p.end()
            return
        p.drawPixmap(area, picture, QtCore.QRectF(picture.rect()))
        self._paint_events(p, area, t)
        p.end()

    def _still(self, area: QtCore.QRectF, rows: list[int], t: Theme) -> QtGui.QPixmap:
        """Return the static layer (frame, grid, names), redrawn only on change."""
        ratio = self.devicePixelRatioF()
        chosen = self._chosen if self.hasFocus() else ""
        key = (
            *(self.size(), ratio, t.name, self.seconds),
            *(tuple(rows), self.vm.labels, self._bad, chosen),
        )
        if self._background is not None and self._background[0] == key:
            return self._background[1]
        picture = QtGui.QPixmap(self.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(colour(t.back))
        p = QtGui.QPainter(picture)
        p.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        p.setPen(colour(t.line))
        p.setBrush(colour(t.panel))
        whole = QtCore.QRectF(0.5, -9.5, self.width() - 1, self.height() + 9)  # open at the top
        p.drawRoundedRect(whole, 6, 6)
        p.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing, False)
        p.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        self._paint_grid(p, area, t)
        if rows:
            self._paint_names(p, area, rows, t, chosen)
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
                where = QtCore.QRectF(x - 40, area.bottom() + 2, 41 if k == 0 else 80, 14)
                flag = QtCore.Qt.AlignmentFlag
                p.drawText(where, flag.AlignRight if k == 0 else flag.AlignHCenter, text)

    def _paint_names(
        self, p: QtGui.QPainter, area: QtCore.QRectF, rows: list[int], t: Theme, chosen: str
    ) -> None:
        height = area.height() / len(rows)
        every = max(1, math.ceil(11 / height))
        for r, channel in enumerate(rows):
            name = self.vm.labels[channel]
            if name == chosen:
                box = QtCore.QRectF(1, area.top() + r * height, _LEFT - 5, max(3.0, height))
                p.setPen(QtGui.QPen(colour(t.accent), 1.5))
                p.drawRect(box)
            if r % every:
                continue
            out = channel in self._bad
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
            if x > area.right() or note.kind is NoteKind.HIDDEN:
                continue
            tone = {NoteKind.TRACK: t.music, NoteKind.REPORT: t.report}.get(note.kind, t.mark)
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

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        keys = QtCore.Qt.Key
        key = keys(event.key())
        names = [self.vm.labels[i] for i in self.shown()]
        if names and key in (keys.Key_Up, keys.Key_Down):
            step = 1 if key == keys.Key_Down else -1
            at = names.index(self._chosen) + step if self._chosen in names else 0
            self._chosen = names[at % len(names)]
            self.update()
        elif self._chosen in names and key in (keys.Key_Return, keys.Key_Enter):
            self.vm.toggle_bad(self._chosen)
        else:
            super().keyPressEvent(event)

    def _name_at(self, at: QtCore.QPointF) -> str:
        area, rows = self._rows(), self.shown()
        if not rows or at.x() > _LEFT or not area.top() <= at.y() < area.bottom():
            return ""
        return self.vm.labels[rows[int((at.y() - area.top()) * len(rows) / area.height())]]


def front_to_back(
    channels: list[int], names: Sequence[str], positions: NDArray[np.floating[Any]]
) -> list[int]:
    """Order channels by their rows on the head (Fp, AF, F, ...), and each from left to right.

    Parameters
    ----------
    channels : list of int
        What is ordered.
    names : sequence of str
        Of all channels.
    positions : ndarray, shape (n_channels, 3)
        Metres; channels of unknown position come last.
    """
    place = np.nan_to_num(positions, nan=-9.0)
    row = [name.rstrip("0123456789zZ") for name in names]
    depth = {
        r: float(np.mean([place[i, 1] for i in channels if row[i] == r]))
        for r in {row[i] for i in channels}
    }
    return sorted(channels, key=lambda i: (-depth[row[i]], row[i], float(place[i, 0])))
