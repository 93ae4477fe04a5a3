"""Top bar: state of stream, model, person and recording."""

from __future__ import annotations

import math

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.affect import ReferenceKind
from bci_affect.gui.icons import icon
from bci_affect.gui.panels.base import Panel, colour, label, set_text, set_tip
from bci_affect.gui.panels.headset import HeadsetBadge
from bci_affect.gui.services import HeadsetView, Replay
from bci_affect.gui.texts import clock, size, tr
from bci_affect.gui.theme import Theme
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.safe_text import plain_text
from bci_affect.session import SessionSnapshot
from bci_affect.streams import ConnectionState, Health

_GOOD = {ConnectionState.STREAMING}
_FAIR = {ConnectionState.SEARCHING, ConnectionState.CONNECTING, ConnectionState.RECONNECTING}
_MARKS = {"good": "●", "fair": "◐", "bad": "✕"}


class Elided(QtWidgets.QLabel):
    """Label that elides text that does not fit; its tool tip has the full text.

    Parameters
    ----------
    name : str, optional
        Style name.
    hugging : bool
        Never wider than its text, which leaves the rest of the row to others.
    """

    def __init__(self, name: str = "", *, hugging: bool = False) -> None:
        super().__init__()
        self.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self.setObjectName(name)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(30)
        self._hugging = hugging

    def show_text(self, text: str) -> None:
        """Show a text, as much of it as fits."""
        if text != self.text():
            self.setText(text)
            set_tip(self, text)
            self._hug()

    def _hug(self) -> None:
        if self._hugging:
            self.ensurePolished()  # the style's font, not the default one
            self.setMaximumWidth(max(30, self.fontMetrics().horizontalAdvance(self.text()) + 4))

    def changeEvent(self, event: QtCore.QEvent) -> None:
        super().changeEvent(event)
        kinds = QtCore.QEvent.Type
        if event.type() in (kinds.FontChange, kinds.StyleChange):
            self._hug()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        p = QtGui.QPainter(self)
        p.setPen(self.palette().color(self.foregroundRole()))
        p.setFont(self.font())
        text = p.fontMetrics().elidedText(
            self.text(), QtCore.Qt.TextElideMode.ElideRight, self.width()
        )
        p.drawText(self.rect(), QtCore.Qt.AlignmentFlag.AlignVCenter, text)
        p.end()


