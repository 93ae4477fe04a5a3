"""Accessibility of the window: keyboard only, colour-blind users, any screen scale."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.gui.panels.base import Panel
from bci_affect.gui.services import Services
from bci_affect.gui.theme import THEMES
from bci_affect.gui.window import MainWindow
from tests.gui.scripted import ScriptedSession
from tests.gui.scripted_services import ScriptedLibrary, ScriptedReplay

ROOT = Path(__file__).resolve().parents[2]
TOLD_APART = (
    ("good", "fair", "bad"),
    ("eeg", "music", "target", "report"),
    ("eeg", "mark"),
)
"""Colours that stand for different things in one drawing."""
# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
BLIND = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def seen(value: str, kind: str) -> np.ndarray:
    """Return a colour in CIE Lab as such eyes see it."""
    c = QtGui.QColor(value)
    rgb = np.array([c.redF(), c.greenF(), c.blueF()])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(BLIND[kind]) @ linear, 0, 1)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    x, y, z = np.cbrt(to_xyz @ linear / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", sorted(THEMES))
@pytest.mark.parametrize("kind", sorted(BLIND))
def test_colours_differ_for_colour_blind_eyes(theme: str, kind: str) -> None:
    """A difference of 10 in CIE Lab is visible at a glance; shape and text repeat the meaning."""
    t = THEMES[theme]
    for group in TOLD_APART:
        for one, other in combinations(group, 2):
            far = np.linalg.norm(seen(getattr(t, one), kind) - seen(getattr(t, other), kind))
            assert far >= 10, f"{one} and {other}: {far:.1f}"


def test_every_control_is_reached_by_the_tabulator(
    session: ScriptedSession, open_window: Callable[..., MainWindow]
) -> None:
    services = Services(music=ScriptedLibrary(), replay=ScriptedReplay())
    window = open_window(session, size=(1920, 1080), services=services)
    window.activateWindow()
    QtWidgets.QApplication.processEvents()
    reached: set[QtWidgets.QWidget] = set()

    def among_one_reached(widget: QtWidgets.QWidget) -> bool:
        """Arrow keys move between the buttons of an exclusive group."""
        group = widget.group() if isinstance(widget, QtWidgets.QAbstractButton) else None
        return group is not None and any(button in reached for button in group.buttons())

    for _ in range(300):
        window.focusNextPrevChild(True)
        reached.add(QtWidgets.QApplication.focusWidget())
    kinds = (
        *(QtWidgets.QAbstractButton, QtWidgets.QComboBox, QtWidgets.QLineEdit),
        *(QtWidgets.QAbstractSlider, Panel),
    )
    missed = [
        widget.accessibleName() or widget.toolTip() or type(widget).__name__
        for kind in kinds
        for widget in window.findChildren(kind)
        if not widget.visibleRegion().isEmpty()
        and widget.isEnabled()
        and widget.focusPolicy() != QtCore.Qt.FocusPolicy.NoFocus
        and widget not in reached
        and not among_one_reached(widget)
    ]
    assert missed == []
    mouse_only = [
        button
        for button in window.findChildren(QtWidgets.QAbstractButton)
        if button.focusPolicy() == QtCore.Qt.FocusPolicy.NoFocus
        and not button.visibleRegion().isEmpty()
        and not isinstance(button.parent(), QtWidgets.QTabBar | QtWidgets.QTabWidget)
    ]
    docks = {dock._bar for dock in window.docks.values()}
    assert all(button.parent() in docks for button in mouse_only), "the menu has what these do"
    assert all(
        widget.accessibleName() or widget.text()
        for widget in window.findChildren(QtWidgets.QAbstractButton)
        if not widget.visibleRegion().isEmpty()
    ), "a screen reader can name every button"


SCALED = """
import sys
from bci_affect.gui.app import application
from bci_affect.gui.window import MainWindow
from tests.gui.scripted import ScriptedSession
app = application()
session = ScriptedSession(8)
session.advance(20)
window = MainWindow(session, size=(1280, 720), theme="dark")
window._timer.stop()
window.show()
for _ in range(12):
    session.advance(0.125)
    window.tick()
    app.processEvents()
picture = window.grab()
print(picture.width(), picture.height(), picture.devicePixelRatio())
layer = window.traces.layer.picture
print(layer.width(), window.traces._rows().width())
"""


def test_fractional_scaling_draws_at_the_screens_own_pixels(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SCALED],
        env={**os.environ, "QT_SCALE_FACTOR": "1.5", "BCI_AFFECT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr
    whole, layer = (line.split() for line in run.stdout.splitlines())
    assert [float(x) for x in whole] == [1920, 1080, 1.5]
    assert float(layer[0]) == pytest.approx(1.5 * float(layer[1]), abs=1)
