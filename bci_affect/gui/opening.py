"""Opening of files and folders with the desktop's programs."""

from __future__ import annotations

from pathlib import Path

from pyqtgraph.Qt import QtCore, QtGui


def open_with_desktop(path: Path) -> bool:
    """Open a file or folder with the desktop's program for it; return False without one."""
    return bool(QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(str(path))))
