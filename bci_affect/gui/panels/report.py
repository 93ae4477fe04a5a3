"""Self-report panel: Affective Slider or manikins, on the 1-9 scale.

Affective Slider after Betella and Verschure (2016, PLoS ONE 11(2)): two bare sliders without ticks
or figures. Self-Assessment Manikin after Bradley and Lang (1994): nine places, five figures. The
drawings are our own. Nothing is chosen beforehand, so that no answer is suggested.
"""

from __future__ import annotations

import math

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.gui.panels.base import Drawing, Panel, colour, label
from bci_affect.gui.texts import tr
from bci_affect.gui.theme import Theme
from bci_affect.gui.viewmodel import ViewModel


class Scale(Drawing):
    """Scale of one dimension from 1 to 9; `value` is NaN until a choice is made.

    Parameters
    ----------
    kind : str
        ``valence`` or ``arousal``: which faces are drawn.
    manikins : bool
        Nine places with five figures (SAM) instead of a bare slider.
    ends : tuple of str
        Words at both ends in the place of faces, for other dimensions.
    """

    chosen = QtCore.Signal()

    def __init__(
        self, kind: str, *, manikins: bool = False, ends: tuple[str, str] = ("", "")
    ) -> None:
        super().__init__()
        self.kind = kind
        self.ends = ends
        self.manikins = manikins
        self.value = math.nan
        self.setMinimumHeight(46)
        self.setMaximumHeight(96)
        self.setMinimumWidth(150)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        names = {
            "valence": tr("Valence: negative to positive"),
            "arousal": tr("Arousal: calm to excited"),
        }
        self.setAccessibleName(names.get(kind, f"{kind}: {ends[0]} - {ends[1]}"))

    def reset(self) -> None:
        """Clear the choice."""
        self.value = math.nan
        self.update()

    def choose(self, value: float) -> None:
        """Choose a value from 1 to 9; integers on the manikins."""
        value = min(9.0, max(1.0, value))
        self.value = float(round(value)) if self.manikins else value
        self.chosen.emit()
        self.update()

    def _line(self) -> tuple[float, float, float]:
        face = 66.0 if self.ends[0] else min(30.0, self.height() * 0.62)
        return face + 14, self.width() - face - 14, self.height() / 2

    def _at(self, x: float) -> float:
        left, right, _ = self._line()
        return 1 + 8 * (x - left) / max(1.0, right - left)

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        self.choose(self._at(event.position().x()))

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        if event.buttons() & QtCore.Qt.MouseButton.LeftButton:
            self.choose(self._at(event.position().x()))

    def event(self, event: QtCore.QEvent) -> bool:
        if (
            event.type() == QtCore.QEvent.Type.ShortcutOverride
            and isinstance(event, QtGui.QKeyEvent)
            and event.text().isdigit()
        ):
            event.accept()  # a digit chooses here; elsewhere it sets a mark
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        keys = QtCore.Qt.Key
        step = {keys.Key_Left: -1.0, keys.Key_Right: 1.0}.get(keys(event.key()))
        figure = event.text()
        if figure.isdigit() and figure != "0":
            self.choose(float(figure))
        elif step is not None:
            size = 1.0 if self.manikins else 0.25
            self.choose(5.0 if math.isnan(self.value) else self.value + size * step)
        else:
            super().keyPressEvent(event)

    def draw(self, p: QtGui.QPainter, t: Theme) -> None:
        left, right, y = self._line()
        r = min(15.0, self.height() * 0.31)
        if self.ends[0]:
            p.setPen(colour(t.muted))
            flag = QtCore.Qt.AlignmentFlag
            full = self.height()
            low, high = (QtCore.QRectF(x, 0, 72, full) for x in (0, right + 8))
            p.drawText(low, flag.AlignRight | flag.AlignVCenter, self.ends[0])
            p.drawText(high, flag.AlignLeft | flag.AlignVCenter, self.ends[1])
        else:
            self._face(p, t, QtCore.QPointF(left - r - 12, y), r, 0.0)
            self._face(p, t, QtCore.QPointF(right + r + 12, y), r, 1.0)
        p.setPen(QtGui.QPen(colour(t.accent if self.hasFocus() else t.line), 3))
        p.drawLine(QtCore.QPointF(left, y), QtCore.QPointF(right, y))
        if self.manikins:
            for k in range(9):
                at = QtCore.QPointF(left + (right - left) * k / 8, y)
                if k % 2 == 0 and 0 < k < 8 and right - left > 150 and not self.ends[0]:
                    self._face(p, t, at, r * 0.72, k / 8)
                else:
                    p.setPen(QtCore.Qt.PenStyle.NoPen)
                    p.setBrush(colour(t.muted))
                    p.drawEllipse(at, 3.5, 3.5)
        if not math.isnan(self.value):
            at = QtCore.QPointF(left + (right - left) * (self.value - 1) / 8, y)
            p.setBrush(colour(t.report, 0.35 if self.manikins else 1.0))
            p.setPen(QtGui.QPen(colour(t.report), 2.5))
            p.drawEllipse(at, 11 if self.manikins else 8, 11 if self.manikins else 8)

    def _face(
        self, p: QtGui.QPainter, t: Theme, at: QtCore.QPointF, r: float, level: float
    ) -> None:
        """Draw a face: valence bends the mouth; arousal opens the eyes and adds rays."""
        p.setPen(QtGui.QPen(colour(t.text), 1.4))
        p.setBrush(colour(t.raised))
        p.drawEllipse(at, r, r)
        p.setBrush(colour(t.text))
        smile = (2 * level - 1) if self.kind == "valence" else 0.0
        for side in (-1, 1):
            eye = at + QtCore.QPointF(side * r * 0.36, -r * 0.22)
            open_ = r * (0.13 if self.kind == "valence" else 0.03 + 0.2 * level)
            p.drawEllipse(eye, r * 0.12, max(0.6, open_))
        mouth = QtGui.QPainterPath(at + QtCore.QPointF(-r * 0.42, r * (0.38 - 0.14 * smile)))
        mouth.quadTo(
            at + QtCore.QPointF(0, r * (0.38 + 0.42 * smile)),
            at + QtCore.QPointF(r * 0.42, r * (0.38 - 0.14 * smile)),
        )
        p.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        p.drawPath(mouth)
        if self.kind == "arousal" and level > 0.5:
            for k in range(8):
                angle = math.pi * k / 4
                ray = QtCore.QPointF(math.cos(angle), math.sin(angle))
                p.drawLine(at + ray * (r + 2), at + ray * (r + 2 + 4 * (level - 0.4)))


