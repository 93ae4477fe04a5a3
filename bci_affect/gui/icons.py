"""Icons drawn with QPainter: the same with every font and in every theme."""

from __future__ import annotations

from pyqtgraph.Qt import QtCore, QtGui

from bci_affect.gui.theme import DARK

_SHAPES: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "play": (((0.28, 0.16), (0.84, 0.5), (0.28, 0.84)),),
    "pause": (
        ((0.24, 0.18), (0.42, 0.18), (0.42, 0.82), (0.24, 0.82)),
        ((0.58, 0.18), (0.76, 0.18), (0.76, 0.82), (0.58, 0.82)),
    ),
    "next": (
        ((0.16, 0.18), (0.66, 0.5), (0.16, 0.82)),
        ((0.70, 0.18), (0.84, 0.18), (0.84, 0.82), (0.70, 0.82)),
    ),
    "previous": (
        ((0.84, 0.18), (0.34, 0.5), (0.84, 0.82)),
        ((0.16, 0.18), (0.30, 0.18), (0.30, 0.82), (0.16, 0.82)),
    ),
    "stop": (((0.22, 0.22), (0.78, 0.22), (0.78, 0.78), (0.22, 0.78)),),
    "flag": (
        ((0.22, 0.1), (0.32, 0.1), (0.32, 0.92), (0.22, 0.92)),
        ((0.36, 0.14), (0.84, 0.3), (0.36, 0.5)),
    ),
}


def icon(name: str, tone: str, on: str | None = None) -> QtGui.QIcon:
    """Return an icon in a colour; `on` colours it while a checkable button is checked."""
    made = QtGui.QIcon()
    states = QtGui.QIcon.State
    for state, hue in ((states.Off, tone), (states.On, on or tone)):
        made.addPixmap(_draw(name, hue), QtGui.QIcon.Mode.Normal, state)
    return made


def app_icon() -> QtGui.QIcon:
    """Return the icon of the program: the plane of valence and arousal with an estimate."""
    side = 256
    picture = QtGui.QPixmap(side, side)
    picture.fill(QtCore.Qt.GlobalColor.transparent)
    p = QtGui.QPainter(picture)
    p.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
    p.setPen(QtCore.Qt.PenStyle.NoPen)
    p.setBrush(QtGui.QColor(DARK.panel))
    p.drawRoundedRect(QtCore.QRectF(8, 8, 240, 240), 44, 44)
    p.setPen(QtGui.QPen(QtGui.QColor(DARK.muted), 7))
    for start, end in (((128, 38), (128, 218)), ((38, 128), (218, 128))):
        p.drawLine(QtCore.QPointF(*start), QtCore.QPointF(*end))
    pen = QtGui.QPen(QtGui.QColor(DARK.eeg), 12)
    pen.setCapStyle(QtCore.Qt.PenCapStyle.RoundCap)
    p.setPen(pen)
    p.setBrush(QtCore.Qt.BrushStyle.NoBrush)
    path = QtGui.QPainterPath(QtCore.QPointF(62, 186))
    path.cubicTo(90, 110, 120, 200, 172, 88)
    p.drawPath(path)
    p.setPen(QtGui.QPen(QtGui.QColor(DARK.text), 6))
    p.setBrush(QtGui.QColor(DARK.eeg))
    p.drawEllipse(QtCore.QPointF(176, 82), 24, 24)
    p.end()
    return QtGui.QIcon(picture)


def _draw(name: str, tone: str) -> QtGui.QPixmap:
    side = 48.0
    picture = QtGui.QPixmap(int(side), int(side))
    picture.fill(QtCore.Qt.GlobalColor.transparent)
    p = QtGui.QPainter(picture)
    p.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
    p.scale(side, side)
    pen = QtGui.QPen(QtGui.QColor(tone), 0.09)
    pen.setCapStyle(QtCore.Qt.PenCapStyle.RoundCap)
    if name in _SHAPES:
        p.setPen(QtCore.Qt.PenStyle.NoPen)
        p.setBrush(QtGui.QColor(tone))
        for corners in _SHAPES[name]:
            p.drawPolygon(QtGui.QPolygonF([QtCore.QPointF(x, y) for x, y in corners]))
    else:
        p.setPen(pen)
        p.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        _LINES[name](p, QtGui.QColor(tone))
    p.end()
    return picture


def _heart(p: QtGui.QPainter, tone: QtGui.QColor) -> None:
    path = QtGui.QPainterPath(QtCore.QPointF(0.5, 0.86))
    path.cubicTo(0.1, 0.6, 0.05, 0.36, 0.2, 0.24)
    path.cubicTo(0.34, 0.13, 0.47, 0.22, 0.5, 0.34)
    path.cubicTo(0.53, 0.22, 0.66, 0.13, 0.8, 0.24)
    path.cubicTo(0.95, 0.36, 0.9, 0.6, 0.5, 0.86)
    p.setBrush(tone)
    p.drawPath(path)


def _ban(p: QtGui.QPainter, tone: QtGui.QColor) -> None:
    p.drawEllipse(QtCore.QPointF(0.5, 0.5), 0.36, 0.36)
    p.drawLine(QtCore.QPointF(0.25, 0.25), QtCore.QPointF(0.75, 0.75))


def _pin(p: QtGui.QPainter, tone: QtGui.QColor) -> None:
    p.drawLine(QtCore.QPointF(0.5, 0.6), QtCore.QPointF(0.5, 0.92))
    p.setBrush(tone)
    corners = ((0.32, 0.1), (0.68, 0.1), (0.62, 0.38), (0.78, 0.58), (0.22, 0.58), (0.38, 0.38))
    p.drawPolygon(QtGui.QPolygonF([QtCore.QPointF(x, y) for x, y in corners]))


def _float(p: QtGui.QPainter, tone: QtGui.QColor) -> None:
    p.drawRect(QtCore.QRectF(0.16, 0.34, 0.48, 0.48))
    path = QtGui.QPainterPath(QtCore.QPointF(0.38, 0.34))
    for x, y in ((0.38, 0.16), (0.84, 0.16), (0.84, 0.62), (0.64, 0.62)):
        path.lineTo(x, y)
    p.drawPath(path)


def _close(p: QtGui.QPainter, tone: QtGui.QColor) -> None:
    p.drawLine(QtCore.QPointF(0.24, 0.24), QtCore.QPointF(0.76, 0.76))
    p.drawLine(QtCore.QPointF(0.24, 0.76), QtCore.QPointF(0.76, 0.24))


def _record(p: QtGui.QPainter, tone: QtGui.QColor) -> None:
    p.setBrush(tone)
    p.drawEllipse(QtCore.QPointF(0.5, 0.5), 0.32, 0.32)


def _menu(p: QtGui.QPainter, tone: QtGui.QColor) -> None:
    for y in (0.26, 0.5, 0.74):
        p.drawLine(QtCore.QPointF(0.18, y), QtCore.QPointF(0.82, y))


def _info(p: QtGui.QPainter, tone: QtGui.QColor) -> None:
    p.drawEllipse(QtCore.QPointF(0.5, 0.5), 0.38, 0.38)
    p.drawLine(QtCore.QPointF(0.5, 0.48), QtCore.QPointF(0.5, 0.7))
    p.drawLine(QtCore.QPointF(0.5, 0.3), QtCore.QPointF(0.5, 0.31))


_LINES = {
    "info": _info,
    "heart": _heart,
    "ban": _ban,
    "pin": _pin,
    "float": _float,
    "close": _close,
    "record": _record,
    "menu": _menu,
}
