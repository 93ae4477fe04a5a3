"""Base of all panels: refresh, theme, and painting helpers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.gui.theme import DARK, Theme
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.safe_text import plain_text

_NARROWEST_CHOICE = 74


class Panel(QtWidgets.QWidget):
    """Part of the window that draws the view model at its own rate.

    Attributes
    ----------
    key : str
        Name in saved layouts; never translated.
    divisor : int
        The panel is drawn at every `divisor`-th tick.
    commands_session : bool
        The panel sends commands, so it is disabled when the session has ended.
    """

    key: ClassVar[str] = ""
    divisor: ClassVar[int] = 1
    commands_session: ClassVar[bool] = False

    def __init__(self, vm: ViewModel) -> None:
        super().__init__()
        self.vm = vm
        self.theme = DARK
        self.setObjectName("panel")
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_StyledBackground, True)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)

    def title(self) -> str:
        """Return the heading of the panel."""
        raise NotImplementedError

    def tools(self) -> list[QtWidgets.QWidget]:
        """Return the text at the right of the heading."""
        return []

    def refresh(self) -> None:
        """Draw the view model; called only while the panel is visible."""
        raise NotImplementedError

    def apply_theme(self, theme: Theme) -> None:
        """Apply new colours."""
        self.theme = theme
        self.update()


class Drawing(QtWidgets.QWidget):
    """Widget that draws itself in the colours of a theme, once it has one.

    Attributes
    ----------
    theme : Theme or None
        Nothing is drawn without it.
    smooth : bool
        Draw with antialiasing.
    """

    smooth: ClassVar[bool] = True
    theme: Theme | None = None

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        if self.theme is None:
            return
        p = QtGui.QPainter(self)
        p.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing, self.smooth)
        self.draw(p, self.theme)
        p.end()

    def draw(self, p: QtGui.QPainter, t: Theme) -> None:
        """Draw the widget."""
        raise NotImplementedError


def font(widget: QtWidgets.QWidget, points: float, *, bold: bool = False) -> QtGui.QFont:
    """Return the widget's font at a size in device-independent pixels."""
    made = QtGui.QFont(widget.font())
    made.setPixelSize(max(8, round(points)))
    made.setBold(bold)
    return made


@lru_cache(maxsize=512)
def colour(value: str, alpha: float = 1.0) -> QtGui.QColor:
    """Return a colour of the theme, with an opacity, as a shared read-only object."""
    made = QtGui.QColor(value)
    made.setAlphaF(min(1.0, max(0.0, alpha)))
    return made


def label(text: str = "", name: str = "", tip: str = "") -> QtWidgets.QLabel:
    """Return a label of plain text with a style name and a tool tip."""
    made = QtWidgets.QLabel()
    made.setTextFormat(QtCore.Qt.TextFormat.PlainText)
    made.setText(text)
    if name:
        made.setObjectName(name)
    if tip:
        set_tip(made, tip)
    return made


def set_tip(widget: QtWidgets.QWidget, text: str) -> None:
    """Set a tool tip of plain text."""
    widget.setToolTip(plain_text(text))


def set_text(widget: QtWidgets.QLabel, text: str) -> None:
    """Set a label's text only if it differs, to avoid a needless layout."""
    if widget.text() != text:
        widget.setText(text)


class Choice(QtWidgets.QComboBox):
    """A drop-down list whose arrow follows the theme."""

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        _draw_arrows(self, ((-1.5, 5.0),))


class Stepper(QtWidgets.QSpinBox):
    """A number to step through, with arrows that follow the theme."""

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        _draw_arrows(self, ((-3.0, -4.5), (3.0, 4.5)))


def _draw_arrows(field: QtWidgets.QWidget, arrows: Sequence[tuple[float, float]]) -> None:
    """Draw arrows at a field's right: where each begins below its middle, and its height down."""
    p = QtGui.QPainter(field)
    p.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
    p.setPen(QtCore.Qt.PenStyle.NoPen)
    p.setBrush(field.palette().color(QtGui.QPalette.ColorRole.ButtonText))
    x, middle = field.width() - 12.0, field.height() / 2
    for below, height in arrows:
        y = middle + below
        corners = ((x - 4, y), (x + 4, y), (x, y + height))
        p.drawPolygon(QtGui.QPolygonF([QtCore.QPointF(a, b) for a, b in corners]))
    p.end()


def choice(items: list[str], index: int, tip: str) -> Choice:
    """Return a drop-down list."""
    box = Choice()
    box.addItems(items)
    box.setCurrentIndex(index)
    box.setToolTip(tip)
    box.setAccessibleName(tip)
    box.setMinimumWidth(
        min(_NARROWEST_CHOICE, box.sizeHint().width())
    )  # a narrow panel clips its text
    return box


class Caption(QtWidgets.QLabel):
    """A wrapped explanation below a drawing."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self.setText(text)
        self.setObjectName("caption")
        self.setWordWrap(True)
