"""``home``: the window's home page, and its entry in the desktop's menu."""

from __future__ import annotations

from typing import Annotated

import typer

from bci_affect.cli.live import Theme
from bci_affect.safe_text import echo


def home(
    desktop_entry: Annotated[
        bool,
        typer.Option("--desktop-entry", help="Add the program to the desktop's menu (Linux)."),
    ] = False,
    theme: Theme = None,
) -> None:
    """Open the home page of the window.

    It leads to sessions, calibration, recordings and profiles. The same page opens when the program
    is started without a command.

    Example: bci-affect home
    """
    from bci_affect.app import run_home
    from bci_affect.session import SessionOptions

    if desktop_entry:
        from bci_affect.gui import write_desktop_entry

        echo(f"Wrote {write_desktop_entry()}; the desktop's menu lists bci-affect.")
        return
    run_home(SessionOptions(), 30.0, theme)
