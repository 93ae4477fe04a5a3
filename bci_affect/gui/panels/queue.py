"""Queue panel: five suggestions with scores and buttons to play, pin, like or ban."""

from __future__ import annotations

import math

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.gui.icons import icon
from bci_affect.gui.panels.base import Drawing, Panel, colour, label
from bci_affect.gui.panels.topbar import Elided
from bci_affect.gui.texts import tr
from bci_affect.gui.theme import Theme
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.music import Suggestion
from bci_affect.session import PINNED

SHOWN = 5


class _QueueRow(QtWidgets.QWidget):
    """Row of one suggestion."""

    def __init__(self, vm: ViewModel) -> None:
        super().__init__()
        self.vm = vm
        self.suggestion: Suggestion | None = None
        self._blind = False
        self._name, self._artist = Elided(), Elided("muted")
        self._score = label("", "number", tr("Similarity to what is asked for, -1 to 1"))
        self._score.setMinimumWidth(30)
        self._bar = _Bar()
        self.play = self._button(tr("Play this now"), self._play)
        self.pin = self._button(tr("Play this next, or take it back"), self._pin)
        self.pin.setCheckable(True)
        self.like = self._button(tr("Like, or take it back"), self._like)
        self.like.setCheckable(True)
        self.ban = self._button(tr("Never play this"), self._ban)
        texts = QtWidgets.QVBoxLayout()
        texts.setSpacing(0)
        texts.addWidget(self._name)
        texts.addWidget(self._artist)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(8, 5, 4, 5)
        row.setSpacing(2)
        row.addLayout(texts, 1)
        row.addWidget(self._bar)
        row.addWidget(self._score)
        row.addSpacing(4)
        for button in (self.play, self.pin, self.like, self.ban):
            row.addWidget(button)

    def _button(self, tip: str, action: object) -> QtWidgets.QToolButton:
        button = QtWidgets.QToolButton()
        button.setObjectName("flat")
        button.setIconSize(QtCore.QSize(14, 14))
        button.setFixedWidth(26)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.clicked.connect(action)
        return button

    def _play(self) -> None:
        if (row := self.suggestion) is not None:
            self.vm.music_command(lambda music: music.choose(row.track.id))

    def _pin(self) -> None:
        if (row := self.suggestion) is not None:
            self.vm.music_command(lambda music: music.pin(row.track.id, row.rule != PINNED))

    def _like(self) -> None:
        if (row := self.suggestion) is not None:
            self.vm.music_command(lambda music: music.like(row.track.id, not row.track.liked))

    def _ban(self) -> None:
        if (row := self.suggestion) is not None:
            self.vm.music_command(lambda music: music.ban(row.track.id))

    def show_suggestion(self, suggestion: Suggestion | None) -> None:
        blind = self.vm.hide_reasons
        if (suggestion, blind) == (self.suggestion, self._blind):
            return
        self.suggestion, self._blind = suggestion, blind
        self.setVisible(suggestion is not None)
        if suggestion is None:
            return
        track = suggestion.track
        self._name.show_text(track.title)
        pinned = suggestion.rule == PINNED
        reason = "" if blind and not pinned else suggestion.rule
        self._artist.show_text(" · ".join(part for part in (track.artist, reason) if part))
        scored = not blind and math.isfinite(suggestion.score)
        self._score.setText(f"{suggestion.score:.2f}" if scored else "")
        self._bar.value = max(0.0, suggestion.score) if scored else 0.0
        self._bar.setVisible(self.width() > 340 and not blind)
        self._bar.update()
        self.like.setChecked(track.liked)
        self.pin.setChecked(pinned)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        self._bar.setVisible(self.width() > 340 and not self._blind)
        super().resizeEvent(event)

    def apply_theme(self, theme: Theme) -> None:
        self._bar.theme = theme
        self.play.setIcon(icon("play", theme.text))
        self.pin.setIcon(icon("pin", theme.muted, theme.accent))  # flat buttons have no ground
        self.like.setIcon(icon("heart", theme.muted, theme.accent))
        self.ban.setIcon(icon("ban", theme.muted, theme.bad))


class _Bar(Drawing):
    smooth = False

    def __init__(self) -> None:
        super().__init__()
        self.value = 0.0
        self.setFixedSize(40, 6)

    def draw(self, p: QtGui.QPainter, t: Theme) -> None:
        p.fillRect(self.rect(), colour(t.line))
        done = QtCore.QRectF(0, 0, self.width() * min(1.0, self.value), self.height())
        p.fillRect(done, colour(t.music))


class QueuePanel(Panel):
    """Panel of the next five suggestions."""

    key = "queue"
    divisor = 12
    commands_session = True

    def __init__(self, vm: ViewModel) -> None:
        super().__init__(vm)
        self._rows = [_QueueRow(vm) for _ in range(SHOWN)]
        self._none = label(tr("Nothing waits: no music fits, or none is in the library"), "muted")
        self._none.setWordWrap(True)
        self._none.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self._what = label(tr("Figures: similarity to what is asked for, -1 to 1"), "caption")
        self._what.setContentsMargins(8, 2, 8, 2)
        self._what.setWordWrap(True)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 4, 0, 4)
        box.setSpacing(0)
        box.addWidget(self._none)
        for row in self._rows:
            row.hide()
            box.addWidget(row)
        box.addWidget(self._what)
        box.addStretch(1)
        self.setMinimumWidth(200)

    def title(self) -> str:
        return tr("Next")

    def refresh(self) -> None:
        music = self.vm.snapshot.music
        queue = music.queue if music is not None else ()
        self._none.setVisible(not queue)
        self._what.setVisible(bool(queue) and not self.vm.hide_reasons)
        for i, row in enumerate(self._rows):
            row.show_suggestion(queue[i] if i < len(queue) else None)

    def apply_theme(self, theme: Theme) -> None:
        for row in self._rows:
            row.apply_theme(theme)
        super().apply_theme(theme)
