"""Table of all shortcuts, which also feeds the help."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Keys, the method of the window that they call, and the text in the help.

    Alternative keys are separated by `` / ``. With `with_key` the method receives the key.
    """

    keys: str
    action: str
    text: str
    group: str
    with_key: bool = False


SHORTCUTS: tuple[Shortcut, ...] = (
    Shortcut("Space", "play_or_pause", "Play music, or pause it", "Music"),
    Shortcut("N", "skip", "Next track", "Music"),
    Shortcut("Shift+N", "previous", "Previous track", "Music"),
    Shortcut("Ctrl+L", "open_library", "Music library: search, play, like, ban", "Music"),
    Shortcut("L", "like", "Like the track, or take it back", "Music"),
    Shortcut("B", "ban", "Never play the track again", "Music"),
    Shortcut("M", "mark", "Mark this moment; then write a note and press Enter", "Session"),
    Shortcut(
        " / ".join("0123456789"),
        "mark_digit",
        "Mark with a digit, or with its meaning in the settings",
        "Session",
        with_key=True,
    ),
    Shortcut("S", "rate", "Say how you feel (self-report)", "Session"),
    Shortcut("R", "record", "Start or finish the recording", "Session"),
    Shortcut("Ctrl+P", "pause_session", "Take a break, or end it", "Session"),
    Shortcut("Ctrl+B", "baseline", "Measure a rest baseline, or cancel it", "Session"),
    Shortcut("P", "pause_replay", "Pause or resume a replay", "Session"),
    Shortcut("Ctrl+K", "calibrate", "Calibrate to this person", "Session"),
    Shortcut("Ctrl+E", "stop", "End the session", "Session"),
    Shortcut("Ctrl+Q", "quit", "End the session and quit", "Session"),
    Shortcut("+ / =", "traces_larger", "Larger traces", "View"),
    Shortcut("-", "traces_smaller", "Smaller traces", "View"),
    Shortcut("T", "toggle_theme", "Dark or light", "View"),
    Shortcut("D", "toggle_diagnostics", "Diagnostics drawer", "View"),
    Shortcut("F11", "toggle_full_screen", "Full screen", "View"),
    Shortcut("Ctrl+0", "reset_layout", "Panels back to their places", "View"),
    Shortcut("Ctrl+,", "open_preferences", "Preferences", "View"),
    Shortcut("? / F1", "help", "This help", "View"),
)

SESSION_ACTIONS = frozenset(
    (
        *("play_or_pause", "skip", "previous", "like", "ban"),
        *("mark", "mark_digit", "rate", "record", "pause_session", "baseline", "calibrate", "stop"),
    )
)
"""Actions that need a running session."""
