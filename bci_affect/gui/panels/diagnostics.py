"""Diagnostics drawer: figures of every component, and all messages."""

from __future__ import annotations

import math

from pyqtgraph.Qt import QtCore, QtWidgets

from bci_affect.gui.pace import FramePacer
from bci_affect.gui.panels.base import Panel
from bci_affect.gui.texts import clock, tr
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.safe_text import plain_text
from bci_affect.session import Message


class DiagnosticsPanel(Panel):
    """A table of names and values that stays in place, and the messages below."""

    key = "diagnostics"
    divisor = 25

    def __init__(self, vm: ViewModel, pace: FramePacer) -> None:
        super().__init__(vm)
        self._pace = pace
        self._table = QtWidgets.QTableWidget(0, 2)
        self._table.horizontalHeader().hide()
        self._table.verticalHeader().hide()
        self._table.horizontalHeader().setStretchLastSection(True)
        self._table.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setShowGrid(False)
        self._table.setAlternatingRowColors(True)
        self._table.verticalHeader().setDefaultSectionSize(20)
        self._messages = QtWidgets.QPlainTextEdit()
        self._messages.setReadOnly(True)
        self._messages.setMaximumBlockCount(500)
        self._messages.setPlaceholderText(tr("Messages of the session"))
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 6)
        box.addWidget(self._table, 5)
        box.addWidget(self._messages, 2)
        self.setMinimumWidth(240)
        vm.message_added.connect(self._add)

    def title(self) -> str:
        return tr("Diagnostics")

    def _add(self, message: Message) -> None:
        at = clock(message.time - self.vm.started)
        self._messages.appendPlainText(f"{at}  {message.level}: {message.text}")

    def figures(self) -> list[tuple[str, str]]:
        """Return all names and values."""
        s = self.vm.snapshot
        rows: list[tuple[str, str]] = []
        if s.stream is not None:
            info, h = s.stream.info, s.stream.health
            units = ", ".join(sorted({u or tr("not named") for u in info.units}))
            rows += [
                (tr("Stream"), f"{info.name} · {info.type} · {info.source_id or '-'}"),
                (tr("Channels"), f"{len(info.labels)}, {tr('units')}: {units}"),
                (tr("Connection"), f"{h.state.value} {h.reason}".strip()),
                (
                    tr("Samples"),
                    tr(
                        "{r} of {e}, {l} lost, {d} late",
                        r=h.received,
                        e=h.expected,
                        l=h.lost,
                        d=h.late,
                    ),
                ),
                (tr("Clock offset"), f"{h.clock_offset_s * 1000:+.3f} ms"),
            ]
            rows += [
                (
                    f"{side.name} · {side.type or '-'}",
                    tr(
                        "{hz:.1f} of {nominal:g} Hz, {n} samples, newest {age:.1f} s old",
                        hz=side.effective_hz,
                        nominal=side.nominal_hz,
                        n=side.received,
                        age=side.age_s,
                    ),
                )
                for side in s.stream.sides
            ]
        if s.affect.window is not None:
            rows += [
                (tr("Window"), f"#{s.affect.window.index} {s.affect.window.state.value}"),
                (tr("Reasons"), "; ".join(s.affect.window.reasons) or "-"),
            ]
        if s.affect.estimate is not None:
            e = s.affect.estimate
            rows += [
                (tr("P(high)"), f"valence {e.valence_prob:.3f}, arousal {e.arousal_prob:.3f}"),
                (tr("Confidence"), f"{e.confidence:.3f}, {tr('quality')} {e.quality:.2f}"),
            ]
        p50, p99 = _ms(s.affect.latency_p50_ms), _ms(s.affect.latency_p99_ms)
        rows += [
            (tr("Latency"), f"{p50} / {p99} (p50 / p99)"),
            (tr("Model"), f"{s.model.name}: {s.model.summary}"),
            (tr("Profile"), s.model.profile or "-"),
        ]
        if s.music is not None:
            player = s.music.player
            rows += [
                (tr("Policy"), s.music.policy),
                (tr("Audio"), f"{player.device or '-'}, {tr('starved')} {player.starved}"),
            ]
        rows.append(
            (
                tr("Window drawing"),
                tr(
                    "{fps:.0f} frames/s, {cpu:.0%} of a core, {ms:.1f} ms a tick",
                    fps=self._pace.fps,
                    cpu=self._pace.cpu_share,
                    ms=self._pace.tick_ms,
                ),
            )
        )
        return rows

    def refresh(self) -> None:
        rows = self.figures()
        if self._table.rowCount() != len(rows):
            self._table.setRowCount(len(rows))
            QtCore.QTimer.singleShot(0, lambda: self._table.resizeColumnToContents(0))
        for i, pair in enumerate(rows):
            for j, text in enumerate(pair):
                item = self._table.item(i, j)
                if item is None:
                    item = QtWidgets.QTableWidgetItem()
                    item.setFlags(QtCore.Qt.ItemFlag.ItemIsEnabled)
                    self._table.setItem(i, j, item)
                if item.text() != text:
                    item.setText(text)
                    item.setToolTip(plain_text(text))


def _ms(value: float) -> str:
    return f"{value:.1f} ms" if math.isfinite(value) else "-"
