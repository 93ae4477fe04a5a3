"""Entry of the program in the menu of a Linux desktop (freedesktop.org), with its icon."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from bci_affect.errors import BciAffectError
from bci_affect.storage import write_atomically

_SIDES = (48, 128, 256)


def write_desktop_entry() -> Path:
    """Write the desktop entry and the icon for this user; return the entry's file.

    Raises
    ------
    BciAffectError
        If this is no Linux, or the folder cannot be written.
    """
    if not sys.platform.startswith("linux"):
        raise BciAffectError(
            "Desktop entries are for Linux; elsewhere make a link to 'bci-affect-window'."
        )
    from bci_affect.gui.app import application
    from bci_affect.gui.icons import app_icon

    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    application()
    for side in _SIDES:
        folder = data / "icons" / "hicolor" / f"{side}x{side}" / "apps"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BciAffectError(f"Cannot write {folder} ({error.strerror}).") from None
        if not app_icon().pixmap(side, side).save(str(folder / "bci-affect.png"), "PNG"):
            raise BciAffectError(f"Cannot write the icon to {folder}; check its permissions.")
    entry = data / "applications" / "bci-affect.desktop"
    entry.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(entry, _entry(), overwrite=True)
    entry.chmod(0o755)
    return entry


def _entry() -> str:
    program = shutil.which("bci-affect")
    command = f'"{program}"' if program else f'"{sys.executable}" -m bci_affect'
    return (
        "[Desktop Entry]\n"
        "Type=Application\n"
        "Name=bci-affect\n"
        "Comment=EEG, valence and arousal, and music that fits\n"
        f"Exec={command} home\n"
        "Icon=bci-affect\n"
        "Terminal=false\n"
        "Categories=Science;Education;AudioVideo;\n"
    )
