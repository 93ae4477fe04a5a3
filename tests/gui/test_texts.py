"""Every text that is shown can be translated."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyqtgraph.Qt import QtWidgets

import bci_affect.gui
from bci_affect.gui import texts
from bci_affect.gui.flows.start import StartWindow
from bci_affect.gui.window import MainWindow
from tests.gui.conftest import tick
from tests.gui.scripted import ScriptedSession
from tests.gui.scripted_services import ScriptedLibrary, ScriptedReplay, ScriptedStart

ROOM = Path(bci_affect.gui.__file__).parent
SHOWING = {
    *("setText", "setToolTip", "setWindowTitle", "setPlaceholderText", "setTitle", "addItem"),
    *("addRow", "addAction", "addMenu", "setInformativeText", "showMessage", "setSpecialValueText"),
    *("label", "set_text", "QLabel", "QPushButton", "QCheckBox", "QRadioButton", "Caption"),
    *("setAccessibleName", "show_text", "say", "setSuffix", "drawText", "choice"),
}


def calls() -> Iterator[tuple[Path, ast.Call, str]]:
    for path in sorted(ROOM.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                name = node.func.id if isinstance(node.func, ast.Name) else name
                yield path, node, name


def bare(node: ast.expr) -> bool:
    """Return True if an argument has a word; the product's name does not count."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        letters = sum(c.isalpha() for c in node.value)
        return letters > 2 and node.value not in ("bci-affect", "REPLAY")
    if isinstance(node, ast.JoinedStr):
        return any(bare(part) for part in node.values)
    return False


STYLE_NAMES = {"badge", "caption", "muted", "number", "title", "heading"}


def test_no_text_is_shown_without_tr() -> None:
    found = []
    for path, call, name in calls():
        if name not in SHOWING:
            continue
        for argument in call.args:
            style = isinstance(argument, ast.Constant) and argument.value in STYLE_NAMES
            if bare(argument) and not style:
                found.append(f"{path.name}:{argument.lineno} {ast.unparse(argument)}")
    assert not found


def test_no_text_is_put_together_before_tr() -> None:
    """A translator needs complete sentences with named places, not pieces."""
    for path, call, name in calls():
        if name == "tr" and call.args:
            assert not isinstance(call.args[0], ast.JoinedStr | ast.BinOp), f"{path}:{call.lineno}"


@pytest.fixture
def pseudo() -> Iterator[None]:
    """A language in which every text is marked and a third longer, as German would be."""
    texts.set_translator(lambda text: f"«{text}{'~' * (len(text) // 3)}»")
    yield
    texts.set_translator(None)


def test_a_translation_reaches_every_label_and_button(
    pseudo: None, session: ScriptedSession, open_window: Callable[..., MainWindow]
) -> None:
    from bci_affect.gui.services import Services

    services = Services(music=ScriptedLibrary(), replay=ScriptedReplay())
    window = open_window(session, services=services)
    window.toggle_diagnostics()
    tick(window, session, 14)
    start = StartWindow(ScriptedStart(), "dark")
    data = {
        *(t.title for t in session.player.tracks),
        "Lumen Quartet - Small Hours",
        "?",
        "bci-affect",
    }
    for top in (window, start):
        kinds = (QtWidgets.QLabel, QtWidgets.QPushButton, QtWidgets.QCheckBox)
        shown = [w.text() for kind in kinds for w in top.findChildren(kind)]
        shown += [w.windowTitle() for w in top.findChildren(QtWidgets.QDockWidget)]
        left = [
            text
            for text in shown
            if sum(c.isalpha() for c in text) > 2 and "«" not in text and text not in data
        ]
        known = ("Lumen Quartet", "Ada Field", "The Halyards", "scripted", "Hz")
        assert [text for text in left if not any(word in text for word in known)] == []
    start.close()
    start.deleteLater()
