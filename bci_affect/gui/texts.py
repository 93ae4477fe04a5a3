"""Texts of the window: `tr` is the one place for a translation."""

from __future__ import annotations

from collections.abc import Callable

_translate: Callable[[str], str] | None = None


def set_translator(translate: Callable[[str], str] | None) -> None:
    """Set the function that translates all texts; None shows them untranslated."""
    global _translate
    _translate = translate


def tr(text: str, /, **values: object) -> str:
    """Return a text in the user's language with ``{name}`` places filled in."""
    shown = _translate(text) if _translate is not None else text
    return shown.format(**values) if values else shown


def clock(seconds: float) -> str:
    """Return seconds as ``m:ss``, or ``h:mm:ss`` from one hour on."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"


def percent(share: float) -> str:
    """Return a share as a percentage without decimals ("55 %"); "-" if it is unknown."""
    return "-" if share != share else f"{100 * share:.0f} %"


def size(n_bytes: int) -> str:
    """Return a file size with its unit."""
    value = float(n_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit in ("B", "kB") else f"{value:.1f} {unit}"
