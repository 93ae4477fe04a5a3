"""Cost of the window: CPU of its thread, frames a second, and milliseconds per panel.

The real engine runs on the simulated listener, with the shipped model, at 250 Hz and 8, 32 and 64
electrodes; the real window (1600 x 1000, all panels) is opened on it and left alone. The CPU time
is that of the window's thread only, painting included. A panel's milliseconds are the mean (and
best, for a busy machine) of drawing it into a picture; its share of a core is the mean times the
rate at which it is drawn.
Without a screen Qt's offscreen platform is used, which paints with the same software.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bci_affect.eeg import CAPS, Chunk, make_montage
from bci_affect.simulation import EegSimulator, SimulatedPerson
from bci_affect.streams import (
    ConnectionState,
    Health,
    Marker,
    RawTap,
    SideStream,
    StreamInfo,
    local_clock,
)

RATE_HZ = 250.0
CHANNELS = (8, 32, 64)
SIZE = (1600, 1000)
# fmt: off
_MORE = [
    "AF7", "AF8", "AFz", "F1", "F2", "F5", "F6", "FT7", "FT8", "FC3", "FC4", "FCz", "C1", "C2",
    "C5", "C6", "TP7", "TP8", "CP3", "CP4", "CPz", "P1", "P2", "P5", "P6", "PO7", "PO8", "POz",
    "Fpz", "Iz", "FT9", "FT10",
]
# fmt: on
NAMES = {8: [*CAPS["cyton"]], 32: [*CAPS["cap32"]], 64: [*CAPS["cap32"], *_MORE]}


class SimulatedSource:
    """A `Source` of simulated EEG at the pace of the clock."""

    tap: RawTap | None = None
    awaited = due = math.nan

    def __init__(self, names: list[str]) -> None:
        montage = make_montage(names)
        self.info = StreamInfo(
            name=f"Simulated, {len(names)} electrodes",
            type="EEG",
            source_id="benchmark",
            rate_hz=RATE_HZ,
            labels=montage.names,
            units=("microvolts",) * len(names),
            montage=montage,
            simulated=True,
        )
        self._simulator = EegSimulator(
            names, montage.positions, RATE_HZ, SimulatedPerson.draw(1), seed=1
        )
        self._start, self._sent = math.nan, 0
        self._closed = threading.Event()

    @property
    def health(self) -> Health:
        """State `STREAMING`, with no sample lost."""
        return Health(
            ConnectionState.STREAMING, "", self._start, RATE_HZ, RATE_HZ, self._sent, self._sent
        )

    def open(self, timeout_s: float) -> StreamInfo:
        """Start the clock."""
        self._start = local_clock()
        return self.info

    def read(self, timeout_s: float) -> Chunk | None:
        """Return the samples that are due after a device's interval of 40 ms."""
        self._closed.wait(0.04)
        due = int((local_clock() - self._start) * RATE_HZ) - self._sent
        if due <= 0:
            return None
        block = self._simulator.block(due, valence=0.4, arousal=-0.2)
        times = self._start + (self._sent + np.arange(due)) / RATE_HZ
        self._sent += due
        return Chunk(np.asarray(block, dtype=np.float32), times)

    def side_streams(self) -> list[SideStream]:
        """Return no stream: there is none next to the EEG."""
        return []

    def markers(self) -> list[Marker]:
        """Return nothing: there are none."""
        return []

    def close(self) -> None:
        """Stop."""
        self._closed.set()


def run(quick: bool) -> dict[str, Any]:
    """Measure the window at 8, 32 and 64 electrodes."""
    from bci_affect.gui import application

    if not any(os.environ.get(key) for key in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    app = application()
    figures: dict[str, Any] = {"platform": app.platformName(), "size": "x".join(map(str, SIZE))}
    for n_channels in CHANNELS:
        figures[f"{n_channels}_channels"] = _measure(app, n_channels, 6.0 if quick else 25.0)
    return figures


def _measure(app: Any, n_channels: int, seconds: float) -> dict[str, Any]:
    from bci_affect.config import LiveSettings
    from bci_affect.gui import MainWindow
    from bci_affect.session import LiveSession, load_predictor, path_factory

    predictor = load_predictor(None)
    session = LiveSession(
        SimulatedSource(NAMES[n_channels]),
        path_factory(predictor, LiveSettings()),
        model_name=predictor.card.name,
        model_summary=predictor.card.summary,
    )
    session.start(5.0)
    window = MainWindow(session, theme="dark", size=SIZE)
    try:
        window.show()
        _spin(app, 20.0, lambda: len(window.vm.timeline) > 0)
        _spin(app, 10.0 if seconds > 10 else 2.0)  # the traces fill
        wall, cpu, ticks = time.perf_counter(), time.thread_time(), window.pace.ticks
        _spin(app, seconds)
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        ticks = window.pace.ticks - ticks
        return {
            "frames_per_second": ticks / wall,
            "cpu_ms_per_frame": 1000 * cpu / max(1, ticks),
            "cpu_share_of_a_core": cpu / wall,
            "estimates_shown": len(window.vm.timeline),
            "panels": _panels(window, ticks / wall),
        }
    finally:
        window._timer.stop()
        session.stop()
        window.vm.tick()
        window.end_and_close()
        _spin(app, 0.3)
        window.deleteLater()


def _panels(window: Any, frames_per_second: float) -> dict[str, Any]:
    """Draw every visible panel several times into a picture."""
    from pyqtgraph.Qt import QtGui

    window._timer.stop()
    costs: dict[str, Any] = {}
    for panel in window.panels:
        if panel.visibleRegion().isEmpty():
            continue
        picture = QtGui.QImage(panel.size(), QtGui.QImage.Format.Format_RGB32)
        times = []
        for _ in range(12):
            window.vm.snapshot = window.control.snapshot()
            began = time.thread_time()
            panel.refresh()
            panel.render(picture)
            times.append(1000 * (time.thread_time() - began))
        ms = sum(times) / len(times)
        costs[panel.key] = {
            "ms": ms,
            "ms_best": min(times),
            "every_nth_frame": panel.divisor,
            "share_of_a_core": ms / 1000 * frames_per_second / panel.divisor,
        }
    return costs


def _spin(app: Any, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
    """Run the event loop until a time or a condition."""
    from pyqtgraph.Qt import QtCore

    loop = QtCore.QEventLoop()
    look = QtCore.QTimer()
    look.setInterval(100)
    look.timeout.connect(lambda: loop.quit() if until() else None)
    look.start()
    QtCore.QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()
    look.stop()