class ReportPanel(Panel):
    """Panel with two scales and one button, which stores the report."""

    key = "report"
    divisor = 25
    commands_session = True

    sent = QtCore.Signal()

    def __init__(self, vm: ViewModel, *, manikins: bool = False) -> None:
        super().__init__(vm)
        self._question = label(tr("How do you feel right now?"), "title")
        self._question.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self.valence = Scale("valence", manikins=manikins)
        self.arousal = Scale("arousal", manikins=manikins)
        self.send = QtWidgets.QPushButton(tr("Send"))
        self.send.setObjectName("primary")
        self.send.setEnabled(False)
        self.send.clicked.connect(self._send)
        self._thanks = label("", "muted")
        self._thanks.setWordWrap(True)
        for scale in (self.valence, self.arousal):
            scale.chosen.connect(self._changed)
        low = QtWidgets.QHBoxLayout()
        low.addWidget(self._thanks, 1)
        low.addWidget(self.send)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(12, 6, 12, 8)
        box.setSpacing(2)
        box.addWidget(self._question)
        box.addWidget(self.valence, 1)
        box.addWidget(self.arousal, 1)
        box.addLayout(low)
        box.addStretch(1)

    def title(self) -> str:
        return tr("Self-report")

    def use_manikins(self, manikins: bool) -> None:
        """Change between slider and manikins."""
        for scale in (self.valence, self.arousal):
            scale.manikins = manikins
            scale.reset()
        self._changed()

    def _changed(self) -> None:
        values = (self.valence.value, self.arousal.value)
        self.send.setEnabled(all(math.isfinite(v) for v in values))
        self._thanks.setText("")

    def _send(self) -> None:
        self.vm.control.rate(self.valence.value, self.arousal.value)
        for scale in (self.valence, self.arousal):
            scale.reset()
        self.send.setEnabled(False)
        self._thanks.setText(self._stored_words())
        self.sent.emit()

    def _stored_words(self) -> str:
        """Return where the report is kept."""
        recording = self.vm.snapshot.recording
        if recording is not None and recording.active and not recording.error:
            return tr("Stored in the recording")
        return tr("Not recorded: kept for this session's report only. Record (R) keeps the next.")

    def refresh(self) -> None:
        """Draw nothing; the panel changes only by input."""

    def apply_theme(self, theme: Theme) -> None:
        self.valence.theme = self.arousal.theme = theme
        super().apply_theme(theme)
