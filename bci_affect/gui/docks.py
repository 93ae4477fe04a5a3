"""Docks of the panels, with a slim title bar that holds the panel's tools."""

from __future__ import annotations

from pyqtgraph.Qt import QtCore, QtWidgets

from bci_affect.gui.icons import icon
from bci_affect.gui.panels.base import Panel
from bci_affect.gui.panels.topbar import Elided
from bci_affect.gui.texts import tr
from bci_affect.gui.theme import Theme

_NARROWEST_TITLE = 40


class Dock(QtWidgets.QDockWidget):
    """Dock of one panel; can be moved, floated, tabbed and closed."""

    def __init__(self, panel: Panel) -> None:
        super().__init__(panel.title())
        self.panel = panel
        self.setObjectName(f"dock-{panel.key}")
        self.setWidget(panel)
        self._bar = _TitleBar(self, panel)
        self.setTitleBarWidget(self._bar)

    def apply_theme(self, theme: Theme) -> None:
        """Apply new colours to the dock and its panel."""
        self._bar.apply_theme(theme)
        self.panel.apply_theme(theme)


class _TitleBar(QtWidgets.QWidget):
    def __init__(self, dock: Dock, panel: Panel) -> None:
        super().__init__()
        self.setObjectName("dockTitle")
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_StyledBackground, True)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(8, 2, 2, 2)
        row.setSpacing(6)
        title = Elided(hugging=True)
        title.setMinimumWidth(_NARROWEST_TITLE)
        title.show_text(panel.title())
        row.addWidget(title, 100)
        row.addStretch(1)
        for tool in panel.tools():
            row.addWidget(tool)
        self._buttons: list[tuple[QtWidgets.QToolButton, str]] = []
        for sign, tip, action in (
            (
                "float",
                tr("Take out of the window, or put back"),
                lambda: dock.setFloating(not dock.isFloating()),
            ),
            ("close", tr("Hide (View menu shows it again)"), dock.close),
        ):
            button = QtWidgets.QToolButton()
            button.setObjectName("flat")
            self._buttons.append((button, sign))
            button.setToolTip(tip)
            button.setAccessibleName(f"{panel.title()}: {tip}")
            button.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)
            button.clicked.connect(action)
            row.addWidget(button)

    def apply_theme(self, theme: Theme) -> None:
        for button, sign in self._buttons:
            button.setIcon(icon(sign, theme.muted))
            button.setIconSize(QtCore.QSize(12, 12))
