"""Transport of a replayed recording: position, pause, seek, and speed."""

from __future__ import annotations

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.gui.icons import icon
from bci_affect.gui.panels.base import Drawing, Panel, choice, colour, label, set_text
from bci_affect.gui.services import Replay
from bci_affect.gui.texts import clock, tr
from bci_affect.gui.theme import Theme
from bci_affect.gui.viewmodel import ViewModel

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


class Ruler(Drawing):
    """Progress bar of the recording; a click or the arrow keys seek."""

    smooth = False

    sought = QtCore.Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.share = 0.0
        self.duration_s = 0.0
        self.setMinimumHeight(18)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("Place in the recording"))

    def draw(self, p: QtGui.QPainter, t: Theme) -> None:
        y = self.height() / 2
        p.fillRect(QtCore.QRectF(0, y - 3, self.width(), 6), colour(t.line))
        p.fillRect(QtCore.QRectF(0, y - 3, self.width() * self.share, 6), colour(t.accent))
        x = min(self.width() - 3.0, max(0.0, self.width() * self.share - 1))
        p.fillRect(QtCore.QRectF(x, 1, 3, self.height() - 2), colour(t.text))
        if self.hasFocus():
            p.setPen(QtGui.QPen(colour(t.accent), 1))
            p.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        share = min(1.0, max(0.0, event.position().x() / max(1, self.width())))
        self.sought.emit(share * self.duration_s)

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        keys = QtCore.Qt.Key
        step = {keys.Key_Left: -10.0, keys.Key_Right: 10.0}.get(keys(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        place = self.share * self.duration_s + step
        self.sought.emit(min(self.duration_s, max(0.0, place)))


class TransportBar(Panel):
    """Panel that is shown only for a replay."""

    key = "transport"
    divisor = 5
    commands_session = True

    def __init__(self, vm: ViewModel, replay: Replay) -> None:
        super().__init__(vm)
        self.setObjectName("bar")
        self._replay = replay
        self.button = QtWidgets.QPushButton()
        self.button.setToolTip(tr("Pause or resume the replay (P)"))
        self.button.setAccessibleName(tr("Pause or resume the replay"))
        self.button.clicked.connect(self.pause_or_go)
        self.place = label("", "number")
        self.length = label("", "muted")
        self.ruler = Ruler()
        self.ruler.sought.connect(self._seek)
        self._speeds = sorted({*SPEEDS, replay.speed})
        words = [f"{speed:g}×" for speed in self._speeds]
        self.speed = choice(words, self._speeds.index(replay.speed), tr("Speed of the replay"))
        self.speed.currentIndexChanged.connect(self._set_speed)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(10, 4, 10, 4)
        row.setSpacing(10)
        row.addWidget(label(tr("REPLAY"), "badge"))
        row.addWidget(self.button)
        row.addWidget(self.place)
        row.addWidget(self.ruler, 1)
        row.addWidget(self.length)
        row.addWidget(label(tr("Speed"), "muted"))
        row.addWidget(self.speed)

    def title(self) -> str:
        return tr("Replay")

    def pause_or_go(self) -> None:
        """Pause or resume the replay."""
        if self._replay.at_end:
            self._seek(0.0)  # again from the beginning
            return
        self._replay.paused = not self._replay.paused
        self.refresh()

    def _seek(self, position_s: float) -> None:
        ended = self._replay.at_end
        self._replay.seek(position_s)
        self.vm.clear_course()
        if ended:
            self._replay.paused = False
        self.refresh()

    def _set_speed(self, index: int) -> None:
        self._replay.speed = self._speeds[index]

    def refresh(self) -> None:
        length = self._replay.duration_s
        set_text(self.place, clock(self._replay.position_s))
        end = tr("{t}, at the end", t=clock(round(length)))
        set_text(self.length, end if self._replay.at_end else clock(round(length)))
        self.ruler.duration_s = length
        self.ruler.share = min(1.0, self._replay.position_s / length) if length > 0 else 0.0
        self.ruler.update()
        self.button.setIcon(icon("play" if self._replay.paused else "pause", self.theme.text))

    def apply_theme(self, theme: Theme) -> None:
        self.ruler.theme = theme
        super().apply_theme(theme)
