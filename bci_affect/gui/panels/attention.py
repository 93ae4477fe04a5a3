"""Attention panel: weights by electrode and time, and by position on the head."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.gui import heads
from bci_affect.gui.panels.base import Caption, Drawing, Panel, colour, font
from bci_affect.gui.reading import Kind
from bci_affect.gui.texts import tr
from bci_affect.gui.theme import Theme
from bci_affect.gui.viewmodel import ViewModel

TOP_OF_SCALE = 3.0
"""Upper end of the fixed colour scale, in even shares (1 = attention spread evenly)."""
CALM_S = 1.0
"""Time constant of the displayed average in seconds."""


@lru_cache(maxsize=4)
def colours(name: str = "cividis", n: int = 256) -> NDArray[np.uint32]:
    """Return a colour map in the form that is painted fastest (``0xAARRGGBB``), shape (n,)."""
    table = np.asarray(pg.colormap.get(name).getLookupTable(0.0, 1.0, n, alpha=False))
    red, green, blue = table.astype(np.uint32).T
    return np.asarray(0xFF000000 | red << 16 | green << 8 | blue, dtype=np.uint32)


def to_image(values: NDArray[np.float64], table: NDArray[np.uint32]) -> QtGui.QImage:
    """Return an image of values in [0, 1] (NaN transparent), rows from the top."""
    known = np.isfinite(values)
    top = len(table) - 1
    index = np.clip(np.where(known, values, 0.0) * top, 0, top).astype(np.intp)
    argb = np.where(known, table[index], np.uint32(0))
    height, width = values.shape
    form = QtGui.QImage.Format.Format_ARGB32_Premultiplied
    image = QtGui.QImage(argb.tobytes(), width, height, 4 * width, form)
    return image.copy()  # the buffer dies with this function


class _Heat(Drawing):
    """Heat map of electrodes x time steps, oldest step at the left."""

    smooth = False

    def __init__(self, vm: ViewModel) -> None:
        super().__init__()
        self.vm = vm
        self._image: QtGui.QImage | None = None
        self._rows: list[int] = []
        self.setMinimumSize(150, 70)

    def take(self, image: QtGui.QImage | None, rows: list[int]) -> None:
        self._image, self._rows = image, rows
        self.update()

    def draw(self, p: QtGui.QPainter, t: Theme) -> None:
        area = QtCore.QRectF(52, 2, max(10, self.width() - 58), max(10, self.height() - 18))
        p.fillRect(area, colour(t.raised))
        names = [self.vm.labels[r] for r in self._rows]
        if self._image is not None:
            p.setOpacity(1.0 if self.vm.reading.kind in (Kind.READING, Kind.UNSURE) else 0.35)
            p.drawImage(area, self._image)
            p.setOpacity(1.0)
            row = area.height() / max(1, len(names))
            every = max(1, int(np.ceil(12 / row)))
            p.setFont(font(self, min(11.0, max(9.0, row * 0.8))))
            mask = self.vm.snapshot.affect.window
            for i, name in enumerate(names):
                if i % every:
                    continue
                out = mask is not None and not mask.mask[self._rows[i]]
                p.setPen(colour(t.bad if out else t.text))
                box = QtCore.QRectF(0, area.top() + i * row, 48, row * (every if every > 1 else 1))
                flag = QtCore.Qt.AlignmentFlag
                p.drawText(box, flag.AlignRight | flag.AlignVCenter, ("✕ " if out else "") + name)
            self._time_axis(p, area, t)
        else:
            p.setPen(colour(t.muted))
            p.setFont(font(self, 12))
            p.drawText(area, QtCore.Qt.AlignmentFlag.AlignCenter, self.vm.reading.why)

    def _time_axis(self, p: QtGui.QPainter, area: QtCore.QRectF, t: Theme) -> None:
        estimate = self.vm.snapshot.affect.estimate
        if estimate is None:
            return
        length = estimate.attention.shape[1] * self.vm.snapshot.model.step_s
        if not np.isfinite(length):
            return
        p.setFont(font(self, 10))
        p.setPen(colour(t.muted))
        flag = QtCore.Qt.AlignmentFlag
        below = QtCore.QRectF(area.left(), area.bottom() + 1, area.width(), 14)
        p.drawText(below, flag.AlignLeft, f"-{length:g} s")
        if below.width() > 150:
            p.drawText(below, flag.AlignHCenter, f"-{length / 2:g} s")
        p.drawText(below, flag.AlignRight, tr("newest"))


class _Head(Drawing):
    """Attention on the head, summed over the window."""

    def __init__(self, vm: ViewModel) -> None:
        super().__init__()
        self.vm = vm
        self.places = np.zeros((0, 2))
        self.share = np.zeros(0)
        self._image: QtGui.QImage | None = None
        self.setMinimumSize(96, 90)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        self.setMaximumWidth(max(96, self.height() + 20))  # the map gets the rest
        super().resizeEvent(event)

    def take(self, image: QtGui.QImage | None, share: NDArray[np.float64]) -> None:
        self._image, self.share = image, share
        self.update()

    def draw(self, p: QtGui.QPainter, t: Theme) -> None:
        radius = min(self.width() / 2 - 8, (self.height() - 12) / 2)
        centre = QtCore.QPointF(self.width() / 2, self.height() / 2 + 3)  # nose at the top
        held = self.vm.reading.kind not in (Kind.READING, Kind.UNSURE)
        paint_head(p, centre, radius, t)
        if self._image is not None and not held:
            box = QtCore.QRectF(centre.x() - radius, centre.y() - radius, 2 * radius, 2 * radius)
            inside = QtGui.QPainterPath()
            inside.addEllipse(centre, radius - 0.7, radius - 0.7)
            p.save()
            p.setClipPath(inside)
            p.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
            p.drawImage(box, self._image)
            p.restore()
            p.setPen(QtGui.QPen(colour(t.muted), 1.6))  # over the edge of the picture
            p.setBrush(QtCore.Qt.BrushStyle.NoBrush)
            p.drawEllipse(centre, radius, radius)
        table = colours()
        few = self._image is None
        for (x, y), value in zip(self.places, self.share, strict=False):
            if not np.isfinite(x):
                continue
            at = QtCore.QPointF(centre.x() + x * radius, centre.y() - y * radius)
            if few and not held:
                level = table[int(np.clip(value / TOP_OF_SCALE, 0, 1) * 255)]
                p.setBrush(QtGui.QColor(int(level)))
                p.setPen(QtGui.QPen(colour(t.text), 1))
                p.drawEllipse(at, radius * 0.12, radius * 0.12)
            else:
                p.setBrush(colour(t.text, 0.8))
                p.setPen(QtCore.Qt.PenStyle.NoPen)
                p.drawEllipse(at, 1.6, 1.6)


def paint_head(p: QtGui.QPainter, centre: QtCore.QPointF, radius: float, t: Theme) -> None:
    """Draw the outline of a head seen from above: nose, ears, and skull."""
    p.setPen(QtGui.QPen(colour(t.muted), 1.4))
    p.setBrush(colour(t.raised))
    ear = radius * 0.08
    for side in (-1, 1):
        p.drawEllipse(QtCore.QPointF(centre.x() + side * radius, centre.y()), ear, ear * 2.2)
    nose = QtGui.QPainterPath(
        QtCore.QPointF(centre.x() - radius * 0.13, centre.y() - radius * 0.98)
    )
    nose.lineTo(centre.x(), centre.y() - radius - 6)
    nose.lineTo(centre.x() + radius * 0.13, centre.y() - radius * 0.98)
    p.drawPath(nose)
    p.drawEllipse(centre, radius, radius)


class _Scale(Drawing):
    """Fixed colour scale."""

    smooth = False

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(42)

    def draw(self, p: QtGui.QPainter, t: Theme) -> None:
        bar = QtCore.QRectF(4, 8, 9, max(10, self.height() - 16))
        p.drawImage(bar, to_image(np.linspace(1, 0, 64)[:, None], colours()))
        p.setFont(font(self, 10))
        p.setPen(colour(t.muted))
        for value in range(int(TOP_OF_SCALE) + 1):
            y = bar.bottom() - value / TOP_OF_SCALE * bar.height()
            more = "+" if value == TOP_OF_SCALE else ""
            p.drawText(QtCore.QRectF(16, y - 7, 26, 14), 0, f"{value}×{more}")


class AttentionPanel(Panel):
    """Heat map, head map, scale and caption."""

    key = "attention"
    divisor = 3

    def __init__(self, vm: ViewModel) -> None:
        super().__init__(vm)
        self._heat, self._head, self._scale = _Heat(vm), _Head(vm), _Scale()
        self._weights: NDArray[np.float64] | None = None
        self._calmed: NDArray[np.float64] | None = None
        self._calmed_at = 0.0
        self._shown: tuple[object, object] = (None, None)
        self._table = colours()
        row = QtWidgets.QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self._heat, 3)
        row.addWidget(self._head, 2)
        row.addWidget(self._scale)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(8, 4, 6, 4)
        box.setSpacing(2)
        box.addLayout(row, 1)
        box.addWidget(
            Caption(
                tr(
                    "Share of the encoder's weight, mean of about 1 s; 1× is an even share. "
                    "It says what the model used, not where the brain was active."
                )
            )
        )
        vm.stream_changed.connect(lambda _: self._place())

    def title(self) -> str:
        return tr("Attention of the model")

    def apply_theme(self, theme: Theme) -> None:
        for part in (self._heat, self._head, self._scale):
            part.theme = theme
        super().apply_theme(theme)

    def _place(self) -> None:
        info = self.vm.info
        if info is None:
            return
        self._head.places = heads.project(info.montage)
        enough = int(np.isfinite(self._head.places[:, 0]).sum()) >= heads.MIN_FOR_MAP
        self._weights = heads.spread(self._head.places) if enough else None

    def _calm(self, attention: NDArray[np.float32], time: float) -> NDArray[np.float64]:
        """Average over about the last second, so that the picture does not flicker."""
        fresh = np.asarray(attention, dtype=np.float64)
        passed = time - self._calmed_at
        self._calmed_at = time
        if self._calmed is None or self._calmed.shape != fresh.shape or not 0 <= passed < 2.0:
            self._calmed = fresh
        else:
            self._calmed = self._calmed + (1 - np.exp(-passed / CALM_S)) * (fresh - self._calmed)
        return self._calmed

    def refresh(self) -> None:
        estimate, info = self.vm.snapshot.affect.estimate, self.vm.info
        if estimate is None or info is None or not estimate.attention.any():
            self._heat.take(None, [])
            self._head.take(None, np.zeros(0))
            return
        state = (estimate, self.vm.reading.kind)
        if self._shown == state:
            return
        self._shown = state
        attention = self._calm(estimate.attention, estimate.time)  # (n_channels, n_steps)
        used = attention.sum(axis=1) > 0
        even = attention / (attention.sum() / max(1, int(used.sum()) * attention.shape[1]))
        rows = [i for i in range(len(info.labels)) if info.montage.is_eeg[i]]
        shown = np.where(used[rows, None], even[rows], np.nan)
        self._heat.take(to_image(shown / TOP_OF_SCALE, self._table), rows)
        share = np.where(used, even.mean(axis=1), 0.0)
        image = None
        if self._weights is not None:
            blended = heads.blend(self._weights, share, used)
            image = to_image(blended / TOP_OF_SCALE, self._table)
        self._head.take(image, share)
