"""Badge of the headset that the program connects itself: battery and state of the connection."""

from __future__ import annotations

import math

from pyqtgraph.Qt import QtWidgets

from bci_affect.gui.panels.base import set_text, set_tip
from bci_affect.gui.services import HeadsetStatus, HeadsetView
from bci_affect.gui.texts import tr
from bci_affect.gui.theme import Theme
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.session import Message
from bci_affect.streams import ConnectionState

LOW_PERCENT = 15.0


class HeadsetBadge(QtWidgets.QLabel):
    """Battery and connection in the top bar; a cause is also a message of the session.

    Parameters
    ----------
    vm : ViewModel
        Receives the messages.
    headset : HeadsetView
        The connected headset.
    """

    def __init__(self, vm: ViewModel, headset: HeadsetView) -> None:
        super().__init__()
        self._vm, self._headset = vm, headset
        self._reported: tuple[ConnectionState, str] | None = None
        self._warned = False

    def show_state(self, theme: Theme) -> None:
        """Show the present state."""
        status = self._headset.status()
        if status is None:
            set_text(self, "")
            return
        good = status.state is ConnectionState.STREAMING
        low = status.battery <= LOW_PERCENT
        text = "" if math.isnan(status.battery) else f"▮ {status.battery:.0f} %"
        if not good:
            words = {
                ConnectionState.STALLED: tr("headset silent"),
                ConnectionState.STOPPED: tr("headset not connected"),
            }
            text = f"◐ {words.get(status.state, tr('connecting headset'))}"
        tone = theme.fair if not good else theme.bad if low else theme.text
        set_text(self, text)
        set_tip(self, status.reason or tr("Battery of the headset"))
        self.setStyleSheet(f"color: {tone};")
        self._report(status, low=low)

    def _report(self, status: HeadsetStatus, *, low: bool) -> None:
        """Add a message when a cause is new, and when the headset is back."""
        if status.state is ConnectionState.STREAMING:
            if self._reported is not None:
                self._reported = None
                self._say("info", tr("The headset is connected again."))
            if low and not self._warned:
                self._warned = True
                self._say(
                    "warning",
                    tr("The headset's battery is at {p:.0f} %; charge it.", p=status.battery),
                )
            return
        known = (status.state, status.reason)
        if status.reason and known != self._reported:
            self._reported = known
            self._say("warning", status.reason)

    def _say(self, level: str, text: str) -> None:
        time = self._vm.snapshot.clock.time
        self._vm.message_added.emit(
            Message(time, "warning" if level == "warning" else "info", text)
        )
