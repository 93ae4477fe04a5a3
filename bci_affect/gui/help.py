"""Help window with the table of shortcuts."""

from __future__ import annotations

from pyqtgraph.Qt import QtCore, QtWidgets

from bci_affect.gui.panels.base import label
from bci_affect.gui.shortcuts import SHORTCUTS
from bci_affect.gui.texts import tr


class HelpDialog(QtWidgets.QDialog):
    """Window of all shortcuts by group; not modal, so that the session continues."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Shortcuts"))
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        grid = QtWidgets.QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(5)
        row = 0
        for group in dict.fromkeys(s.group for s in SHORTCUTS):
            if row:
                grid.setRowMinimumHeight(row, 10)
                row += 1
            grid.addWidget(label(tr(group), "title"), row, 0, 1, 2)
            row += 1
            for shortcut in (s for s in SHORTCUTS if s.group == group):
                grid.addWidget(label(shortcut.keys, "number"), row, 0)
                grid.addWidget(label(tr(shortcut.text)), row, 1)
                row += 1
        more = label(
            tr(
                "Tab goes from control to control. In the plane, arrow keys move the target; on "
                "the waveform they seek; on the scales, 1 to 9 choose."
            ),
            "caption",
        )
        more.setWordWrap(True)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(20, 16, 20, 16)
        box.addLayout(grid)
        box.addWidget(more)
        close = QtWidgets.QPushButton(tr("Close"))
        close.clicked.connect(self.close)
        box.addWidget(close, 0, QtCore.Qt.AlignmentFlag.AlignRight)
