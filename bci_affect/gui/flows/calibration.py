"""Window of the guided calibration: contact, rest, clips and self-reports, verdict in words.

Steps and timing are the session room's `GuidedCalibration`; this window shows its view, calls its
`tick`, and passes the listener's answers to it. It hides the running estimate, which would
influence the self-reports.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.errors import BciAffectError
from bci_affect.gui.aside import run_aside
from bci_affect.gui.opening import open_with_desktop
from bci_affect.gui.panels.base import Caption, Choice, Drawing, colour, font, label, set_text
from bci_affect.gui.panels.quality import QualityPanel
from bci_affect.gui.panels.report import Scale
from bci_affect.gui.services import CalibrationResult, CalibrationService
from bci_affect.gui.texts import clock, tr
from bci_affect.gui.theme import Theme, style_sheet
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.session import GuidedCalibration, Rating, Step, View

CLIPS = (8, 12, 16, 24)
_BETWEEN_S = 8 + 15  # silence before a clip, and its self-report
_CUED = (Step.REST_OPEN, Step.REST_CLOSED, Step.BLINKS, Step.RATING, Step.DONE)
_CAN_SKIP = (Step.CONTACT, Step.REST_OPEN, Step.REST_CLOSED, Step.BLINKS, Step.SILENCE)


class Stage(Drawing):
    """Fixation cross with the remaining time."""

    def __init__(self) -> None:
        super().__init__()
        self.left_s = math.nan
        self.whole_s = math.nan
        self.setMinimumHeight(180)

    def take(self, left_s: float) -> None:
        """Show the remaining seconds; NaN hides them."""
        if math.isfinite(left_s) and not (
            math.isfinite(self.whole_s)
            and left_s <= self.whole_s + 0.5
            and left_s <= self.left_s + 0.5
        ):
            self.whole_s = left_s
        self.left_s = left_s
        if not math.isfinite(left_s):
            self.whole_s = math.nan
        self.update()

    def draw(self, p: QtGui.QPainter, t: Theme) -> None:
        middle = QtCore.QPointF(self.width() / 2, self.height() / 2)
        r = min(self.width(), self.height()) / 2 - 12
        p.setPen(QtGui.QPen(colour(t.grid), 5))
        p.drawEllipse(middle, r, r)
        if math.isfinite(self.left_s) and self.whole_s > 0:
            p.setPen(QtGui.QPen(colour(t.accent), 5))
            box = QtCore.QRectF(middle.x() - r, middle.y() - r, 2 * r, 2 * r)
            p.drawArc(box, 90 * 16, -round(360 * 16 * (1 - self.left_s / self.whole_s)))
            p.setPen(colour(t.muted))
            p.setFont(font(self, 14))
            low = QtCore.QRectF(middle.x() - 60, middle.y() + r * 0.5, 120, 20)
            p.drawText(low, QtCore.Qt.AlignmentFlag.AlignCenter, clock(math.ceil(self.left_s)))
        p.setPen(QtGui.QPen(colour(t.text), 3))
        for dx, dy in ((16, 0), (0, 16)):
            p.drawLine(middle - QtCore.QPointF(dx, dy), middle + QtCore.QPointF(dx, dy))


class RatingPage(QtWidgets.QWidget):
    """Required ratings of valence and arousal, and optional ones of familiarity and liking."""

    given = QtCore.Signal(object)

    def __init__(self, *, manikins: bool) -> None:
        super().__init__()
        self.valence = Scale("valence", manikins=manikins)
        self.arousal = Scale("arousal", manikins=manikins)
        self.familiarity = Scale(tr("familiarity"), ends=(tr("unknown"), tr("familiar")))
        self.liking = Scale(tr("liking"), ends=(tr("dislike"), tr("like")))
        self.scales = (self.valence, self.arousal, self.familiarity, self.liking)
        self.send = QtWidgets.QPushButton(tr("Send"))
        self.send.setObjectName("primary")
        self.send.clicked.connect(self._send)
        grid = QtWidgets.QGridLayout(self)
        grid.setVerticalSpacing(4)
        names = (tr("Pleasant?"), tr("Activated?"), tr("Known?"), tr("Liked?"))
        for i, (name, scale) in enumerate(zip(names, self.scales, strict=True)):
            grid.addWidget(label(name), i, 0)
            grid.addWidget(scale, i, 1)
            scale.chosen.connect(self._changed)
        grid.addWidget(Caption(tr("The last two may be left out.")), 4, 1)
        grid.addWidget(self.send, 5, 1, QtCore.Qt.AlignmentFlag.AlignRight)
        grid.setColumnStretch(1, 1)
        self._changed()

    def reset(self) -> None:
        """Clear all choices."""
        for scale in self.scales:
            scale.reset()
        self._changed()

    def _changed(self) -> None:
        self.send.setEnabled(not (math.isnan(self.valence.value) or math.isnan(self.arousal.value)))

    def _send(self) -> None:
        extra = [None if math.isnan(s.value) else s.value for s in (self.familiarity, self.liking)]
        self.given.emit(Rating(self.valence.value, self.arousal.value, *extra))


class CalibrationWindow(QtWidgets.QDialog):
    """Window that guides one listener through the calibration to the verdict.

    `tick` is called by the main window's timer, so that both show one snapshot. `session_asked` is
    emitted with the name of the person for whom a session should follow.
    """

    session_asked = QtCore.Signal(str)

    def __init__(
        self,
        vm: ViewModel,
        service: CalibrationService,
        theme: Theme,
        *,
        manikins: bool = False,
        parent: QtWidgets.QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Calibration of {name}", name=service.profile))
        self.setWindowFlag(QtCore.Qt.WindowType.WindowMinMaxButtonsHint, True)
        self.vm, self._service, self.theme = vm, service, theme
        self.guided: GuidedCalibration | None = None
        self.verdict: CalibrationResult | None = None
        self._step: Step | None = None
        self._evaluating = False
        self.setStyleSheet(style_sheet(theme))
        self._head = label("", "heading")
        self._text = label("", "title")
        self._text.setWordWrap(True)
        self._progress = QtWidgets.QProgressBar()
        self._progress.setTextVisible(True)
        self.stage = Stage()
        self.stage.theme = theme
        self.contact = QualityPanel(vm)
        self.contact.setObjectName("bar")  # framed on all sides: there is no title above it
        self.contact.apply_theme(theme)
        self.contact.place()
        self.rating = RatingPage(manikins=manikins)
        for scale in self.rating.scales:
            scale.theme = theme
        self.rating.given.connect(self._rate)
        self.result = QtWidgets.QTextBrowser()
        self.result.setOpenLinks(False)
        self.result.document().setDocumentMargin(18)
        self.result.document().setDefaultStyleSheet("p, td { font-size: 14px; }")
        self.pages = QtWidgets.QStackedWidget()
        self._start_page = self._make_start_page()
        for page in (self._start_page, self.contact, self.stage, self.rating, self.result):
            self.pages.addWidget(page)
        self.go_on = QtWidgets.QPushButton(tr("Continue"))
        self.go_on.clicked.connect(self._go_on)
        self.stop = QtWidgets.QPushButton(tr("Stop; resume later"))
        self.stop.clicked.connect(self._stop)
        self.finish = QtWidgets.QPushButton(tr("Close"))
        self.finish.clicked.connect(self.close)
        self.report = QtWidgets.QPushButton(tr("Open report"))
        self.report.clicked.connect(self._open_report)
        self.session = QtWidgets.QPushButton(tr("Start a session as {name}", name=service.profile))
        self.session.setObjectName("primary")
        self.session.clicked.connect(self._start_session)
        for button in (self.report, self.session):
            button.hide()
        self.status = Caption("")
        self._lay_out()
        self.resize(820, 620)
        self._show_start()

    # --- construction -------------------------------------------------------------------------

    def _make_start_page(self) -> QtWidgets.QWidget:
        page = QtWidgets.QWidget()
        self.n_clips = Choice()
        seconds = self._service.seconds
        for n in sorted({*CLIPS, self._service.n_clips}):
            minutes = round(n * (seconds + _BETWEEN_S) / 60 + 2.5)
            text = tr("{n} clips of {s:g} s, about {m} minutes", n=n, s=seconds, m=minutes)
            self.n_clips.addItem(text, n)
        self.n_clips.setCurrentIndex(self.n_clips.findData(self._service.n_clips))
        self.begin = QtWidgets.QPushButton(tr("Begin"))
        self.begin.setObjectName("primary")
        self.begin.clicked.connect(self._begin)
        self.resume = QtWidgets.QPushButton(tr("Resume"))
        self.resume.setObjectName("primary")
        self.resume.clicked.connect(self._resume)
        text = label(
            tr(
                "You rest for a moment with open and with closed eyes, then listen to clips from "
                "your library and say after each how you felt. At the end the program says whether "
                "your EEG tells more than chance, and keeps a profile. You can stop at any time "
                "and resume later."
            )
        )
        text.setWordWrap(True)
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.n_clips)
        row.addWidget(self.begin)
        row.addWidget(self.resume)
        row.addStretch(1)
        box = QtWidgets.QVBoxLayout(page)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(16)
        box.addWidget(text)
        box.addLayout(row)
        box.addWidget(
            Caption(tr("More clips make the verdict surer: with 8 only a strong effect shows."))
        )
        box.addStretch(1)
        return page

    def _lay_out(self) -> None:
        low = QtWidgets.QHBoxLayout()
        low.addWidget(self.status, 1)
        for button in (self.go_on, self.stop, self.report, self.session, self.finish):
            low.addWidget(button)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(28, 22, 28, 18)
        box.setSpacing(12)
        box.addWidget(self._head)
        box.addWidget(self._text)
        box.addWidget(self.pages, 1)
        box.addWidget(self._progress)
        box.addLayout(low)

    # --- going through it ---------------------------------------------------------------------

    def _show_start(self) -> None:
        self._head.setText(tr("Calibration of {name}", name=self._service.profile))
        self._text.setText("")
        self.pages.setCurrentWidget(self._start_page)
        unfinished = self._service.unfinished()
        self.resume.setVisible(unfinished)
        self.begin.setText(tr("Start over") if unfinished else tr("Begin"))
        self._progress.hide()
        for button in (self.go_on, self.stop):
            button.hide()

    def _begin(self) -> None:
        self._run(
            lambda: self._service.begin(int(self.n_clips.currentData()), self._service.seconds)
        )

    def _resume(self) -> None:
        self._run(self._service.resume)

    def _run(self, make: Callable[[], GuidedCalibration]) -> None:
        try:
            guided = make()
        except BciAffectError as error:
            self.status.setText(str(error))
            return
        self.status.setText("")
        self.guided = guided
        guided.start(self.vm.snapshot.clock.time)
        self.tick()

    def tick(self) -> None:
        """Advance the calibration and show its state."""
        if self.guided is None or self.verdict is not None or self._evaluating:
            return
        estimate = self.vm.snapshot.affect.estimate
        quality = estimate.quality if estimate is not None else math.nan
        self.guided.tick(self.vm.snapshot.clock.time, quality)
        view = self.guided.view()
        if view.step is not self._step:
            self._enter(view)
        if view.step is Step.CONTACT:
            self.contact.refresh()
        self.stage.take(view.seconds_left)

    def _enter(self, view: View) -> None:
        """Show a new step."""
        before, self._step = self._step, view.step
        if view.step in _CUED and before is not None:
            self._service.cue()
        heads = {
            Step.CONTACT: tr("Contact"),
            Step.REST_OPEN: tr("Rest, eyes open"),
            Step.REST_CLOSED: tr("Rest, eyes closed"),
            Step.BLINKS: tr("Blinks and jaw"),
            Step.RATING: tr("Your report"),
            Step.DONE: tr("Evaluating"),
            Step.STOPPED: tr("Stopped"),
        }
        clip = tr("Clip {k} of {n}", k=view.clip, n=view.n_clips)
        set_text(self._head, heads.get(view.step, clip))
        set_text(self._text, tr(view.text))
        page = {Step.CONTACT: self.contact, Step.RATING: self.rating}.get(view.step, self.stage)
        self.pages.setCurrentWidget(page)
        if view.step is Step.RATING:
            self.rating.reset()
            self.rating.valence.setFocus()
        self._progress.setVisible(True)
        self._progress.setRange(0, view.n_clips)
        self._progress.setValue(view.rated)
        self._progress.setFormat(tr("{k} of {n} clips rated", k=view.rated, n=view.n_clips))
        self.go_on.setVisible(view.step in _CAN_SKIP)
        self.stop.setVisible(view.step not in (Step.DONE, Step.STOPPED))
        if view.step is Step.DONE:
            self._evaluate()

    def _go_on(self) -> None:
        if self.guided is not None:
            self.guided.go_on(self.vm.snapshot.clock.time)
            self.tick()

    def _rate(self, rating: Rating) -> None:
        if self.guided is not None:
            self.guided.rate(self.vm.snapshot.clock.time, rating)
            self.tick()

    def _stop(self) -> None:
        if self.guided is not None:
            self.guided.stop(self.vm.snapshot.clock.time)
            self.tick()

    def _evaluate(self) -> None:
        if self.guided is None or self._evaluating:
            return
        self._evaluating = True
        self._progress.setRange(0, 0)
        self._progress.setFormat("")
        guided = self.guided
        run_aside(self, lambda: self._service.evaluate(guided), self.show_verdict, self._failed)

    def _failed(self, error: Exception) -> None:
        self._evaluating = False
        self._progress.hide()
        self.guided = None
        self.status.setText(str(error))
        if not isinstance(error, BciAffectError):
            raise error

    def show_verdict(self, verdict: CalibrationResult) -> None:
        """Show the verdict: the sentence first, then its figures."""
        self.verdict = verdict
        self._evaluating = False
        self._progress.hide()
        self._head.setText(tr("Result"))
        self._text.setText(verdict.headline)
        rows = "".join(
            f"<tr><td style='color:{self.theme.muted}; padding-right:24px'>{escape(name)}</td>"
            f"<td>{escape(value)}</td></tr>"
            for name, value in verdict.figures
        )
        words = "".join(f"<p>{escape(sentence)}</p>" for sentence in verdict.sentences) + "<p></p>"
        self.result.setHtml(f"{words}<table cellspacing='0' cellpadding='4'>{rows}</table>")
        self.pages.setCurrentWidget(self.result)
        for button in (self.go_on, self.stop):
            button.hide()
        self.report.setVisible(verdict.report is not None)
        self.session.show()

    def _open_report(self) -> None:
        path = self.verdict.report if self.verdict is not None else None
        if path is not None and not open_with_desktop(path):
            self.status.setText(tr("No program opens it here; it is at {path}", path=path))

    def _start_session(self) -> None:
        self.close()
        self.session_asked.emit(self._service.profile)

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        self._stop()
        event.accept()
