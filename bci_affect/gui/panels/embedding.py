"""Map of the common space in two dimensions: the library and the listener's path."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pyqtgraph.Qt import QtCore, QtGui

from bci_affect.gui.panels.base import Panel, colour, font, set_tip
from bci_affect.gui.reading import Kind
from bci_affect.gui.services import MusicView
from bci_affect.gui.texts import tr
from bci_affect.gui.viewmodel import ViewModel

_PATH_POINTS = 240
_NAMED_UP_TO = 60
"""Most tracks for which all names are drawn; above it only the playing track has one."""


def flatten(points: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Find the plane in which points differ most (principal components).

    Returns
    -------
    mean : ndarray, shape (d,)
    axes : ndarray, shape (d, 2)
        Each with its largest component positive, so that the map does not flip between starts.
    explained : float
        Share of the variance that the map keeps, 0 to 1.
    """
    x = np.asarray(points, dtype=np.float64)
    mean = x.mean(axis=0)
    _, singular, rows = np.linalg.svd(x - mean, full_matrices=False)
    axes = np.zeros((x.shape[1], 2))
    k = min(2, len(rows))
    axes[:, :k] = rows[:k].T
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    total = float((singular**2).sum())
    return mean, axes, float((singular[:k] ** 2).sum()) / total if total else 0.0


