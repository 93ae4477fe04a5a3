"""One set of hostile strings through every place where text from outside is shown."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from bci_affect.cli.output import json_text
from bci_affect.errors import BciAffectError
from bci_affect.safe_text import (
    SafeFormatter,
    csv_text,
    echo,
    make_console,
    make_progress,
    plain_text,
)
from bci_affect.storage import safe_name, unique_name
from tests.hostile_strings import HOSTILE

COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that a terminal or a line of text obeys."""


def without_style(text: str) -> str:
    """Remove the console's own colours and movements, which end in a letter."""
    return re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.parametrize("text", HOSTILE)
def test_the_console_prints_texts_and_obeys_none(text: str) -> None:
    console = make_console(soft_wrap=True)
    console.file = io.StringIO()
    console._force_terminal = True
    console._color_system = None
    table = Table(text)
    table.add_row(text)
    for shown in (text, Text(text), table, Text.assemble("missing: ", (text, "red"))):
        console.print(shown)
    console.print(text, style="bold")
    with console.status(Text(text)), make_progress(console, transient=True) as bar:
        bar.add_task(text, total=1.0)
    printed = console.file.getvalue()
    rest = without_style(printed).replace("\r", "")
    assert not COMMANDS.search(rest)
    if "[bold]" in text:
        assert rest.count("[bold]markup[/bold]") >= 5
    assert "title\x07" not in printed


@pytest.mark.parametrize("text", HOSTILE)
def test_lines_errors_and_log_messages_are_clean(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    echo(f"Recording '{text}'")
    echo(f"bci-affect: {BciAffectError(text)}", err=True)
    record = logging.LogRecord("a", logging.WARNING, "", 0, "Stream '%s'.", (text,), None)
    shown = SafeFormatter("%(message)s").format(record)
    output = capsys.readouterr()
    for printed in (output.out, output.err, shown):
        assert printed
        assert not COMMANDS.search(printed)


@pytest.mark.parametrize("text", HOSTILE)
def test_json_holds_the_same_text_and_no_commands(text: str) -> None:
    printed = json_text({"name": text})
    assert not COMMANDS.search(printed)
    printed.encode()
    assert json.loads(printed) == {"name": text}


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_is_a_formula(text: str) -> None:
    file = io.StringIO()
    csv.writer(file).writerow(["1.0", csv_text(text)])
    file.seek(0)
    (row,) = csv.reader(file)
    assert len(row) == 2
    assert not row[1].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@pytest.mark.parametrize("text", HOSTILE)
def test_names_of_files_stay_in_their_folder(text: str, tmp_path: Path) -> None:
    for name in (safe_name(text), unique_name(text)):
        path = tmp_path / f"{name}.html"
        path.write_text("")
        assert path.resolve().parent == tmp_path.resolve()
        assert len(path.name.encode()) < 200
    assert safe_name("CON") != "CON"


@pytest.mark.parametrize("text", HOSTILE)
def test_labels_and_tool_tips_of_the_window_are_plain_text(text: str) -> None:
    pytest.importorskip("PyQt6")
    from PyQt6 import QtCore, QtWidgets

    from bci_affect.gui.panels.base import Caption, label
    from bci_affect.gui.panels.topbar import Elided

    app = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    text = text.encode("utf-8", "replace").decode()
    elided = Elided()
    elided.show_text(text)
    made = label(text, tip=text)
    for widget in (made, elided, Caption(text)):
        assert widget.textFormat() == QtCore.Qt.TextFormat.PlainText
        assert widget.text() == text
        widget.grab()
    for tip in (made.toolTip(), elided.toolTip(), plain_text(text)):
        assert not QtCore.Qt.mightBeRichText(tip)
    del app
