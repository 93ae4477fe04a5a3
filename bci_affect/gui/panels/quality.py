"""Quality panel: every electrode by shape, colour and word, on the head and in a list."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from pyqtgraph.Qt import QtCore, QtGui

from bci_affect.gui import heads
from bci_affect.gui.panels.attention import paint_head
from bci_affect.gui.panels.base import Panel, colour, font, set_tip
from bci_affect.gui.texts import percent, tr
from bci_affect.gui.theme import Theme
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.streams import ConnectionState

GOOD, FAIR = 0.7, 0.4


@dataclass(frozen=True, slots=True)
class Contact:
    """Electrode with its grade: ``good``, ``fair``, ``bad``, ``off`` by hand, or ``none``.

    ``none`` is an electrode that sends nothing now.
    """

    name: str
    grade: str
    quality: float
    reason: str


def contacts(vm: ViewModel) -> list[Contact]:
    """Return the grades of all EEG channels; empty before the first window."""
    info, window, health = vm.info, vm.snapshot.affect.window, vm.health
    silent = health is not None and health.state is not ConnectionState.STREAMING
    if info is None or window is None or len(window.quality) != len(info.labels):
        return []
    rows = []
    faults = vm.control.electrode_faults()
    for i, name in enumerate(info.labels):
        if not info.montage.is_eeg[i]:
            continue
        value = float(window.quality[i])
        reason = next((r for r in window.reasons if _names(r, name)), "")
        reason = reason or ", ".join(faults.get(name, ()))
        if silent:
            rows.append(Contact(name, "none", 0.0, ""))
        elif name in vm.manual_bad:
            rows.append(Contact(name, "off", value, tr("taken out by hand")))
        elif not window.mask[i]:
            rows.append(Contact(name, "bad", value, reason or tr("not used")))
        else:
            grade = "good" if value >= GOOD else "fair" if value >= FAIR else "bad"
            if grade != "good":
                reason = reason or tr("its signal is clean {q} of the time", q=percent(value))
            rows.append(Contact(name, grade, value, reason))
    return rows


def _names(reason: str, name: str) -> bool:
    """Return True if a reason (``"TP9, TP10: flat"``) names this electrode."""
    head = reason.partition(":")[0]
    return name in [part.strip() for part in head.split(",")]


def contact_words(contact: Contact) -> str:
    """Return an electrode's name, grade and reason in one line."""
    grade = tr(_WORDS.get(contact.grade, "no signal"))
    return f"{contact.name}: {grade}" + (f" ({contact.reason})" if contact.reason else "")


_WORDS = {"good": "good", "fair": "fair", "bad": "bad", "off": "off"}


