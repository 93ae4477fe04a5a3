"""Band powers now against the person's own baseline, in standard deviations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pyqtgraph.Qt import QtCore, QtGui

from bci_affect.gui.panels.base import Panel, colour, font
from bci_affect.gui.texts import tr
from bci_affect.gui.viewmodel import ViewModel

REACH = 3.0
"""End of the fixed scale in standard deviations of the baseline."""
_RECENT_S = 2.0


def against_baseline(vm: ViewModel) -> NDArray[np.float64] | None:
    """Return the deviation of each band from the baseline, shape (n_bands,), in SD.

    The mean of the newest two seconds; None while there is no baseline or no good electrode.
    """
    s = vm.snapshot
    if s.affect.window is None or s.baseline.features is None or not s.affect.window.mask.any():
        return None
    n = max(1, round(_RECENT_S / s.model.step_s)) if s.model.step_s > 0 else 1
    now = s.affect.window.bands[-n:].mean(axis=0)  # (n_channels, n_bands)
    mean, sd = s.baseline.features
    if mean.shape != now.shape:
        return None
    z = (now - mean) / np.maximum(sd, 1e-6)
    return np.asarray(z[s.affect.window.mask].mean(axis=0), dtype=np.float64)


class BandsPanel(Panel):
    """One bar per band, from the middle (as in the baseline) to either side."""

    key = "bands"
    divisor = 6

    def __init__(self, vm: ViewModel) -> None:
        super().__init__(vm)
        self.setMinimumSize(160, 90)

    def title(self) -> str:
        return tr("Band powers")

    def refresh(self) -> None:
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        p = QtGui.QPainter(self)
        t, s = self.theme, self.vm.snapshot
        flag = QtCore.Qt.AlignmentFlag
        z = against_baseline(self.vm)
        if z is None:
            p.setPen(colour(t.muted))
            p.setFont(font(self, 12))
            text = tr("No baseline yet: press Baseline (Ctrl+B) and rest for a minute")
            if s.baseline.left_s > 0:
                text = tr("Baseline: {s:.0f} s to go; rest with open eyes", s=s.baseline.left_s)
            area = QtCore.QRectF(self.rect()).adjusted(16, 8, -16, -8)
            p.drawText(area, flag.AlignCenter | QtCore.Qt.TextFlag.TextWordWrap, text)
            p.end()
            return
        names = s.model.band_names or tuple(str(i + 1) for i in range(len(z)))
        area = QtCore.QRectF(58, 6, max(20, self.width() - 116), max(20, self.height() - 42))
        row = min(34.0, area.height() / len(z))
        middle = area.center().x()
        bottom = area.top() + row * len(z)
        p.setFont(font(self, 10))
        for k in range(-3, 4):
            x = middle + k / REACH * area.width() / 2
            p.setPen(QtGui.QPen(colour(t.line if k == 0 else t.grid), 1))
            p.drawLine(QtCore.QPointF(x, area.top()), QtCore.QPointF(x, bottom))
            p.setPen(colour(t.muted))
            p.drawText(
                QtCore.QRectF(x - 20, bottom + 1, 40, 13),
                flag.AlignHCenter,
                f"{k:+d}" if k else "0",
            )
        for i, (name, value) in enumerate(zip(names, z, strict=False)):
            y = area.top() + i * row
            width = float(np.clip(value, -REACH, REACH)) / REACH * area.width() / 2
            bar = QtCore.QRectF(min(middle, middle + width), y + row * 0.22, abs(width), row * 0.56)
            p.fillRect(bar, colour(t.eeg if value >= 0 else t.music, 0.85))
            p.setFont(font(self, min(12.0, max(9.0, row * 0.7))))
            p.setPen(colour(t.text))
            p.drawText(QtCore.QRectF(0, y, 50, row), flag.AlignRight | flag.AlignVCenter, name)
            where = QtCore.QRectF(area.right() + 6, y, 50, row)
            p.drawText(where, flag.AlignLeft | flag.AlignVCenter, f"{round(value, 1) + 0.0:+.1f}")
        p.setFont(font(self, 10))
        p.setPen(colour(t.muted))
        words = tr("standard deviations from your rest, good electrodes, last 2 s")
        if s.baseline.left_s > 0:
            words = tr("new baseline: {s:.0f} s to go", s=s.baseline.left_s)
        p.drawText(QtCore.QRectF(4, bottom + 15, self.width() - 8, 14), flag.AlignHCenter, words)
        p.end()