class TopBar(Panel):
    """Bar with the facts to check before trusting an estimate."""

    key = "topbar"
    divisor = 10

    def __init__(
        self, vm: ViewModel, replay: Replay | None = None, headset: HeadsetView | None = None
    ) -> None:
        super().__init__(vm)
        self._replay = replay
        self.setObjectName("bar")
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)
        self._badge = label(tr("DEMO DATA"), "badge", tr("This EEG is simulated or replayed"))
        self._source = Elided("title", hugging=True)
        self._state = label("", "number", tr("State of the connection"))
        self._rate = label("", "", tr("Effective and nominal sampling rate"))
        self._loss = label("", "", tr("Share of samples that never came"))
        self._latency = label("")
        self.headset = HeadsetBadge(vm, headset) if headset is not None else None
        self._reference = Elided("muted", hugging=True)
        self._model = QtWidgets.QToolButton()
        self._model.setObjectName("flat")
        self._model.setAccessibleName(tr("About the model"))
        self._model.clicked.connect(self._show_model)
        self._profile = Elided("muted", hugging=True)
        self._clock = label("", "number", tr("Session clock"))
        self._record = label("", "", tr("Recording: time and size of the file"))
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(10, 4, 6, 4)
        row.setSpacing(12)
        row.addWidget(self._badge)
        row.addWidget(self._source, 50)
        for widget in (self._state, self.headset, self._rate, self._loss, self._latency):
            if widget is not None:
                row.addWidget(widget)
        row.addWidget(self._profile, 40)
        row.addWidget(self._reference, 30)
        row.addWidget(self._model)
        row.addStretch(1)  # only what those leave
        row.addWidget(self._record)
        row.addWidget(self._clock)
        self.corner = QtWidgets.QHBoxLayout()
        self.corner.setSpacing(2)
        row.addLayout(self.corner)

    def title(self) -> str:
        return tr("Status")

    def refresh(self) -> None:
        s = self.vm.snapshot
        info, health = self.vm.info, self.vm.health
        self._badge.setVisible(info is not None and info.simulated)
        if info is None:
            self._source.show_text(tr("No stream"))
        else:
            n = int(info.montage.is_eeg.sum())
            self._source.show_text(tr("{name} · {n} ch", name=info.name, n=n))
        self._show_health(health)
        if self.headset is not None:
            self.headset.show_state(self.theme)
        streaming = health is not None and health.state in _GOOD
        set_text(self._latency, _latency(s) if streaming else tr("latency -"))
        set_tip(self._latency, _latency_tip(s))
        estimate = s.affect.estimate
        reference = None if estimate is None else estimate.reference
        self._reference.setVisible(reference is not None)
        self._reference.show_text("" if reference is None else reference_words(reference))
        self._model.setVisible(bool(s.model.name))
        set_tip(self._model, model_words(s))
        self._profile.show_text(
            tr("Profile {name}", name=s.model.profile) if s.model.profile else tr("No profile")
        )
        set_text(self._clock, clock(s.clock.elapsed_s))
        self._show_recording(s)

    def _show_model(self) -> None:
        text = model_words(self.vm.snapshot)
        at = self._model.mapToGlobal(QtCore.QPoint(0, self._model.height()))
        QtWidgets.QToolTip.showText(at, plain_text(text), self._model)

    def _show_health(self, health: Health | None) -> None:
        t = self.theme
        if health is None:
            set_text(self._state, "")
            return
        grade = "good" if health.state in _GOOD else "fair" if health.state in _FAIR else "bad"
        age = self.vm.snapshot.clock.time - health.since
        text = f"{_MARKS[grade]} {tr(health.state.value).upper()}"
        if grade != "good" and math.isfinite(age):
            text += f" {clock(age)}"
        break_since = self.vm.break_since
        if break_since is not None and grade == "good":
            grade = "fair"
            now = self.vm.snapshot.clock.time
            text = tr("‖ BREAK {t}", t=clock(now - break_since))
        if self._replay is not None:
            sign = "‖" if self._replay.paused else "▶"
            text = tr("{sign} REPLAY {speed:g}×", sign=sign, speed=self._replay.speed)
        if self.vm.snapshot.clock.ended:
            grade, text = "bad", tr("■ ENDED")
        set_text(self._state, text)
        set_tip(self._state, health.reason or tr("State of the connection"))
        self._state.setStyleSheet(f"color: {getattr(t, grade)};")
        for widget in (self._rate, self._latency):
            widget.setEnabled(grade == "good")
        if math.isfinite(health.effective_hz):
            set_text(self._rate, f"{health.effective_hz:.1f} / {health.nominal_hz:g} Hz")
        else:
            set_text(self._rate, f"{health.nominal_hz:g} Hz")
        share = health.lost / health.expected if health.expected else 0.0
        streaming = health.state in _GOOD
        loss = tr("loss {p:.2f} %", p=100 * share) if streaming else tr("loss -")
        set_text(self._loss, loss)
        self._loss.setStyleSheet(f"color: {t.bad if share > 0.01 else t.text};")

    def _show_recording(self, s: SessionSnapshot) -> None:
        r = s.recording
        if r is None:
            set_text(self._record, "")
            return
        if r.error:
            text, tone = tr("REC failed"), self.theme.bad
        elif r.active:
            text = tr("● REC {t} {size}", t=clock(r.seconds), size=size(r.size_bytes))
            tone = self.theme.bad
        else:
            text, tone = tr("saved {size}", size=size(r.size_bytes)), self.theme.muted
        set_text(self._record, text)
        set_tip(self._record, r.error or r.path)
        self._record.setStyleSheet(f"color: {tone}; font-weight: 600;")

    def apply_theme(self, theme: Theme) -> None:
        super().apply_theme(theme)
        self._source.setStyleSheet(f"color: {colour(theme.text).name()};")
        self._model.setIcon(icon("info", theme.muted))


def reference_words(kind: ReferenceKind) -> str:
    """Return the reference that estimates are measured against, in plain words."""
    words = {
        ReferenceKind.REST: tr("against your rest"),
        ReferenceKind.STORED: tr("against your rest of an earlier session"),
        ReferenceKind.START: tr("no baseline yet: against the first half minute"),
        ReferenceKind.POPULATION: tr("no baseline yet"),
    }
    return words[kind]


def _latency(s: SessionSnapshot) -> str:
    """Return the median: an interruption does not stay in it, as it would in a percentile."""
    if not math.isfinite(s.affect.latency_p50_ms):
        return tr("latency -")
    return tr("latency {a:.0f} ms", a=s.affect.latency_p50_ms)


def _latency_tip(s: SessionSnapshot) -> str:
    what = tr("From the newest sample to the estimate: median of the last minute")
    if not math.isfinite(s.affect.latency_p99_ms):
        return what
    return tr("{what}; 99 % within {b:.0f} ms", what=what, b=s.affect.latency_p99_ms)


def model_words(s: SessionSnapshot) -> str:
    """Return the model's name and description."""
    return tr("Model {name}: {what}", name=s.model.name, what=s.model.summary)
