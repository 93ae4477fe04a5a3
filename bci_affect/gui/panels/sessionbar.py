"""Bottom bar: commands of the listener or the experimenter."""

from __future__ import annotations

from collections.abc import Callable

from pyqtgraph.Qt import QtCore, QtWidgets

from bci_affect.gui.icons import icon
from bci_affect.gui.panels.base import Panel
from bci_affect.gui.panels.topbar import Elided
from bci_affect.gui.texts import clock, tr
from bci_affect.gui.theme import Theme
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.session import Level

BASELINE_S = 60.0


class SessionBar(Panel):
    """Pause, baseline, mark with a note, self-report, recording, end; and the newest message.

    The note is written first and the mark set with one key, so that the mark is exact in time.
    """

    key = "session"
    divisor = 8

    rate_asked = QtCore.Signal()
    end_asked = QtCore.Signal()
    folder_asked = QtCore.Signal()

    def __init__(self, vm: ViewModel) -> None:
        super().__init__(vm)
        self.setObjectName("bar")
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)
        self.pause_button = self._button(
            tr("Take a break"),
            tr("No music and no valid estimates until the break ends (Ctrl+P)"),
            self.pause,
        )
        self.pause_button.setMinimumWidth(118)
        self.pause_button.setCheckable(True)
        self.baseline_button = self._button(
            tr("Baseline"), tr("Rest for a minute without music (Ctrl+B)"), self.baseline
        )
        self.baseline_button.setMinimumWidth(118)
        self.note = QtWidgets.QLineEdit()
        self.note.setPlaceholderText(tr("note for a mark"))
        self.note.setMaximumWidth(220)
        self.note.setMinimumWidth(110)
        self.note.returnPressed.connect(self._note_given)
        self.undo_mark = self._button(
            tr("Delete mark"), tr("Delete the mark that was set last"), self.delete_mark
        )
        self._mark_at: float | None = None  # the last mark, which can be deleted
        self._waits_for_note = False
        self.mark_button = self._button(tr("Mark"), tr("Mark this moment (M)"), self.mark)
        self.rate_button = self._button(
            tr("Self-report"), tr("Say how you feel (S)"), self.rate_asked.emit
        )
        self.record_button = self._button(
            tr("Record"), tr("Start or finish the recording (R)"), self.record
        )
        self.record_button.setCheckable(True)
        self.record_button.setMinimumWidth(162)  # keeps its width when its text changes
        self.end_button = self._button(
            tr("End"), tr("End the session (Ctrl+E)"), self.end_asked.emit
        )
        self.message = Elided()
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(6)
        for widget in (self.pause_button, self.baseline_button, self.mark_button, self.note):
            row.addWidget(widget)
        row.addWidget(self.undo_mark)
        for widget in (self.rate_button, self.record_button, self.end_button):
            row.addWidget(widget)
        row.addSpacing(8)
        row.addWidget(self.message, 1)
        self._until = 0.0

    def title(self) -> str:
        return tr("Session")

    def _button(self, text: str, tip: str, action: Callable[[], None]) -> QtWidgets.QPushButton:
        button = QtWidgets.QPushButton(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.clicked.connect(lambda *_: action())
        return button

    def pause(self) -> None:
        """Start or end a break."""
        self.vm.control.set_paused(not self.vm.snapshot.clock.paused)

    def baseline(self) -> None:
        """Measure a rest baseline, or cancel the one that is measured."""
        if self.vm.snapshot.baseline.left_s > 0:
            self.vm.control.cancel_baseline()
        else:
            self.vm.control.baseline(BASELINE_S)

    def mark(self) -> None:
        """Set a mark at this moment with the note in the field; an empty note can be added."""
        text = self.note.text().strip()
        self._mark_at = self.vm.control.mark(text)
        self.note.clear()
        self._waits_for_note = not text
        if text:
            self.note.clearFocus()
            return
        at = clock(self._mark_at - self.vm.started)
        self.note.setPlaceholderText(tr("note for {at}, Enter", at=at))
        self.note.setFocus()

    def _note_given(self) -> None:
        """Add the note to the mark that waits for one; its time stays that of the key press."""
        text = self.note.text().strip()
        if not self._waits_for_note or self._mark_at is None:
            self.mark()
            return
        if text:
            self.vm.control.remove_mark(self._mark_at)
            self.vm.control.mark(text, self._mark_at)
        self._end_note()

    def _end_note(self) -> None:
        self._waits_for_note = False
        self.note.clear()
        self.note.clearFocus()
        self.note.setPlaceholderText(tr("note for a mark"))

    def delete_mark(self) -> None:
        """Delete the mark that was set last."""
        if self._mark_at is not None:
            self.vm.control.remove_mark(self._mark_at)
            self._mark_at = None
            self._end_note()

    def record(self) -> None:
        """Start or finish the recording."""
        if self.recording:
            self.vm.control.stop_recording()
        elif self.vm.control.record_folder is None:
            self.folder_asked.emit()
        else:
            self.vm.control.start_recording()

    @property
    def recording(self) -> bool:
        """True while a recording runs."""
        status = self.vm.snapshot.recording
        return status is not None and status.active and not status.error

    def notify(self, level: Level, text: str, seconds: float = 12.0) -> None:
        """Show a sentence for a while."""
        self._until = self.vm.snapshot.clock.time + seconds
        tone = {"error": self.theme.bad, "warning": self.theme.fair}.get(level, self.theme.text)
        sign = {"error": "✕ ", "warning": "▲ "}.get(level, "")
        self.message.setStyleSheet(f"color: {tone};")
        self.message.show_text(sign + text)

    def refresh(self) -> None:
        s = self.vm.snapshot
        if s.clock.time > self._until:
            self.message.show_text("")
        self.pause_button.setChecked(s.clock.paused)
        wanted = tr("End the break") if s.clock.paused else tr("Take a break")
        if self.pause_button.text() != wanted:
            self.pause_button.setText(wanted)
        left = s.baseline.left_s
        text = tr("Cancel ({s:.0f} s left)", s=left) if left > 0 else tr("Baseline")
        if self.baseline_button.text() != text:
            self.baseline_button.setText(text)
        self.baseline_button.setEnabled(not s.clock.ended)
        self.undo_mark.setVisible(self._mark_at is not None and not s.clock.ended)
        self.record_button.setChecked(self.recording)
        wanted = tr("Finish recording") if self.recording else tr("Record")
        if self.record_button.text() != wanted:
            self.record_button.setText(wanted)
        for button in (
            *(self.pause_button, self.mark_button, self.rate_button),
            *(self.record_button, self.note),
        ):
            button.setEnabled(not s.clock.ended)
        if s.clock.ended and self.end_button.text() != tr("Summary"):
            self.end_button.setText(tr("Summary"))
            self.end_button.setToolTip(tr("Show the summary, and what to do next"))
            self.end_button.setAccessibleName(tr("Show the summary, and what to do next"))

    def apply_theme(self, theme: Theme) -> None:
        super().apply_theme(theme)
        back = theme.back if theme.dark else "#FFFFFF"
        self.pause_button.setIcon(icon("pause", theme.muted, back))
        self.mark_button.setIcon(icon("flag", theme.mark))
        self.record_button.setIcon(icon("record", theme.bad, back))
        self.end_button.setIcon(icon("stop", theme.muted))