class QualityPanel(Panel):
    """Head map with one mark per electrode, and a list of those that need attention."""

    key = "quality"
    divisor = 10

    def __init__(self, vm: ViewModel) -> None:
        super().__init__(vm)
        self._contacts: list[Contact] = []
        self._places = np.zeros((0, 2))
        self._spots: list[tuple[Contact, QtCore.QPointF]] = []  # as painted, for tool tips
        self.setMouseTracking(True)
        self.setMinimumSize(170, 150)
        vm.stream_changed.connect(lambda _: self.place())

    def title(self) -> str:
        return tr("Signal quality")

    def place(self) -> None:
        """Compute the positions of the stream's electrodes."""
        info = self.vm.info
        if info is not None:
            self._places = heads.project(info.montage)[np.asarray(info.montage.is_eeg)]

    def refresh(self) -> None:
        self._contacts = contacts(self.vm)
        self.update()

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        at = event.position()
        near = [
            (math.hypot(spot.x() - at.x(), spot.y() - at.y()), contact)
            for contact, spot in self._spots
        ]
        away, contact = min(near, key=lambda one: one[0], default=(math.inf, None))
        shown = contact is not None and away < 14
        set_tip(self, contact_words(contact) if shown and contact is not None else "")

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        p = QtGui.QPainter(self)
        p.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        t = self.theme
        if not self._contacts:
            p.setPen(colour(t.muted))
            p.setFont(font(self, 12))
            p.drawText(
                QtCore.QRectF(self.rect()),
                QtCore.Qt.AlignmentFlag.AlignCenter,
                tr("Waiting for EEG"),
            )
            p.end()
            return
        list_height = self._list_height()
        radius = min(self.width() / 2 - 18, (self.height() - list_height - 26) / 2)
        centre = QtCore.QPointF(self.width() / 2, 14 + radius)
        paint_head(p, centre, radius, t)
        self._paint_marks(p, t, centre, radius)
        self._paint_list(p, t, min(self.height() - list_height, 2 * radius + 26))
        p.end()

    def _troubled(self) -> list[Contact]:
        order = {"bad": 0, "off": 1, "fair": 2}
        return sorted((c for c in self._contacts if c.grade in order), key=lambda c: order[c.grade])

    def _list_height(self) -> float:
        most = max(2, int(self.height() * 0.32 / 17))
        return 24.0 + 17 * min(most, max(1, len(self._troubled()))) + 4

    def _paint_marks(
        self, p: QtGui.QPainter, t: Theme, centre: QtCore.QPointF, radius: float
    ) -> None:
        n = len(self._contacts)
        self._spots.clear()
        r = float(np.clip(radius * 0.9 / math.sqrt(n) * 0.5, 3.5, 10))
        p.setFont(font(self, float(np.clip(radius / math.sqrt(n) * 0.5, 8, 10))))
        for contact, (x, y) in zip(self._contacts, self._places, strict=False):
            if not np.isfinite(x):
                continue
            at = QtCore.QPointF(centre.x() + x * radius, centre.y() - y * radius)
            paint_mark(p, t, at, r, contact.grade)
            self._spots.append((contact, at))
            p.setPen(colour(t.text))
            inside = math.hypot(x, y - (r + 12) / radius) < 1
            box = QtCore.QRectF(at.x() - 30, at.y() + (r if inside else -r - 13), 60, 13)
            p.drawText(box, QtCore.Qt.AlignmentFlag.AlignHCenter, contact.name)

    def _paint_list(self, p: QtGui.QPainter, t: Theme, top: float) -> None:
        good = sum(c.grade == "good" for c in self._contacts)
        flag = QtCore.Qt.AlignmentFlag
        p.setFont(font(self, 13, bold=True))
        silent = all(c.grade == "none" for c in self._contacts)
        p.setPen(colour(t.good if good == len(self._contacts) else t.bad if silent else t.text))
        head = QtCore.QRectF(8, top, self.width() - 16, 20)
        words = tr("{good} of {n} electrodes good", good=good, n=len(self._contacts))
        if silent:
            words = tr("No signal now")
        p.drawText(head, flag.AlignHCenter, words)
        p.setFont(font(self, 11))
        rows = self._troubled()
        room = int((self.height() - top - 24) // 17)
        shown = rows[: room if len(rows) <= room else max(0, room - 1)]
        y = top + 22
        for contact in shown:
            tone = {"bad": t.bad, "off": t.muted, "fair": t.fair}[contact.grade]
            paint_mark(p, t, QtCore.QPointF(14, y + 8), 4.5, contact.grade)
            p.setPen(colour(tone))
            reason = contact.reason.removeprefix(f"{contact.name}:").strip()
            text = f"{contact.name}  {reason or tr(_WORDS[contact.grade])}"
            box = QtCore.QRectF(24, y, self.width() - 30, 16)
            text = p.fontMetrics().elidedText(
                text, QtCore.Qt.TextElideMode.ElideRight, int(box.width())
            )
            p.drawText(box, flag.AlignVCenter, text)
            y += 17
        if len(shown) < len(rows):
            p.setPen(colour(t.muted))
            p.drawText(
                QtCore.QRectF(24, y, self.width() - 30, 16),
                0,
                tr("and {n} more", n=len(rows) - len(shown)),
            )


def paint_mark(p: QtGui.QPainter, t: Theme, at: QtCore.QPointF, r: float, grade: str) -> None:
    """Draw an electrode: disc = good, triangle = fair, cross = bad, open ring = off or silent."""
    tones = {"good": t.good, "fair": t.fair, "bad": t.bad, "off": t.muted, "none": t.muted}
    tone = colour(tones[grade])
    p.setPen(QtCore.Qt.PenStyle.NoPen)
    p.setBrush(tone)
    if grade == "good":
        p.drawEllipse(at, r, r)
    elif grade == "fair":
        corners = ((0, -1.15), (1.05, 0.8), (-1.05, 0.8))
        p.drawPolygon(QtGui.QPolygonF([at + QtCore.QPointF(x * r, y * r) for x, y in corners]))
    else:
        p.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        p.setPen(QtGui.QPen(tone, max(1.6, r * 0.4)))
        if grade in ("off", "none"):
            p.drawEllipse(at, r * 0.8, r * 0.8)
            return
        d = r * 0.8
        p.drawLine(at + QtCore.QPointF(-d, -d), at + QtCore.QPointF(d, d))
        p.drawLine(at + QtCore.QPointF(-d, d), at + QtCore.QPointF(d, -d))
