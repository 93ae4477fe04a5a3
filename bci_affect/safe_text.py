"""Text from outside the program made safe for where it is shown: one function per place.

Stream names, channel labels, markers, titles and notes come from files and from the network. In a
terminal their control characters could move the cursor or change colours, in a window their HTML
could load images, and in a spreadsheet a cell could be a formula. HTML pages escape all values
(Jinja's ``autoescape``), and `bci_affect.storage` makes file names.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

# Control characters except tab and line feed, those that reverse text, and halves of a pair.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def terminal_text(text: str) -> str:
    r"""Return a text whose control characters, which a terminal would obey, are replaced.

    Examples
    --------
    >>> terminal_text("Muse\x1b[2J")
    'Muse�[2J'
    """
    return _CONTROL.sub("\ufffd", text)


def echo(text: str, *, err: bool = False) -> None:
    """Print a line in the terminal."""
    click.echo(terminal_text(text), err=err)


class SafeFormatter(logging.Formatter):
    """Formatter of log messages for the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a message without control characters."""
        return terminal_text(super().format(record))


def json_safe(document: str) -> str:
    r"""Return JSON text whose control characters are escaped.

    Examples
    --------
    >>> json_safe('"\x9b2J"')
    '"\\u009b2J"'
    """
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def plain_text(text: str) -> str:
    """Return a text that Qt shows as it is: it takes a text with HTML tags for HTML otherwise.

    Labels and tool tips with HTML load images, also over the network. The text looks the same: an
    invisible character follows each ``<``.

    Examples
    --------
    >>> len(plain_text("<img>")) - len("<img>")
    1
    """
    return terminal_text(text).replace("<", "<\u2060")


def csv_text(text: str) -> str:
    """Return the text of a CSV cell that no spreadsheet takes for a formula.

    Examples
    --------
    >>> csv_text("=HYPERLINK(1)"), csv_text("Air")
    ("'=HYPERLINK(1)", 'Air')
    """
    text = terminal_text(text)
    return f"'{text}" if text.startswith(_FORMULA) else text


@cache
def _console_class() -> type[Console]:
    from rich.console import Console
    from rich.segment import Segment

    class SafeConsole(Console):
        """Console that prints texts as they are: no markup, emoji codes or control characters."""

        def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                if segment.control is None and _CONTROL.search(segment.text):
                    yield Segment(terminal_text(segment.text), segment.style)
                else:
                    yield segment

    return SafeConsole


def make_console(
    *, stderr: bool = False, soft_wrap: bool = False, highlight: bool = True
) -> Console:
    """Return a console that is safe for any text; styles are given as `rich.text.Text`."""
    return _console_class()(
        stderr=stderr, soft_wrap=soft_wrap, highlight=highlight, markup=False, emoji=False
    )


def make_progress(console: Console, *, transient: bool = False, hidden: bool = False) -> Progress:
    """Return a progress bar whose descriptions are safe; it is hidden outside a terminal."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", style="progress.description", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=transient,
        disable=hidden or not console.is_terminal,
    )