class EmbeddingPanel(Panel):
    """Map with tracks as dots and the listener as a line; a double-click plays a track."""

    key = "embedding"
    divisor = 15
    commands_session = True

    def __init__(self, vm: ViewModel, music: MusicView | None) -> None:
        super().__init__(vm)
        self._music = music
        self._ids: list[int] = []
        self._dots = np.zeros((0, 2))
        self._mean = np.zeros(0)
        self._axes = np.zeros((0, 2))
        self._explained = 0.0
        self._path: list[tuple[float, NDArray[np.float64]]] = []
        self._titles: dict[int, str] = {}
        self._empty = tr("This session has no music")
        self.setMouseTracking(True)
        self.setMinimumSize(160, 110)

    def title(self) -> str:
        return tr("Map of the library")

    def _load(self) -> None:
        if self._music is None:
            return
        known = self._music.embeddings()
        if known is None:
            self._empty = tr("The tracks of the library are being placed")
            return
        self._empty = tr("The map appears when the library holds at least three tracks")
        if len(known[0]) < 3 or self._ids == list(known[0]):
            return
        self._ids = list(known[0])
        self._mean, self._axes, self._explained = flatten(known[1])
        self._dots = (known[1] - self._mean) @ self._axes
        self._path.clear()
        self._titles = {track.id: track.title for track in self._music.tracks()}

    def refresh(self) -> None:
        self._load()
        estimate = self.vm.snapshot.affect.estimate
        live = self.vm.reading.kind in (Kind.READING, Kind.UNSURE)
        if estimate is not None and live and len(estimate.embedding) == len(self._mean) > 0:
            self._path.append((estimate.time, (estimate.embedding - self._mean) @ self._axes))
            del self._path[:-_PATH_POINTS]
        self.update()

    def _area(self) -> QtCore.QRectF:
        return QtCore.QRectF(8, 6, max(20, self.width() - 16), max(20, self.height() - 26))

    def _place(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return screen positions, shape (n, 2), at a scale fixed by the library."""
        area = self._area()
        low, high = self._dots.min(axis=0), self._dots.max(axis=0)
        size = float(max((high - low).max(), 1e-9)) * 1.25
        middle = (low + high) / 2
        side = np.array([area.width(), area.height()]) / size
        scaled = (points - middle) * np.array([side[0], -side[1]])
        spot = scaled + np.array([area.center().x(), area.center().y()])
        corners = np.array([[area.left(), area.top()], [area.right(), area.bottom()]])
        return np.asarray(np.clip(spot, corners[0], corners[1]))

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        p = QtGui.QPainter(self)
        p.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        t = self.theme
        flag = QtCore.Qt.AlignmentFlag
        p.setFont(font(self, 12))
        if not self._ids:
            p.setPen(colour(t.muted))
            text = self._empty
            area = QtCore.QRectF(self.rect()).adjusted(16, 8, -16, -8)
            p.drawText(area, flag.AlignCenter | QtCore.Qt.TextFlag.TextWordWrap, text)
            p.end()
            return
        self._paint_tracks(p)
        self._paint_path(p)
        p.setPen(colour(t.muted))
        p.setFont(font(self, 10))
        words = tr(
            "dots: tracks · line: you · {share:.0%} of the variance kept", share=self._explained
        )
        low = QtCore.QRectF(4, self.height() - 18, self.width() - 8, 14)
        p.drawText(low, flag.AlignHCenter, words)
        p.end()

    def _paint_tracks(self, p: QtGui.QPainter) -> None:
        """Draw all dots, then names that fit: playing track, queue, others."""
        t, track, music = self.theme, self.vm.track, self.vm.snapshot.music
        playing = track.id if track is not None else None
        coming = [suggestion.track.id for suggestion in music.queue] if music is not None else []
        spots = self._place(self._dots)
        p.setPen(QtCore.Qt.PenStyle.NoPen)
        for track_id, (x, y) in zip(self._ids, spots, strict=True):
            p.setBrush(colour(t.music, 1.0 if track_id == playing else 0.6))
            r = 6.0 if track_id == playing else 3.5
            p.drawEllipse(QtCore.QPointF(x, y), r, r)
        if self._path:
            spots = np.concatenate([spots, self._place(self._path[-1][1][None])])
        if len(self._ids) > _NAMED_UP_TO:
            named = [i for i, track_id in enumerate(self._ids) if track_id == playing]
        else:
            rank = {track_id: k for k, track_id in enumerate([playing, *coming])}
            named = sorted(
                range(len(self._ids)), key=lambda i: rank.get(self._ids[i], len(rank) + i)
            )
        taken = [QtCore.QRectF(x - 5, y - 5, 10, 10) for x, y in spots]
        for i in named:
            first = self._ids[i] == playing
            p.setFont(font(self, 11 if first else 10, bold=first))
            name = self._titles.get(self._ids[i], "")
            box = self._free_place(p.fontMetrics(), name, spots[i], taken, anyhow=first)
            if box is not None:
                if first:
                    p.fillRect(box, colour(t.panel, 0.75))
                p.setPen(colour(t.text if first else t.muted))
                p.drawText(box, QtCore.Qt.AlignmentFlag.AlignCenter, name)
                taken.append(box)

    def _free_place(
        self,
        letters: QtGui.QFontMetrics,
        name: str,
        spot: NDArray[np.float64],
        taken: list[QtCore.QRectF],
        *,
        anyhow: bool,
    ) -> QtCore.QRectF | None:
        """Return a free rectangle for a name, or None; with `anyhow`, one within the picture."""
        width, height = letters.horizontalAdvance(name) + 4.0, 14.0
        x, y = float(spot[0]), float(spot[1])
        places = [
            QtCore.QRectF(left, top, width, height)
            for left, top in (
                *((x + 8, y - 7), (x - 8 - width, y - 7)),
                *((x - width / 2, y - 21), (x - width / 2, y + 7)),
            )
        ]
        inside = [box for box in places if self._area().contains(box)]
        free = [box for box in inside if not any(box.intersects(other) for other in taken)]
        return next(iter(free or (inside if anyhow else [])), None)

    def _paint_path(self, p: QtGui.QPainter) -> None:
        t = self.theme
        if not self._path:
            return
        spots = self._place(np.array([xy for _, xy in self._path]))
        p.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        n = len(spots)
        for part in range(4):
            piece = spots[max(0, part * n // 4 - 1) : (part + 1) * n // 4]
            if len(piece) > 1:
                p.setPen(QtGui.QPen(colour(t.eeg, 0.25 + 0.22 * part), 1.4))
                p.drawPolyline(QtGui.QPolygonF([QtCore.QPointF(x, y) for x, y in piece]))
        live = self.vm.reading.kind in (Kind.READING, Kind.UNSURE)
        p.setPen(QtGui.QPen(colour(t.text), 1.2))
        p.setBrush(colour(t.eeg if live else t.muted))
        p.drawEllipse(QtCore.QPointF(*spots[-1]), 5, 5)

    def _track_at(self, at: QtCore.QPointF) -> int | None:
        if not self._ids:
            return None
        spots = self._place(self._dots)
        square = (spots[:, 0] - at.x()) ** 2 + (spots[:, 1] - at.y()) ** 2
        nearest = int(square.argmin())
        return self._ids[nearest] if square[nearest] < 81 else None

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        track = self._track_at(event.position())
        title = self._titles.get(track, "") if track is not None else ""
        set_tip(self, tr("{title}: double-click to play", title=title) if title else "")

    def mouseDoubleClickEvent(self, event: QtGui.QMouseEvent) -> None:
        track = self._track_at(event.position())
        if track is not None:
            self.vm.music_command(lambda music: music.choose(track))
