"""Valence-arousal plane: estimate with its certainty, music, self-reports, and target."""

from __future__ import annotations

import math
from collections.abc import Hashable
from itertools import pairwise

import numpy as np
from pyqtgraph.Qt import QtCore, QtGui

from bci_affect.gui.panels.base import Panel, colour, font
from bci_affect.gui.reading import Kind, Reading, spread_ellipse
from bci_affect.gui.services import MusicView
from bci_affect.gui.steering import lacking_words, target_words
from bci_affect.gui.texts import percent, tr
from bci_affect.gui.theme import Theme
from bci_affect.gui.viewmodel import ViewModel

TRAIL_S = 60.0
SPREAD_S = 10.0
JOINED_S = 2.0
"""Longest time in seconds between two readings that are joined by a line."""
_TRAIL_ANEW_S = 1.0
_SHADES = 6
NOT_CALIBRATED = "not calibrated to you"
"""Beginning of the reason that links to the calibration; see `bci_affect.affect.fusion`."""


class PlanePanel(Panel):
    """Plane; dragging sets the target of steering, and arrow keys move it."""

    key = "plane"
    divisor = 3
    commands_session = True

    calibrate_asked = QtCore.Signal()

    def __init__(self, vm: ViewModel, music: MusicView | None = None) -> None:
        super().__init__(vm)
        self._music = music
        self._lacking: tuple[object, str] = (None, "")
        self._drag: tuple[float, float] | None = None
        self._link = QtCore.QRectF()  # the words that lead to the calibration, if they are shown
        self._axes: tuple[Hashable, QtGui.QPixmap] | None = None
        self._trail: tuple[Hashable, float, QtGui.QPixmap] | None = None
        self.setMinimumSize(220, 200)
        self.setToolTip(tr("Drag to set the target of steering; arrow keys move it"))

    def title(self) -> str:
        return tr("Valence and arousal")

    def refresh(self) -> None:
        self.update()

    def _square(self) -> QtCore.QRectF:
        words = 104.0  # lines below the plane
        side = max(60.0, min(self.width() - 44.0, self.height() - words - 22.0))
        top = 20 + max(0.0, (self.height() - words - 22.0 - side) / 2)
        return QtCore.QRectF((self.width() - side) / 2, top, side, side)

    def to_screen(self, valence: float, arousal: float) -> QtCore.QPointF:
        """Return where a point of the plane is drawn."""
        s = self._square()
        return QtCore.QPointF(
            s.left() + (valence + 1) / 2 * s.width(), s.bottom() - (arousal + 1) / 2 * s.height()
        )

    def from_screen(self, at: QtCore.QPointF) -> tuple[float, float]:
        """Return the point of the plane under a place on the screen, kept within it."""
        s = self._square()
        valence = (at.x() - s.left()) / s.width() * 2 - 1
        arousal = (s.bottom() - at.y()) / s.height() * 2 - 1
        return min(1.0, max(-1.0, valence)), min(1.0, max(-1.0, arousal))

    # --- drawing -------------------------------------------------------------

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        p = QtGui.QPainter(self)
        p.drawPixmap(0, 0, self._still())
        p.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        p.save()
        p.setClipRect(self._square())
        self._paint_trail(p, self.theme)
        self._paint_uncertainty(p, self.theme)
        p.setClipRect(self._square().adjusted(-9, -9, 9, 9))  # room for complete marks at the edge
        self._paint_reports(p, self.theme)
        self._paint_target(p, self.theme)
        self._paint_music(p, self.theme)
        self._paint_estimate(p, self.theme, self.vm.reading)
        p.restore()
        self._paint_words(p, self.theme)
        p.end()

    def _still(self) -> QtGui.QPixmap:
        """Return the static layer (plane, grid, axis names), redrawn only on change."""
        key = (self.size(), self.devicePixelRatioF(), self.theme.name)
        if self._axes is None or self._axes[0] != key:
            picture = self._transparent()
            p = QtGui.QPainter(picture)
            self._paint_axes(p, self.theme)
            p.end()
            self._axes = (key, picture)
        return self._axes[1]

    def _transparent(self) -> QtGui.QPixmap:
        picture = QtGui.QPixmap(self.size() * self.devicePixelRatioF())
        picture.setDevicePixelRatio(self.devicePixelRatioF())
        picture.fill(QtCore.Qt.GlobalColor.transparent)
        return picture

    def _paint_axes(self, p: QtGui.QPainter, t: Theme) -> None:
        s = self._square()
        p.fillRect(s, colour(t.raised, 0.5))
        p.setPen(QtGui.QPen(colour(t.grid), 1))
        for k in range(5):
            x = s.left() + s.width() * k / 4
            y = s.top() + s.height() * k / 4
            p.drawLine(QtCore.QPointF(x, s.top()), QtCore.QPointF(x, s.bottom()))
            p.drawLine(QtCore.QPointF(s.left(), y), QtCore.QPointF(s.right(), y))
        p.setPen(QtGui.QPen(colour(t.line), 1.5))
        c = s.center()
        p.drawLine(QtCore.QPointF(c.x(), s.top()), QtCore.QPointF(c.x(), s.bottom()))
        p.drawLine(QtCore.QPointF(s.left(), c.y()), QtCore.QPointF(s.right(), c.y()))
        p.setFont(font(self, 11))
        p.setPen(colour(t.muted))
        flag = QtCore.Qt.AlignmentFlag
        p.drawText(
            QtCore.QRectF(s.left(), s.top() - 18, s.width(), 16),
            flag.AlignCenter,
            tr("arousal high"),
        )
        below = QtCore.QRectF(s.left(), s.bottom() + 2, s.width(), 15)
        p.drawText(below, flag.AlignHCenter, tr("arousal low"))
        for text, x, turn in (
            (tr("valence low"), s.left() - 3, -90),
            (tr("valence high"), s.right() + 3, 90),
        ):
            p.save()
            p.translate(x, c.y())
            p.rotate(turn)
            p.drawText(QtCore.QRectF(-80, -14, 160, 14), flag.AlignCenter, text)
            p.restore()

    def _paint_trail(self, p: QtGui.QPainter, t: Theme) -> None:
        """Draw the trail from a picture that is redrawn every second, and newer points."""
        now = self.vm.snapshot.clock.time
        key = (self.size(), self.devicePixelRatioF(), t.name)
        if (
            self._trail is None
            or self._trail[0] != key
            or not 0 <= now - self._trail[1] < _TRAIL_ANEW_S
        ):
            picture = self._transparent()
            painter = QtGui.QPainter(picture)
            painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
            self._draw_trail(painter, t)
            painter.end()
            self._trail = (key, now, picture)
        p.drawPixmap(0, 0, self._trail[2])
        rows = self.vm.timeline.since(self._trail[1] - _TRAIL_ANEW_S)
        rows = rows[(rows[:, 4] > 0) & np.isfinite(rows[:, 1])]
        if len(rows) > 1 and (np.diff(rows[:, 0]) < JOINED_S).all():
            p.setPen(QtGui.QPen(colour(t.eeg, 0.93), 1.6))
            p.drawPolyline(QtGui.QPolygonF([self.to_screen(v, a) for v, a in rows[:, 1:3]]))

    def _draw_trail(self, p: QtGui.QPainter, t: Theme) -> None:
        now = self.vm.snapshot.clock.time
        rows = self.vm.timeline.since(now - TRAIL_S)
        rows = rows[(rows[:, 4] > 0) & np.isfinite(rows[:, 1])]
        if len(rows) < 2:
            return
        rows = rows[:: max(1, len(rows) // 240)]
        age = (now - rows[:, 0]) / TRAIL_S
        s = self._square()
        x = s.left() + (rows[:, 1] + 1) / 2 * s.width()
        y = s.bottom() - (rows[:, 2] + 1) / 2 * s.height()
        points = [QtCore.QPointF(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
        joined = np.diff(rows[:, 0], prepend=rows[0, 0]) <= JOINED_S  # to the point before
        for shade in range(_SHADES):
            low, high = shade / _SHADES, (shade + 1) / _SHADES
            at = np.flatnonzero((age >= low) & (age <= high))
            if len(at) < 2:
                continue
            last = min(len(rows) - 1, at[-1] + 1)  # joins the next, younger part
            p.setPen(QtGui.QPen(colour(t.eeg, 0.85 * (1 - low) + 0.08), 1.6))
            cuts = [i for i in range(at[0] + 1, last + 1) if not joined[i]]
            for a, b in pairwise([int(at[0]), *cuts, int(last) + 1]):
                p.drawPolyline(QtGui.QPolygonF(points[a:b]))

    def _paint_uncertainty(self, p: QtGui.QPainter, t: Theme) -> None:
        """Draw the ellipses: the music's own, and the spread of the newest readings."""
        s, music = self._square(), self._music_point()
        if music is not None and math.isfinite(music[2]) and math.isfinite(music[3]):
            p.setBrush(QtCore.Qt.BrushStyle.NoBrush)
            p.setPen(QtGui.QPen(colour(t.music, 0.7), 1, QtCore.Qt.PenStyle.DotLine))
            at = self.to_screen(music[0], music[1])
            p.drawEllipse(at, music[2] / 2 * s.width(), music[3] / 2 * s.height())
        if self.vm.reading.kind not in (Kind.READING, Kind.UNSURE):
            return
        rows = self.vm.timeline.since(self.vm.snapshot.clock.time - SPREAD_S)
        rows = rows[(rows[:, 4] > 0) & np.isfinite(rows[:, 1])]
        curve = spread_ellipse(rows[:, 1], rows[:, 2])
        if curve is not None:
            p.setBrush(colour(t.eeg, 0.16))
            p.setPen(QtGui.QPen(colour(t.eeg, 0.6), 1, QtCore.Qt.PenStyle.DashLine))
            p.drawPolygon(QtGui.QPolygonF([self.to_screen(v, a) for v, a in curve]))

    def _paint_estimate(self, p: QtGui.QPainter, t: Theme, reading: Reading) -> None:
        if reading.kind is Kind.NONE:
            return
        at = self.to_screen(reading.valence, reading.arousal)
        live = reading.kind is not Kind.HELD
        tone = t.eeg if live else t.muted
        if reading.kind is Kind.READING:
            p.setBrush(colour(tone))
            p.setPen(QtGui.QPen(colour(t.text), 1.5))
            p.drawEllipse(at, 7, 7)
            return
        p.setBrush(colour(t.panel))
        style = QtCore.Qt.PenStyle
        p.setPen(QtGui.QPen(colour(tone), 1.6, style.DashLine if live else style.DotLine))
        p.drawEllipse(at, 9, 9)
        p.setPen(colour(tone))
        p.setFont(font(self, 12, bold=True))
        where = QtCore.QRectF(at.x() - 9, at.y() - 9, 18, 18)
        p.drawText(where, QtCore.Qt.AlignmentFlag.AlignCenter, "?" if live else "‖")

    def _music_point(self) -> tuple[float, float, float, float] | None:
        track = self.vm.track
        if track is None or not math.isfinite(track.valence):
            return None
        return track.valence, track.arousal, track.valence_sd, track.arousal_sd

    def _paint_music(self, p: QtGui.QPainter, t: Theme) -> None:
        music = self._music_point()
        if music is None:
            return
        at = self.to_screen(music[0], music[1])
        p.setBrush(colour(t.music))
        p.setPen(QtGui.QPen(colour(t.panel), 1))
        p.drawPolygon(_diamond(at, 7))
        if self.vm.reading.fused is not None:
            both = self.to_screen(*self.vm.reading.fused)
            p.setPen(QtGui.QPen(colour(t.fused), 2))
            for dx, dy in ((6, 0), (0, 6)):
                p.drawLine(both - QtCore.QPointF(dx, dy), both + QtCore.QPointF(dx, dy))

    def _paint_reports(self, p: QtGui.QPainter, t: Theme) -> None:
        reports = [note.rating for note in self.vm.notes if note.rating is not None][-12:]
        p.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        for i, (valence, arousal) in enumerate(reports):
            alpha = 0.35 + 0.65 * (i + 1) / len(reports)
            p.setPen(QtGui.QPen(colour(t.report, alpha), 1.6))
            at = self.to_screen(valence, arousal)
            p.drawRect(QtCore.QRectF(at.x() - 4, at.y() - 4, 8, 8))

    def _paint_target(self, p: QtGui.QPainter, t: Theme) -> None:
        target = self._drag or self.vm.target
        if target is None:
            return
        at = self.to_screen(*target)
        music = self.vm.snapshot.music
        steered = music is not None and music.policy == "steer"
        active = steered or self._drag is not None
        p.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        p.setPen(QtGui.QPen(colour(t.target, 1.0 if active else 0.5), 1.8))
        p.drawEllipse(at, 8, 8)
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            p.drawLine(at + QtCore.QPointF(dx * 5, dy * 5), at + QtCore.QPointF(dx * 12, dy * 12))

    def _paint_words(self, p: QtGui.QPainter, t: Theme) -> None:
        reading = self.vm.reading
        s = self._square()
        y = s.bottom() + 19
        flag = QtCore.Qt.AlignmentFlag
        lines = reading_words(reading)
        p.setPen(colour(t.text if reading.kind is Kind.READING else t.muted))
        for size in (13, 12, 11, 10, 9):  # smaller font, never truncated numbers
            p.setFont(font(self, size, bold=True))
            widest = max(p.fontMetrics().horizontalAdvance(words) for words in lines)
            if widest <= self.width() - 12:
                break
        for words in lines:
            p.drawText(QtCore.QRectF(6, y, self.width() - 12, 17), flag.AlignHCenter, words)
            y += 16
        y += 1 - 17 + 16 * (2 - len(lines))
        p.setFont(font(self, 11))
        line = QtCore.QRectF(6, y + 17, self.width() - 12, 15)
        p.setPen(colour(t.fair))
        why = reading.why
        text = p.fontMetrics().elidedText(
            why, QtCore.Qt.TextElideMode.ElideRight, int(line.width())
        )
        linked = why.lower().startswith(NOT_CALIBRATED)
        self._link = line if linked else QtCore.QRectF()
        if linked:
            under = p.font()
            under.setUnderline(True)
            p.setFont(under)
        p.drawText(line, flag.AlignHCenter, text)
        self._paint_legend(p, t, y + 34)
        p.setPen(colour(t.target if self.steers else t.muted))
        p.setFont(font(self, 11 if self.steers else 10))
        last = QtCore.QRectF(6, y + 51, self.width() - 12, 13)
        right = QtCore.Qt.TextElideMode.ElideRight
        steady = p.fontMetrics().elidedText(self._steadiness(), right, int(last.width()))
        p.drawText(last, flag.AlignHCenter, steady)

    @property
    def steers(self) -> bool:
        """True while music leads towards the target."""
        music = self.vm.snapshot.music
        return music is not None and music.policy == "steer"

    def steering_words(self) -> str:
        """Return the target, its distance, and what the library lacks; a request without one."""
        target = self._drag or self.vm.target
        if target is None:
            return tr("Click in the plane to set the target of steering")
        reading = self.vm.reading
        present = None if reading.kind is Kind.NONE else (reading.valence, reading.arousal)
        parts = [target_words(target, present)]
        if self._lacking[0] != target:
            tracks = self._music.tracks() if self._music is not None else []
            self._lacking = (target, lacking_words(target, tracks) if tracks else "")
        return " · ".join(part for part in (*parts, self._lacking[1]) if part)

    def _steadiness(self) -> str:
        if self.steers:
            return self.steering_words()
        smoothing = self.vm.snapshot.model.smoothing_s
        if math.isfinite(smoothing):
            return tr("smoothed over {s:g} s; ellipse: spread of the last 10 s", s=smoothing)
        return tr("ellipse: spread of the last 10 s")

    def _paint_legend(self, p: QtGui.QPainter, t: Theme, y: float) -> None:
        p.setFont(font(self, 11))
        entries = [("●", t.eeg, tr("EEG"))]
        if self._music_point() is not None:
            entries.append(("◆", t.music, tr("music")))
        if self.vm.reading.fused is not None:
            entries.append(("+", t.fused, tr("both")))
        if any(note.rating is not None for note in self.vm.notes):
            entries.append(("□", t.report, tr("self-report")))
        if self.vm.target is not None:
            entries.append(("◎", t.target, tr("target")))
        widths = [p.fontMetrics().horizontalAdvance(f"{m} {w}") + 10 for m, _, w in entries]
        x = (self.width() - sum(widths)) / 2
        for (mark, tone, word), width in zip(entries, widths, strict=True):
            p.setPen(colour(tone))
            p.drawText(QtCore.QPointF(x, y + 11), mark)
            p.setPen(colour(t.muted))
            p.drawText(
                QtCore.QPointF(x + p.fontMetrics().horizontalAdvance(mark + " "), y + 11), word
            )
            x += width

    # --- steering ------------------------------------------------------------

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        if self._link.contains(event.position()):
            self.calibrate_asked.emit()
        elif event.button() == QtCore.Qt.MouseButton.LeftButton:
            self._drag = self.from_screen(event.position())
            self.update()

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        if self._drag is not None:
            self._drag = self.from_screen(event.position())
            self.update()

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:
        if self._drag is not None:
            target, self._drag = self._drag, None
            self.vm.music_command(lambda music: music.set_target(*target))
            self.update()

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        keys = QtCore.Qt.Key
        steps = {
            keys.Key_Left: (-0.1, 0.0),
            keys.Key_Right: (0.1, 0.0),
            keys.Key_Up: (0.0, 0.1),
            keys.Key_Down: (0.0, -0.1),
        }
        step = steps.get(keys(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        valence, arousal = self.vm.target or (0.0, 0.0)
        moved = (valence + step[0], arousal + step[1])
        self.vm.music_command(lambda music: music.set_target(*moved))


def reading_words(reading: Reading) -> list[str]:
    """Return a line per dimension: value, decision, and how certain it is.

    A confidence belongs to a decision, so an undecided dimension has none.
    """
    if reading.kind is Kind.NONE:
        return [tr("no estimate")]
    lines = []
    for i, name in enumerate((tr("valence"), tr("arousal"))):
        value = (reading.valence, reading.arousal)[i]
        figure = f"{name} {value:+.2f}"
        if reading.kind is Kind.HELD:
            lines.append(tr("{figure} · held", figure=figure))
            continue
        prob, decision = reading.probabilities[i], reading.decisions[i]
        likely = tr("probability of high {p}", p=percent(prob))
        if not reading.calibrated:
            lines.append(tr("{figure} · {likely}, not calibrated", figure=figure, likely=likely))
        elif decision in ("high", "low"):
            lines.append(
                tr(
                    "{figure} · {side}, probability {p}, confidence {c}",
                    figure=figure,
                    side=tr(decision),
                    p=percent(max(prob, 1 - prob)),
                    c=percent(reading.confidences[i]),
                )
            )
        else:
            lines.append(tr("{figure} · undecided, {likely}", figure=figure, likely=likely))
    return lines


def _diamond(at: QtCore.QPointF, r: float) -> QtGui.QPolygonF:
    return QtGui.QPolygonF(
        [at + QtCore.QPointF(x * r, y * r) for x, y in ((0, -1), (1, 0), (0, 1), (-1, 0))]
    )
